"""What counts as kept and rejected."""

from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from curator.review.leases import claim
from curator.review.reviewers import reviewer_called
from curator.review.standing import Counts, approved, counts
from curator.review.verdicts import NewVerdict, Recorded, record
from db.errors import NotThereError, WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import Decision, Example, Lease, Reason, Verdict
from tests.conftest import FakeClock, on_both_servers
from tests.examples import add_bare_examples, add_examples

pytestmark = on_both_servers

KEEP, REJECT, UNDO = Decision.keep, Decision.reject, Decision.undo


@pytest.fixture
def examples(engine: Engine, store: Store) -> list[int]:
    with writing(engine) as session:
        return add_examples(session, store, 3)


def say(session: Session, who: str, clock: FakeClock, *given: tuple[int, Decision, Reason | None, str]) -> int:
    return record(session, reviewer_called(session, who).id, [NewVerdict(*item) for item in given], clock()).taken


def test_counts_start_open_and_follow_verdicts(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        assert counts(session) == Counts(keep=0, reject=0, open=3)
        say(session, "Ada", clock, (examples[0], KEEP, None, "a"), (examples[1], REJECT, Reason.no_face, "b"))
        assert counts(session) == Counts(keep=1, reject=1, open=1)
        assert counts(session).examples == 3


def test_verdict_sent_twice_counts_once(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        assert say(session, "Ada", clock, (examples[0], KEEP, None, "same")) == 1
    with writing(engine) as session:
        assert say(session, "Ada", clock, (examples[0], KEEP, None, "same"), (examples[1], KEEP, None, "new")) == 1
    with writing(engine) as session:
        assert say(session, "Ada", clock, (examples[2], KEEP, None, "x"), (examples[2], KEEP, None, "x")) == 1
        assert session.scalar(select(func.count()).select_from(Verdict)) == 3


def test_whoever_sends_verdicts_gets_the_numbers_of_these_and_no_others(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        ada = reviewer_called(session, "Ada").id
        first, second, third = (NewVerdict(example, KEEP, None, f"v{example}") for example in examples)
        assert record(session, ada, [second], clock()) == Recorded(1, {second.client_id: 1}, [])
        assert record(session, ada, [third], clock()) == Recorded(1, {third.client_id: 2}, [])
        assert record(session, ada, [second, first], clock()) == Recorded(1, {second.client_id: 1, first.client_id: 3}, [])
        assert record(session, ada, [first], clock()) == Recorded(0, {first.client_id: 3}, [])


def test_two_reviewers_may_use_the_same_client_id(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        assert say(session, "Ada", clock, (examples[0], KEEP, None, "same")) == 1
        assert say(session, "Bo", clock, (examples[0], KEEP, None, "same")) == 1


def test_undo_opens_the_example_again_and_is_a_record_of_its_own(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        say(session, "Ada", clock, (examples[0], KEEP, None, "a"))
        say(session, "Ada", clock, (examples[0], UNDO, None, "b"))
        assert counts(session) == Counts(keep=0, reject=0, open=3)
        assert list(session.scalars(select(Verdict.decision).order_by(Verdict.id))) == [KEEP, UNDO]


def test_keep_and_its_undo_in_one_batch_leave_it_open(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        say(session, "Ada", clock, (examples[0], KEEP, None, "a"), (examples[0], UNDO, None, "b"))
        assert counts(session).open == 3


def test_an_undo_brings_the_reviewers_verdict_before_it_back(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        say(session, "Ada", clock, (examples[0], REJECT, Reason.no_face, "a"))
        say(session, "Ada", clock, (examples[0], KEEP, None, "b"), (examples[0], UNDO, None, "c"))
        assert counts(session) == Counts(keep=0, reject=1, open=2)
        say(session, "Ada", clock, (examples[0], UNDO, None, "d"), (examples[0], UNDO, None, "e"))
        assert counts(session) == Counts(keep=0, reject=0, open=3)
        assert list(session.scalars(select(Verdict.undoes).order_by(Verdict.id))) == [None, None, 2, 1, None]


def test_a_verdict_ends_ones_lease_and_an_undo_takes_it_again(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        ada, bo = reviewer_called(session, "Ada").id, reviewer_called(session, "Bo").id
        claim(session, ada, examples[:2], clock())
        claim(session, bo, examples[2:], clock())
        say(session, "Ada", clock, *[(example, KEEP, None, f"{example}") for example in examples])
        assert dict(session.execute(select(Lease.example_id, Lease.reviewer_id)).all()) == {examples[2]: bo}  # Bo's stays
        say(session, "Ada", clock, (examples[0], UNDO, None, "back"), (examples[2], UNDO, None, "that too"))
        leases = dict(session.execute(select(Lease.example_id, Lease.reviewer_id)).all())
        assert leases == {examples[0]: ada, examples[2]: bo}


def test_a_leads_settlement_taken_back_leaves_the_dispute_as_it_was(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        lea = reviewer_called(session, "Lea").id
        say(session, "Ada", clock, (examples[0], KEEP, None, "a"))
        say(session, "Lea", clock, (examples[0], REJECT, Reason.not_hair, "b"))  # as anybody, before it was disputed
        record(session, lea, [NewVerdict(examples[0], KEEP, None, "c", settles=True)], clock())
        assert counts(session) == Counts(keep=1, reject=0, open=2)
        say(session, "Lea", clock, (examples[0], UNDO, None, "d"))
        assert counts(session) == Counts(keep=0, reject=1, open=2, disputed=1)


def test_a_settlement_counts_alone_and_its_undo_settles_nothing(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        lea = reviewer_called(session, "Lea").id
        say(session, "Ada", clock, (examples[0], KEEP, None, "a"))
        say(session, "Bo", clock, (examples[0], REJECT, None, "b"))
        record(session, lea, [NewVerdict(examples[0], KEEP, None, "c", settles=True)], clock())
        assert counts(session) == Counts(keep=1, reject=0, open=2)
        record(session, lea, [NewVerdict(examples[0], UNDO, None, "d", settles=True)], clock())
        assert counts(session) == Counts(keep=0, reject=1, open=2, disputed=1)
        assert list(session.scalars(select(Verdict.settles).order_by(Verdict.id))) == [False, False, True, False]


def test_a_reject_by_one_reviewer_rules_out_what_another_keeps(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        say(session, "Ada", clock, (examples[0], REJECT, Reason.too_coarse, "a"))
        say(session, "Bo", clock, (examples[0], KEEP, None, "b"), (examples[1], KEEP, None, "c"))
        assert [example.id for example in session.scalars(approved())] == [examples[1]]
        assert counts(session) == Counts(keep=1, reject=1, open=1, disputed=1)
        say(session, "Ada", clock, (examples[0], UNDO, None, "d"))
        assert [example.id for example in session.scalars(approved())] == [examples[0], examples[1]]


def test_the_newest_verdict_of_a_reviewer_counts(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        say(session, "Ada", clock, (examples[0], REJECT, None, "a"))
        say(session, "Ada", clock, (examples[0], KEEP, None, "b"))
        assert counts(session) == Counts(keep=1, reject=0, open=2)


def test_reject_without_a_reason_is_recorded_as_unsaid_and_a_keep_has_no_reason(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        say(session, "Ada", clock, (examples[0], REJECT, None, "a"), (examples[1], KEEP, Reason.no_face, "b"))
        assert list(session.scalars(select(Verdict.reason).order_by(Verdict.id))) == [Reason.unsaid, None]


def test_an_unknown_example_refuses_the_whole_batch(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with (
        pytest.raises(NotThereError, match=r"^Example 999 does not exist\. It may have been erased\.$"),
        writing(engine) as session,
    ):
        say(session, "Ada", clock, (examples[0], KEEP, None, "a"), (999, KEEP, None, "b"))
    with reading(engine) as session:
        assert counts(session).open == 3


@pytest.mark.parametrize("client_id", ["", "x" * 65])
def test_a_client_id_of_no_or_too_many_characters_refuses_the_whole_batch(
    engine: Engine, clock: FakeClock, examples: list[int], client_id: str
) -> None:
    with writing(engine) as session:
        with pytest.raises(WinnowError, match=r"^The client id of a verdict must have 1 to 64 characters\.$"):
            say(session, "Ada", clock, (examples[0], KEEP, None, "x" * 64), (examples[1], KEEP, None, client_id))
        assert counts(session).open == 3
        assert say(session, "Ada", clock, (examples[0], KEEP, None, "x" * 64), (examples[1], KEEP, None, "x")) == 2


def test_a_recorded_verdict_is_never_changed(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        say(session, "Ada", clock, (examples[0], KEEP, None, "a"))
    with pytest.raises(WinnowError, match=r"Rows of the table verdict are never changed\."), writing(engine) as session:
        session.scalars(select(Verdict)).one().client_id = "another"
    with reading(engine) as session:
        assert session.scalars(select(Verdict)).one().client_id == "a"


def test_examples_themselves_are_not_touched_by_a_verdict(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        before = session.get_one(Example, examples[0]).mask_sha256
        say(session, "Ada", clock, (examples[0], REJECT, Reason.spills_over, "a"))
        assert session.get_one(Example, examples[0]).mask_sha256 == before


def test_a_file_of_any_length_is_recorded_in_statements_of_limited_size(engine: Engine, clock: FakeClock) -> None:
    """PostgreSQL takes 65,535 parameters in a statement, SQLite 32,766."""
    many = 11_000
    most = 0

    def measure(*arguments: Any) -> None:
        nonlocal most
        given = arguments[3]  # one row's, or a list of rows'
        most = max(most, *map(len, given)) if isinstance(given, list) else max(most, len(given))

    with writing(engine) as session:
        numbers = add_bare_examples(session, many)
        event.listen(engine, "before_cursor_execute", measure)
        assert say(session, "Ada", clock, *((number, KEEP, None, f"k{number}") for number in numbers)) == many
        assert counts(session).keep == many
        assert say(session, "Ada", clock, *((number, UNDO, None, f"u{number}") for number in numbers)) == many
        assert counts(session).open == many
        assert session.scalar(select(func.count()).select_from(Lease)) == many
        assert say(session, "Ada", clock, *((number, KEEP, None, f"k{number}") for number in numbers)) == 0
    assert most < 10_000
