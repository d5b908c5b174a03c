"""Frozen sets."""

import dataclasses
import hashlib
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, update
from sqlalchemy.orm import Session

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from curator.sets import freeze as freezing
from curator.sets.freeze import Content, Frozen, add_set, approved_content, freeze, set_hash
from db.errors import WinnowError
from db.session import connect, migrate, reading, writing
from db.store import Store
from db.tables import CuratedSet, Decision, Example, MaskOrigin, Split, State, Submission, TouchUp, TouchUpSave, Verdict
from tests.conftest import FakeClock, counted_instructions, on_both_servers
from tests.examples import add_bare_examples, add_bare_touch_ups, add_examples
from tests.postgres import blocked

REPAIRED = "f" * 64


def decide(engine: Engine, clock: FakeClock, decision: Decision, *examples: int) -> None:
    with writing(engine) as session:
        reviewer = reviewer_called(session, "ada").id
        record(session, reviewer, [NewVerdict(one, decision, None, new_client_id()) for one in examples], clock())


def frozen(engine: Engine, clock: FakeClock) -> Frozen:
    return freeze(engine, "", clock(), by="Ada")


def repair(engine: Engine, clock: FakeClock, example: int, mask: str) -> None:
    """A touch-up that saved this mask, after another one."""
    with writing(engine) as session:
        touch_up = TouchUp(example_id=example, reviewer_id=1, mask_before_sha256="0" * 64, started_at=clock(), seconds_shown=9)
        earlier = TouchUpSave(mask_after_sha256="e" * 64, seconds_used=4.0, finished=False, at=clock())
        touch_up.saves = [earlier, TouchUpSave(mask_after_sha256=mask, seconds_used=9.0, finished=True, at=clock())]
        session.add(touch_up)


def members(engine: Engine, number: int) -> list[tuple[int | None, str, str]]:
    with reading(engine) as session:
        return [(one.example_id, one.mask_sha256, one.split.value) for one in session.get_one(CuratedSet, number).members]


@pytest.fixture
def examples(engine: Engine, store: Store) -> list[int]:
    with writing(engine) as session:
        return add_examples(session, store, 3) + add_examples(session, store, 2, Split.test)


def test_only_what_is_approved_is_frozen(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    decide(engine, clock, Decision.keep, *examples[:4])
    decide(engine, clock, Decision.reject, examples[0])
    one = frozen(engine, clock)
    assert (one.set, one.examples, one.splits) == (1, 3, {"train": 2, "validation": 0, "test": 1})
    assert [number for number, _, _ in members(engine, 1)] == examples[1:4]


def test_a_set_stays_as_it_was_when_verdicts_change(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    decide(engine, clock, Decision.keep, *examples)
    before, first = frozen(engine, clock), members(engine, 1)
    decide(engine, clock, Decision.reject, examples[1])
    second = frozen(engine, clock)
    assert (second.set, second.examples, second.new) == (2, 4, True)
    assert members(engine, 1) == first
    assert before.hash != second.hash


@on_both_servers
def test_what_has_no_consent_any_more_is_never_frozen_and_what_never_had_it_only_if_wanted(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    """The places stay without gaps, in the order of the examples."""
    today = clock().date()
    consents = [
        {"consent_expires": today - timedelta(days=1)},  # it ended yesterday
        {"consent_expires": today, "consent_basis": "form 7"},
        {},
        {"consent_date": today},
        {"drawn": True},
    ]
    with writing(engine) as session:
        for number, values in zip(examples, consents, strict=True):
            which = update(Submission).where(Submission.example.has(Example.id == number))
            session.execute(which.values({"drawn": False} | values))
    decide(engine, clock, Decision.keep, *examples)
    one = freeze(engine, "", clock(), by="Ada")
    assert (one.examples, one.no_consent, one.left_out_ended, one.left_out_no_consent) == (4, 1, 1, 0)
    assert one.consent_in_words == "1 of them have no consent recorded. Left out, because their consent has ended: 1."
    assert [number for number, _, _ in members(engine, 1)] == examples[1:]
    other = freeze(engine, "", clock(), by="Ada", consented=True)
    assert (other.set, other.examples, other.no_consent, other.left_out_ended, other.left_out_no_consent) == (2, 3, 0, 1, 1)
    assert [number for number, _, _ in members(engine, 2)] == [examples[1], *examples[3:]]
    with reading(engine) as session:
        for number in (1, 2):
            rows = session.get_one(CuratedSet, number).members
            assert sorted(row.position for row in rows) == list(range(len(rows)))
            content = set_hash((row.image_sha256, row.mask_sha256, row.split.value, row.skin_sha256) for row in rows)
            assert session.get_one(CuratedSet, number).hash == content


def test_a_set_of_which_nothing_may_be_used_says_why(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    decide(engine, clock, Decision.keep, *examples[:2])
    with writing(engine) as session:
        session.execute(update(Submission).values(drawn=False))
        session.get_one(Example, examples[0]).submission.consent_expires = clock().date() - timedelta(days=1)
    said = "none may be used. The consent to use 1 of them has ended, and none is recorded for 1."
    with pytest.raises(WinnowError, match=said):
        freeze(engine, "", clock(), by="Ada", consented=True)


def test_what_reviewers_see_differently_is_in_no_set_until_a_lead_settles_it(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    decide(engine, clock, Decision.keep, *examples)
    with writing(engine) as session:
        record(session, reviewer_called(session, "Bo").id, [NewVerdict(examples[0], Decision.reject, None, "no")], clock())
    assert examples[0] not in [number for number, _, _ in members(engine, frozen(engine, clock).set)]
    with writing(engine) as session:
        settled = [NewVerdict(examples[0], Decision.keep, None, "yes", settles=True)]
        record(session, reviewer_called(session, "Lea").id, settled, clock())
    assert examples[0] in [number for number, _, _ in members(engine, frozen(engine, clock).set)]


def test_freezing_the_same_again_gives_the_set_that_has_it(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    decide(engine, clock, Decision.keep, *examples)
    first, again = frozen(engine, clock), frozen(engine, clock)
    assert (again.set, again.hash, again.new) == (first.set, first.hash, False)


@pytest.mark.parametrize("place", [0, -1], ids=["train", "test"])
def test_a_repaired_mask_is_frozen_for_an_example_of_any_split(
    engine: Engine, clock: FakeClock, examples: list[int], place: int
) -> None:
    decide(engine, clock, Decision.keep, *examples)
    plain = frozen(engine, clock)
    repair(engine, clock, examples[place], REPAIRED)
    repaired = frozen(engine, clock)
    assert repaired.set == plain.set + 1
    assert [mask for _, mask, _ in members(engine, repaired.set)].count(REPAIRED) == 1


def test_the_same_content_is_the_same_set_whoever_made_its_masks(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    decide(engine, clock, Decision.keep, *examples)
    first = frozen(engine, clock)
    with reading(engine) as session:
        unchanged = session.get_one(Example, examples[-1]).mask_sha256
    repair(engine, clock, examples[-1], unchanged)
    assert frozen(engine, clock) == dataclasses.replace(first, new=False)


def test_nothing_approved_is_said_in_one_sentence(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with pytest.raises(WinnowError, match=r"^Nothing is approved yet. Keep some examples on the Review page first.$"):
        frozen(engine, clock)


@on_both_servers
def test_the_hash_of_a_frozen_set_is_that_of_its_content(engine: Engine, store: Store, clock: FakeClock) -> None:
    """Also where one picture has several masks, the skin labelled or unknown pixels, and where masks were repaired."""
    pictures = ["a" * 64, "0" * 64, "0" * 64, "f" * 64, "0" * 64, "9" * 64]
    masks = ["1" * 64, "b" * 64, "b" * 64, "1" * 64, "2" * 64, "1" * 64]
    skins = [None, "5" * 64, None, None, "0" * 64, "c" * 64]
    unknown = [None, None, "5" * 64, None, "7" * 64, None]
    with writing(engine) as session:
        numbers = [*add_examples(session, store, 4), *add_examples(session, store, 2, Split.test)]
        for number, picture, mask, skin, nowhere in zip(numbers, pictures, masks, skins, unknown, strict=True):
            example = session.get_one(Example, number)
            example.image_sha256, example.mask_sha256, example.skin_sha256 = picture, mask, skin
            example.unknown_sha256 = nowhere
    decide(engine, clock, Decision.keep, *numbers)
    for number in (numbers[0], numbers[4]):
        repair(engine, clock, number, REPAIRED)
    one = frozen(engine, clock)
    with reading(engine) as session:
        rows = session.get_one(CuratedSet, one.set).members
        assert [(row.position, row.example_id, row.image_sha256, row.skin_sha256, row.unknown_sha256) for row in rows] == [
            (place, numbers[place], pictures[place], skins[place], unknown[place]) for place in range(6)
        ]
        assert [row.mask_sha256 for row in rows] == [REPAIRED, *masks[1:4], REPAIRED, masks[5]]
        own, saved = (MaskOrigin.contributor, None), MaskOrigin.touch_up
        assert [(row.mask_origin, row.touch_up_save_id) for row in rows] == [(saved, 2), own, own, own, (saved, 4), own]
        contents = [(row.image_sha256, row.mask_sha256, row.split.value, row.skin_sha256, row.unknown_sha256) for row in rows]
        assert one.hash == set_hash(contents)


def test_unknown_pixels_change_a_sets_hash_and_are_not_taken_for_skin() -> None:
    plain = ("a", "b", "test")
    assert set_hash([plain]) == set_hash([(*plain, None, None)]) == hashlib.sha256(b"a b test").hexdigest()
    assert set_hash([(*plain, "c", None)]) == hashlib.sha256(b"a b test c").hexdigest()
    assert len({set_hash([(*plain, *more)]) for more in ((), ("c",), (None, "c"), ("c", "c"))}) == 4


@on_both_servers
def test_two_who_freeze_at_the_same_moment_get_one_set_or_two_numbers(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with ExitStack() as stack:
        contents = []
        for number in examples[:3]:
            decide(engine, clock, Decision.keep, number)
            with reading(engine) as session:
                contents.append(stack.enter_context(approved_content(session, clock().date())))
        one, two, three = contents
        assert {made.set for made in frozen_at_once(engine, clock, one, two)} == {1, 2}
        assert {made.set for made in frozen_at_once(engine, clock, three, three)} == {3}


def frozen_at_once(engine: Engine, clock: FakeClock, first: Content, second: Content) -> list[Frozen]:
    """Two sets that are added so that the second begins before the first is committed."""
    made: list[Frozen] = []

    def add_second() -> None:
        with writing(engine) as session:
            made.append(add_set(session, second, "", clock()))

    adding = threading.Thread(target=add_second)
    with writing(engine) as session:
        made.append(add_set(session, first, "", clock()))
        adding.start()
        while engine.dialect.name == "postgresql" and adding.is_alive() and not blocked(engine):
            pass
    adding.join()
    return made


@on_both_servers
def test_an_example_that_is_erased_while_a_set_is_frozen_is_not_in_it(
    engine: Engine, clock: FakeClock, examples: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(engine, clock, Decision.keep, *examples)
    real, erased = freezing.writing, []

    @contextmanager
    def writing_after_an_erasure(engine: Engine) -> Iterator[Session]:
        if not erased:
            with real(engine) as session:
                session.execute(delete(Verdict).where(Verdict.example_id == examples[0]))
                session.execute(delete(Example).where(Example.id == examples[0]))
            erased.append(examples[0])
        with real(engine) as session:
            yield session

    monkeypatch.setattr(freezing, "writing", writing_after_an_erasure)
    one = frozen(engine, clock)
    assert (one.set, one.examples) == (1, 4)
    assert [number for number, _, _ in members(engine, 1)] == examples[1:]


def test_freezing_costs_each_example_the_same(tmp_path: Path, clock: FakeClock) -> None:
    costs = []
    for number in (500, 4000):
        database = connect(f"sqlite:///{tmp_path}/{number}.db")
        migrate(database)
        with writing(database) as session:
            add_bare_touch_ups(session, add_bare_examples(session, number, Split.test, State.keep), clock())
        with (
            reading(database) as session,
            counted_instructions(session) as hundreds,
            approved_content(session, clock().date()) as content,
        ):
            assert content.splits["test"] == number
        costs.append(len(hundreds) / number)
        database.dispose()
    assert costs[1] < 1.5 * costs[0]


def test_freezing_takes_as_little_memory_for_many_as_for_few(tmp_path: Path, clock: FakeClock) -> None:
    peaks = []
    for number in (2_000, 20_000):
        database = connect(f"sqlite:///{tmp_path}/{number}.db")
        migrate(database)
        with writing(database) as session:
            add_bare_examples(session, number, state=State.keep)
        tracemalloc.start()
        assert frozen(database, clock).examples == number
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        database.dispose()
    assert peaks[1] < 1.5 * peaks[0]


triples = st.tuples(st.text("0123456789abcdef", min_size=4, max_size=4), st.just("m"), st.sampled_from(list(Split)))


@given(content=st.lists(triples, max_size=6), seed=st.randoms())
def test_the_hash_does_not_depend_on_the_order(content: list[tuple[str, str, str]], seed: object) -> None:
    mixed = list(content)
    seed.shuffle(mixed)  # type: ignore[attr-defined]
    assert set_hash(mixed) == set_hash(content)
