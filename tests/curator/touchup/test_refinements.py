"""Refine in bulk: what is proposed, what a decision changes, and what stays."""

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine, delete, func, select

from curator.pictures.codec import decode_mask, decode_photo
from curator.review.current_mask import current_masks
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from curator.sets.freeze import freeze
from curator.touchup import refinements
from curator.touchup.matting import Matting
from curator.touchup.refinements import Proposed, count_proposals, decide, decided, next_proposals, propose, tinted_side
from db.errors import NotThereError, WinnowError
from db.session import connect, migrate, reading, writing
from db.store import Store
from db.tables import (
    CuratedSet,
    Decision,
    Example,
    Refinement,
    RefinementDecision,
    Split,
    Standing,
    State,
    Suspicion,
    TouchUp,
    TouchUpSave,
    Verdict,
)
from tests.conftest import FakeClock, counted_instructions, on_both_servers
from tests.examples import add_bare_examples, add_examples, png


def judge(engine: Engine, clock: FakeClock, decision: Decision, *examples: int) -> None:
    with writing(engine) as session:
        ada = reviewer_called(session, "Ada").id
        record(session, ada, [NewVerdict(one, decision, None, new_client_id()) for one in examples], clock.pass_(1))


def run(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, split: Split | None = None, limit: int | None = None
) -> Proposed:
    return propose(engine, store, matting, split, limit, clock, lambda done, so_far: None)


def say(engine: Engine, clock: FakeClock, said: dict[int, bool | None]) -> list[int]:
    with writing(engine) as session:
        return decide(session, reviewer_called(session, "Ada").id, said, clock.pass_(1))


def mask_of(engine: Engine, example: int) -> str:
    with reading(engine) as session:
        return current_masks(session, [example])[example].sha256


def waiting(engine: Engine) -> list[int]:
    with reading(engine) as session:
        return [one.refinement for one in next_proposals(session, 99)]


def touch_up(engine: Engine, clock: FakeClock, example: int, mask: str) -> None:
    with writing(engine) as session:
        ada = reviewer_called(session, "Ada").id
        one = TouchUp(
            example_id=example, reviewer_id=ada, mask_before_sha256="0" * 64, started_at=clock.pass_(1), seconds_shown=9
        )
        one.saves = [TouchUpSave(mask_after_sha256=mask, seconds_used=1.0, finished=True, at=clock.pass_(1))]
        session.add(one)


@pytest.fixture
def kept(engine: Engine, store: Store, clock: FakeClock) -> list[int]:
    """Two kept examples of the training split and one of the test split."""
    with writing(engine) as session:
        numbers = [*add_examples(session, store, 3), *add_examples(session, store, 1, Split.test)]
    judge(engine, clock, Decision.keep, *numbers[:2], numbers[3])
    return [*numbers[:2], numbers[3]]


@on_both_servers
def test_each_kept_mask_is_proposed_once_and_nothing_else(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int]
) -> None:
    seen: list[tuple[int, int]] = []
    done = propose(engine, store, matting, Split.train, None, clock, lambda at, now: seen.append((at, now.proposed)))
    assert (done.masks, done.proposed, done.unchanged, done.refused) == (2, 2, 0, 0)
    assert seen == [(0, 0), (1, 1), (2, 2)]
    assert (run(engine, store, matting, clock).masks, run(engine, store, matting, clock).masks) == (1, 0)
    with reading(engine) as session:
        rows = {row.example_id: row for row in session.scalars(select(Refinement))}
        assert sorted(rows) == kept
        for row in rows.values():
            before, after = (decode_mask(store.get(one)) for one in (row.mask_before_sha256, row.alpha_sha256))
            assert row.mask_before_sha256 == session.get_one(Example, row.example_id).mask_sha256
            union = ((before >= 128) | (after >= 128)).sum()
            assert row.iou == pytest.approx(((before >= 128) & (after >= 128)).sum() / union)
            assert row.consistency_before is not None
            assert row.consistency_after is not None
            assert row.accepted is None
        assert count_proposals(session) == 3
        ious = [one.iou for one in next_proposals(session, 99)]
        assert ious == sorted(ious)
    assert mask_of(engine, kept[0]) == rows[kept[0]].mask_before_sha256


def test_a_limit_takes_the_oldest_first(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int]
) -> None:
    assert run(engine, store, matting, clock, limit=1).masks == 1
    with reading(engine) as session:
        assert list(session.scalars(select(Refinement.example_id))) == [kept[0]]


def test_what_changed_much_is_flagged_and_comes_first(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int]
) -> None:
    photo = np.full((512, 512, 3), 220, np.uint8)
    photo[200:300, 200:300] = 30
    coarse = np.zeros((512, 512), np.uint8)
    coarse[194:306, 194:306] = 255
    with writing(engine) as session:
        example = session.get_one(Example, kept[1])
        example.image_sha256, example.mask_sha256 = store.put(png(photo)), store.put(png(coarse))
        other = session.get_one(Example, kept[0])
        whole = np.zeros((512, 512), np.uint8)
        cv2.circle(whole, (256, 256), 200, 255, -1)
        other.image_sha256, other.mask_sha256 = store.put(png(cv2.merge([whole // 2] * 3))), store.put(png(whole))
    done = run(engine, store, matting, clock, Split.train)
    assert done.changed_much == 1
    with reading(engine) as session:
        first = next_proposals(session, 1)[0]
    assert (first.example, first.changed_much) == (kept[1], True)
    assert first.iou == pytest.approx(100**2 / 112**2, abs=0.02)


@on_both_servers
def test_an_accepted_alpha_counts_a_declined_one_does_not_and_both_can_be_taken_back(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int]
) -> None:
    run(engine, store, matting, clock)
    with reading(engine) as session:
        rows = {row.example_id: row for row in session.scalars(select(Refinement))}
    first, second, third = (rows[example] for example in kept)
    assert say(engine, clock, {first.id: True, second.id: False, third.id: True}) == [first.id, second.id, third.id]
    assert [mask_of(engine, one) for one in kept] == [first.alpha_sha256, second.mask_before_sha256, third.alpha_sha256]
    assert waiting(engine) == []
    with reading(engine) as session:
        assert [(one.refinement, accepted, who) for one, accepted, who in decided(session, 2)] == [
            (third.id, True, "Ada"), (second.id, False, "Ada"),
        ]  # fmt: skip
    assert say(engine, clock, {first.id: None, second.id: None}) == [first.id, second.id]
    assert [mask_of(engine, one) for one in kept] == [
        first.mask_before_sha256, second.mask_before_sha256, third.alpha_sha256,
    ]  # fmt: skip
    assert sorted(waiting(engine)) == sorted([first.id, second.id])
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(RefinementDecision)) == 5  # appended, never changed
    assert run(engine, store, matting, clock).masks == 0  # neither what was declined nor what counts is refined again


def test_saying_it_twice_counts_once_and_what_was_erased_is_left_out(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int]
) -> None:
    run(engine, store, matting, clock, limit=1)
    (one,) = waiting(engine)
    assert say(engine, clock, {one: True, 4711: True}) == [one]
    assert say(engine, clock, {one: True}) == []
    assert say(engine, clock, {one: None}) == [one]
    assert say(engine, clock, {one: None}) == []


@on_both_servers
def test_the_newest_of_touch_up_and_refinement_wins(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int]
) -> None:
    run(engine, store, matting, clock, Split.test)
    (one,) = waiting(engine)
    painted, again = store.put(png(np.full((512, 512), 9, np.uint8))), "b" * 64
    touch_up(engine, clock, kept[2], painted)
    assert waiting(engine) == []
    assert say(engine, clock, {one: True}) == []  # its mask is not the one that was refined
    assert mask_of(engine, kept[2]) == painted
    with writing(engine) as session:
        row = session.get_one(Refinement, one)
        row.mask_before_sha256 = painted
        alpha = row.alpha_sha256
    assert say(engine, clock, {one: True}) == [one]
    assert mask_of(engine, kept[2]) == alpha
    touch_up(engine, clock, kept[2], again)
    assert mask_of(engine, kept[2]) == again
    say(engine, clock, {one: None})
    assert mask_of(engine, kept[2]) == again


def test_an_example_that_is_not_kept_any_more_is_not_shown(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int]
) -> None:
    run(engine, store, matting, clock, Split.train)
    judge(engine, clock, Decision.undo, kept[0])
    with reading(engine) as session:
        assert [one.example for one in next_proposals(session, 9)] == [kept[1]]
        assert count_proposals(session) == 1


@on_both_servers
def test_a_frozen_set_has_the_accepted_alphas_of_every_split(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int]
) -> None:
    run(engine, store, matting, clock)
    with reading(engine) as session:
        rows = {row.example_id: row for row in session.scalars(select(Refinement))}
    say(engine, clock, {rows[kept[0]].id: True, rows[kept[1]].id: False, rows[kept[2]].id: True})
    number = freeze(engine, "", clock(), by="Ada").set
    with reading(engine) as session:
        masks = {one.example_id: one.mask_sha256 for one in session.get_one(CuratedSet, number).members}
    assert masks == {
        kept[0]: rows[kept[0]].alpha_sha256,
        kept[1]: rows[kept[1]].mask_before_sha256,
        kept[2]: rows[kept[2]].alpha_sha256,
    }


def test_a_mask_that_cannot_be_refined_costs_no_other_one(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int]
) -> None:
    noise = (np.random.default_rng(0).random((40, 40)) < 0.5).astype(np.uint8) * 255
    ragged = cv2.resize(noise, (512, 512), interpolation=cv2.INTER_NEAREST)
    with writing(engine) as session:
        session.get_one(Example, kept[0]).mask_sha256 = store.put(png(np.asarray(ragged, np.uint8)))
        session.get_one(Example, kept[1]).mask_sha256 = store.put(png(np.zeros((512, 512), np.uint8)))
        session.get_one(Example, kept[2]).image_sha256 = "0" * 64
    done = run(engine, store, matting, clock)
    assert (done.masks, done.proposed, done.unchanged, done.refused) == (3, 0, 1, 2)
    assert done.reasons[0].startswith(f"Example {kept[0]}: ")
    assert "Clean the mask up first" in done.reasons[0]


def test_an_example_erased_while_it_is_refined_leaves_no_row(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = refinements.decode_photo

    def erased_meanwhile(data: bytes) -> object:
        with writing(engine) as session:
            for table in (Verdict, Standing, Suspicion):
                session.execute(delete(table).where(table.example_id == kept[0]))
            session.execute(delete(Example).where(Example.id == kept[0]))
        return decode(data)

    monkeypatch.setattr(refinements, "decode_photo", erased_meanwhile)
    done = run(engine, store, matting, clock, limit=1)
    assert (done.proposed, done.reasons) == (0, [f"Example {kept[0]}: it has been erased."])


def test_stopping_keeps_what_was_proposed(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int]
) -> None:
    def stop(done: int, so_far: Proposed) -> None:
        if done == 1:
            raise WinnowError("stopped")

    with pytest.raises(WinnowError, match="stopped"):
        propose(engine, store, matting, None, None, clock, stop)
    assert len(waiting(engine)) == 1
    assert run(engine, store, matting, clock).masks == 2


def test_both_sides_are_shown_with_their_own_mask(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int]
) -> None:
    run(engine, store, matting, clock, limit=1)
    (one,) = waiting(engine)
    with reading(engine) as session:
        sides = [tinted_side(session, store, one, side, 512) for side in ("before", "after")]
        shown = [cv2.imdecode(np.frombuffer(side, np.uint8), cv2.IMREAD_COLOR) for side in sides]
        assert shown[0].shape == (512, 512, 3)
        assert cv2.norm(shown[0], shown[1]) > 1000
        with pytest.raises(NotThereError, match="Refinement 99 does not exist"):
            tinted_side(session, store, 99, "after", 512)


def test_looking_up_current_masks_costs_each_example_the_same(tmp_path: object, clock: FakeClock) -> None:
    costs = []
    for number in (500, 4000):
        database = connect(f"sqlite:///{tmp_path}/{number}.db")
        migrate(database)
        with writing(database) as session:
            examples = add_bare_examples(session, number, state=State.keep)
            ada = reviewer_called(session, "Ada").id
            for example in examples:
                session.add(
                    Refinement(
                        example_id=example, mask_before_sha256="a" * 64, alpha_sha256=f"{example:064x}", method="m", iou=0.5,
                        accepted=True, at=clock(),
                    )
                )  # fmt: skip
            session.flush()
            session.add_all(
                RefinementDecision(refinement_id=one, reviewer_id=ada, accepted=True, at=clock()) for one in examples
            )
        with reading(database) as session, counted_instructions(session) as hundreds:
            masks = {example: mask.sha256 for example, mask in current_masks(session, examples).items()}
            assert masks == {example: f"{example:064x}" for example in examples}
        costs.append(len(hundreds) / number)
        database.dispose()
    assert costs[1] < 1.5 * costs[0]


def test_a_proposal_leaves_unknown_pixels_alone_and_its_pictures_show_them_grey(
    engine: Engine, store: Store, matting: Matting, clock: FakeClock, kept: list[int]
) -> None:
    unknown = np.zeros((512, 512), np.uint8)
    unknown[:, :256] = 255
    with writing(engine) as session:
        example = session.get_one(Example, kept[0])
        hair = np.where(unknown > 0, np.uint8(0), decode_mask(store.get(example.mask_sha256)))
        example.mask_sha256, example.unknown_sha256 = store.put(png(hair)), store.put(png(unknown))
    assert run(engine, store, matting, clock, limit=1).proposed == 1
    with reading(engine) as session:
        one = session.scalars(select(Refinement)).one()
        assert not decode_mask(store.get(one.alpha_sha256))[unknown > 0].any()
        shown = decode_photo(tinted_side(session, store, one.id, "after", 512))
        photo = decode_photo(store.get(one.example.image_sha256))
    greyed = photo / 4 + 128 * 3 / 4  # WebP costs some
    assert np.abs(shown - greyed)[:, :250].mean() < 3 < np.abs(shown - greyed)[:, 262:].mean()
