"""The versions of a mask, and touch-ups that are discarded."""

import pytest
from sqlalchemy import Engine, select

from curator.review.current_mask import current_masks
from curator.review.progress import ratings
from curator.review.reopening import send_back
from curator.touchup import saves
from curator.touchup.begin import request
from curator.touchup.clock import set_clock
from curator.touchup.versions import versions
from curator.touchup.waiting import count_due
from db.errors import NotThereError, WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import (
    Decision,
    Example,
    MaskOrigin,
    Refinement,
    RefinementDecision,
    Split,
    Standing,
    State,
    TouchUpDiscard,
    TouchUpSave,
)
from tests.conftest import FakeClock, on_both_servers
from tests.examples import add_examples
from tests.touchups import PAGE, begin, count, current, discard, finish, painted, save, say, start_over, state, who

pytestmark = on_both_servers


@pytest.fixture
def to_fix(engine: Engine, store: Store, clock: FakeClock) -> int:
    """A training example that Bo would have fixed."""
    with writing(engine) as session:
        (number,) = add_examples(session, store, 1)
        say(session, "Bo", clock, number, Decision.fix)
    return number


# --- versions ---------------------------------------------------------------------------------------------------------


def test_the_versions_are_the_contributors_and_what_each_touch_up_and_refine_left(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock)
    save(engine, store, first.touch_up, painted(1), clock.pass_(5))
    one = finish(engine, store, first.touch_up, painted(2), clock.pass_(5))
    with writing(engine) as session:
        refined = Refinement(
            example_id=examples[0], mask_before_sha256=one.mask, alpha_sha256="f" * 64, method="m", iou=1, at=clock.pass_(5)
        )
        session.add(refined)
        session.flush()
        for accepted in (True, None):  # taken back, and still a version
            decision = {"refinement_id": refined.id, "reviewer_id": who(session, "Bo"), "accepted": accepted}
            session.add(RefinementDecision(**decision, at=clock.pass_(1)))
    second = start_over(engine, examples[0], clock, "Cy")
    two = save(engine, store, second.touch_up, painted(3), clock.pass_(5), "Cy")
    start = current(engine, examples)[examples[1]]
    with reading(engine) as session:
        found = versions(session, [*examples, 999])
    assert set(found) == set(examples)
    assert [(each.mask, each.origin, each.by, each.touch_up) for each in found[examples[0]]] == [
        (first.before, MaskOrigin.contributor, None, None),
        (one.mask, MaskOrigin.touch_up, "Ada", first.touch_up),
        ("f" * 64, MaskOrigin.refinement, "Bo", None),
        (two.mask, MaskOrigin.touch_up, "Cy", second.touch_up),
    ]
    assert [each.mask for each in found[examples[1]]] == [start]


def test_the_same_mask_twice_is_one_version(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    begun = begin(engine, examples[0], clock)
    finish(engine, store, begun.touch_up, None, clock.pass_(5))  # looked at, and left as it was
    with reading(engine) as session:
        assert len(versions(session, examples)[examples[0]]) == 1


# --- discarding -------------------------------------------------------------------------------------------------------


def test_a_discarded_test_mask_counts_no_more_and_stays_on_record(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    first = begin(engine, examples[0], clock)
    one = finish(engine, store, first.touch_up, painted(1), clock.pass_(5))
    second = start_over(engine, examples[0], clock)
    two = finish(engine, store, second.touch_up, painted(2), clock.pass_(5))
    discard(engine, second.touch_up, clock())
    discard(engine, second.touch_up, clock())
    assert count(engine, TouchUpDiscard) == 1
    assert current(engine, examples)[examples[0]] == one.mask  # the touch-up before
    assert state(engine, examples[0]) is State.keep
    discard(engine, first.touch_up, clock())
    assert current(engine, examples)[examples[0]] == first.before
    assert count(engine, TouchUpSave) == 2
    with reading(engine) as session:
        found = versions(session, examples)[examples[0]]
    assert [(each.mask, each.discarded) for each in found] == [(first.before, False), (one.mask, True), (two.mask, True)]
    again = begin(engine, examples[0], clock, start_from=two.mask)
    assert finish(engine, store, again.touch_up, None, clock.pass_(5)).mask == two.mask
    assert current(engine, examples)[examples[0]] == two.mask


def test_a_discarded_repair_waits_for_another_one_as_if_it_had_not_been(
    engine: Engine, store: Store, clock: FakeClock, to_fix: int
) -> None:
    begun = begin(engine, to_fix, clock)
    finish(engine, store, begun.touch_up, painted(1), clock.pass_(5))
    assert state(engine, to_fix) is State.repaired
    discard(engine, begun.touch_up, clock(), "Lea", lead=True)
    assert state(engine, to_fix) is State.fix
    with reading(engine) as session:
        assert count_due(session) == 1
        assert session.get_one(Standing, to_fix).first_reviewer_id is None
        assert current_masks(session, [to_fix])[to_fix].sha256 == session.get_one(Example, to_fix).mask_sha256
    again = begin(engine, to_fix, clock, "Bo")
    assert again.mask == begun.before
    finish(engine, store, again.touch_up, painted(2), clock.pass_(5), "Bo")
    assert state(engine, to_fix) is State.repaired


def test_a_repair_that_was_approved_and_is_discarded_has_to_be_judged_again(
    engine: Engine, store: Store, clock: FakeClock, to_fix: int
) -> None:
    begun = begin(engine, to_fix, clock)
    finish(engine, store, begun.touch_up, painted(1), clock.pass_(5))
    with writing(engine) as session:
        say(session, "Bo", clock, to_fix, Decision.keep)
    assert state(engine, to_fix) is State.keep
    discard(engine, begun.touch_up, clock())
    assert state(engine, to_fix) is State.open  # Bo's keep was about the repaired mask


def test_discarding_leaves_alone_what_a_report_sent_back(engine: Engine, store: Store, clock: FakeClock, to_fix: int) -> None:
    begun = begin(engine, to_fix, clock)
    finish(engine, store, begun.touch_up, painted(1), clock.pass_(5))
    with writing(engine) as session:
        send_back(session, [to_fix], "Lea", None, clock())
    discard(engine, begun.touch_up, clock())
    assert state(engine, to_fix) is State.open


def test_only_its_reviewer_and_leads_discard_a_touch_up_and_only_one_that_is_over(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    with pytest.raises(WinnowError, match=r"This touch-up is not over\. Finish it first\."):
        discard(engine, begun.touch_up, clock())
    finish(engine, store, begun.touch_up, painted(1), clock.pass_(5))
    with pytest.raises(WinnowError, match="belongs to another reviewer"):
        discard(engine, begun.touch_up, clock(), "Bo")
    with pytest.raises(NotThereError, match="Touch-up 999 does not exist"):
        discard(engine, 999, clock())
    assert count(engine, TouchUpDiscard) == 0
    discard(engine, begun.touch_up, clock(), "Bo", lead=True)
    assert count(engine, TouchUpDiscard) == 1


# --- Done taken back, of a repair -------------------------------------------------------------------------------------


def test_a_repair_whose_done_is_taken_back_is_not_to_be_judged(
    engine: Engine, store: Store, clock: FakeClock, to_fix: int
) -> None:
    begun = begin(engine, to_fix, clock)
    done = finish(engine, store, begun.touch_up, painted(1), clock.pass_(5))
    saves.resume(engine, "Ada", PAGE, begun.touch_up, clock.pass_(600))  # without a clock there is always time
    assert state(engine, to_fix) is State.fix
    newer = finish(engine, store, begun.touch_up, painted(2), clock.pass_(5))
    assert state(engine, to_fix) is State.repaired
    assert current(engine, [to_fix])[to_fix] == newer.mask != done.mask
    with writing(engine) as session:
        say(session, "Bo", clock, to_fix, Decision.keep)
    with pytest.raises(WinnowError, match=r"Somebody has judged this mask already"):
        saves.resume(engine, "Ada", PAGE, begun.touch_up, clock())
    assert state(engine, to_fix) is State.keep


def test_the_verdict_log_and_agreement_know_nothing_of_a_repair_that_was_taken_back(
    engine: Engine, store: Store, clock: FakeClock, to_fix: int
) -> None:
    begun = begin(engine, to_fix, clock)
    finish(engine, store, begun.touch_up, painted(1), clock.pass_(5))
    discard(engine, begun.touch_up, clock())
    with writing(engine) as session:
        say(session, "Cy", clock, to_fix, Decision.keep)  # on the contributor's mask, as Bo's
    with reading(engine) as session:
        assert ratings(session) == {to_fix: {"Bo": Decision.fix, "Cy": Decision.keep}}


def test_a_requested_repair_that_ran_out_of_time_wants_a_second_look(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        (example,) = add_examples(session, store, 1, Split.validation)
        say(session, "Bo", clock, example, Decision.keep)
        set_clock(session, who(session, "Lea"), Split.validation, True, clock())
        request(session, who(session, "Lea"), [example], None, clock())
    begun = begin(engine, example, clock)
    save(engine, store, begun.touch_up, painted(1), clock.pass_(5))
    clock.pass_(120)
    with writing(engine) as session:
        saves.finish_ended(session, clock())
        saves.finish_ended(session, clock())
    assert state(engine, example) is State.repaired
    with reading(engine) as session:
        assert session.scalars(select(TouchUpSave.finished).order_by(TouchUpSave.id)).all() == [False, True]
