"""Which examples a reviewer sees next."""

import random
from datetime import date

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from curator.consent import Consent
from curator.review.deck import (
    Dealt,
    GoldMix,
    Order,
    ShowFilter,
    Wanted,
    count_waiting,
    deal,
    give_back,
    own_verdicts,
    queue,
    sample_gold,
    wanted_from,
    with_others,
)
from curator.review.gold import set_answer
from curator.review.leases import LEASE, QueuePosition
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from db.errors import WinnowError
from db.session import writing
from db.store import Store
from db.tables import Decision, Example, Lease, Reason, Split, Standing, Submission, TouchUp
from tests.conftest import FakeClock, on_both_servers
from tests.examples import add_examples


@pytest.fixture
def examples(engine: Engine, store: Store) -> list[int]:
    with writing(engine) as session:
        return add_examples(session, store, 6, suspicions=[0.1, 0.9, 0.5, 0.7, 0.3, 0.2])


def dealt(session: Session, who: str, count: int, clock: FakeClock, held: tuple[int, ...] = ()) -> list[int]:
    return [card.example for card in deal(session, reviewer_called(session, who).id, count, clock(), held).cards]


def decide(
    session: Session,
    who: str,
    example: int,
    decision: Decision,
    client_id: str,
    clock: FakeClock,
    *,
    reason: Reason | None = None,
    second_share: float = 0.0,
) -> None:
    given = [NewVerdict(example, decision, reason, client_id)]
    record(session, reviewer_called(session, who).id, given, clock(), second_share)


@on_both_servers
def test_most_doubtful_first_and_unscored_last(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        session.get_one(Standing, examples[1]).doubt = 0.0
    with writing(engine) as session:
        order = dealt(session, "Ada", 10, clock)
    assert order == [examples[i] for i in (3, 2, 4, 5, 0, 1)]


@on_both_servers
def test_a_card_holds_what_the_page_shows(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        card = deal(session, reviewer_called(session, "Ada").id, 1, clock()).cards[0]
    assert (card.example, card.photo, card.split, card.suspicion) == (examples[1], "head-001.png", "train", 0.9)
    assert card.reasons == ["the edge is straight"]
    assert card.drawn
    assert card.unknown is None
    with writing(engine) as session:
        session.get_one(Example, examples[1]).unknown_sha256 = "a" * 64
    with writing(engine) as session:
        assert deal(session, reviewer_called(session, "Ada").id, 1, clock()).cards[0].unknown == "a" * 64


@on_both_servers
def test_second_reviewer_never_gets_what_the_first_holds(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        ada = dealt(session, "Ada", 4, clock)
    with writing(engine) as session:
        bo = dealt(session, "Bo", 10, clock)
    assert not set(ada) & set(bo)
    assert set(ada) | set(bo) == set(examples)
    with writing(engine) as session:
        assert dealt(session, "Cy", 10, clock) == []


@on_both_servers
def test_a_reload_gets_its_own_leased_cards_again(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        first = dealt(session, "Ada", 3, clock)
        assert dealt(session, "Ada", 3, clock) == first


@on_both_servers
def test_an_example_comes_back_once_its_lease_ran_out_and_not_earlier(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        dealt(session, "Ada", 6, clock)
    clock.pass_(LEASE.total_seconds() - 1)
    with writing(engine) as session:
        assert dealt(session, "Bo", 6, clock) == []
    clock.pass_(2)
    with writing(engine) as session:
        assert set(dealt(session, "Bo", 6, clock)) == set(examples)
        assert set(session.scalars(select(Lease.reviewer_id))) == {reviewer_called(session, "Bo").id}


@on_both_servers
def test_held_cards_are_left_out_and_their_leases_renewed(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        held = tuple(dealt(session, "Ada", 2, clock))
    clock.pass_(LEASE.total_seconds() - 60)
    with writing(engine) as session:
        assert dealt(session, "Ada", 0, clock, held) == []
    clock.pass_(120)
    with writing(engine) as session:
        assert not set(dealt(session, "Bo", 6, clock)) & set(held)


@on_both_servers
def test_holding_what_another_took_over_does_not_take_it_back(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        held = tuple(dealt(session, "Ada", 6, clock))
    clock.pass_(LEASE.total_seconds() + 1)
    with writing(engine) as session:
        dealt(session, "Bo", 6, clock)
        dealt(session, "Ada", 0, clock, held)
        assert set(session.scalars(select(Lease.reviewer_id))) == {reviewer_called(session, "Bo").id}


@on_both_servers
def test_decided_examples_are_not_shown_and_an_undone_one_is_leased_again(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        first = dealt(session, "Ada", 1, clock)[0]
        decide(session, "Ada", first, Decision.keep, "a", clock)
    with writing(engine) as session:
        assert session.get(Lease, first) is None
        assert first not in dealt(session, "Bo", 2, clock)
        decide(session, "Ada", first, Decision.undo, "b", clock)
        dealt(session, "Ada", 0, clock, (first,))  # the page holds it again
        assert first not in dealt(session, "Bo", 10, clock)


@on_both_servers
def test_a_verdict_after_the_lease_ran_out_is_recorded(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        first = dealt(session, "Ada", 1, clock)[0]
    clock.pass_(LEASE.total_seconds() + 60)
    with writing(engine) as session:
        dealt(session, "Bo", 1, clock)
        decide(session, "Ada", first, Decision.keep, "late", clock)
        assert first not in dealt(session, "Cy", 10, clock)


# --- order and filters-----------------------------------------------------------------------------------------------


@on_both_servers
def test_what_is_given_back_is_dealt_to_others_at_once_and_what_is_held_is_counted_until_then(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        ada, bo = (reviewer_called(session, name).id for name in ("Ada", "Bo"))
        held = dealt(session, "Ada", 3, clock)
        assert with_others(session, bo, Wanted(), 0, clock()).count == 3
        assert with_others(session, bo, Wanted(split=Split.test), 0, clock()) == with_others(session, ada, Wanted(), 0, clock())
        assert with_others(session, bo, Wanted(show=ShowFilter.all), 0, clock()).until == clock() + LEASE
        give_back(session, bo, held, set)  # they are not Bo's
        assert dealt(session, "Bo", 6, clock) == [examples[i] for i in (4, 5, 0)]
        give_back(session, ada, held, lambda: held[:1])  # another page of Ada's has that one
        assert dealt(session, "Bo", 3, clock) == [*held[1:], examples[4]]
        assert with_others(session, bo, Wanted(), 0, clock()).count == 1
        clock.pass_(LEASE.total_seconds() + 1)
        assert with_others(session, bo, Wanted(), 0, clock()).count == 0


@on_both_servers
def test_ones_own_newest_verdicts_come_back_with_their_cards_and_say_nothing_of_others(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    one, two, three, four, five = examples[:5]
    with writing(engine) as session:
        ada = reviewer_called(session, "Ada").id
        assert own_verdicts(session, ada, 10, clock().date()) == []
        decide(session, "Ada", one, Decision.keep, "a", clock)
        decide(session, "Ada", two, Decision.reject, "b", clock, reason=Reason.spills_over)
        decide(session, "Bo", two, Decision.keep, "bo", clock)
        decide(session, "Ada", one, Decision.reject, "c", clock)  # judged again
        decide(session, "Ada", three, Decision.keep, "d", clock)
        decide(session, "Ada", three, Decision.undo, "e", clock)
        decide(session, "Ada", four, Decision.fix, "f", clock)
        set_answer(session, reviewer_called(session, "Lea").id, four, Decision.keep, None, clock())
        given = own_verdicts(session, ada, 10, clock().date())
        assert [(each.card.example, each.did, each.reason, each.client_id) for each in given] == [
            (four, Decision.fix, None, "f"), (one, Decision.reject, None, "c"), (two, Decision.reject, Reason.spills_over, "b"),
        ]  # fmt: skip
        assert [each.card.opinions for each in given] == [[], [], []]
        assert {each.at for each in given} == {clock()}
        assert [each.was for each in given] == [None, Decision.keep, None]  # which counts again where it is undone
        assert not any(each.settles for each in given)
        assert len(own_verdicts(session, ada, 2, clock().date())) == 2
        decide(session, "Ada", one, Decision.undo, "g", clock)  # the one before counts again
        assert [each.client_id for each in own_verdicts(session, ada, 10, clock().date())] == ["f", "b", "a"]
        record(session, ada, [NewVerdict(five, Decision.keep, None, "h", settles=True)], clock())
        assert own_verdicts(session, ada, 1, clock().date())[0].settles


def hand(session: Session, who: str, clock: FakeClock, wanted: Wanted, since: int = 0, count: int = 20) -> Dealt:
    return deal(session, reviewer_called(session, who).id, count, clock(), wanted=wanted, since=since)


def shown(session: Session, who: str, clock: FakeClock, wanted: Wanted, since: int = 0) -> list[int]:
    found = [card.example for card in hand(session, who, clock, wanted, since).cards]
    assert count_waiting(session, reviewer_called(session, who).id, wanted, since, clock().date()) == len(found)
    return found


@on_both_servers
def test_the_random_order_is_the_same_for_everybody(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        lots = {place.example_id: place.lot for place in session.scalars(select(Standing))}
        assert len(set(lots.values())) == 6
        wanted = Wanted(order=Order.random)
        assert [card.example for card in hand(session, "Ada", clock, wanted, count=2).cards] == sorted(lots, key=lots.get)[:2]  # type: ignore[arg-type]
        assert [card.example for card in hand(session, "Bo", clock, wanted).cards] == sorted(lots, key=lots.get)[2:]  # type: ignore[arg-type]


@on_both_servers
def test_by_source_brings_one_source_after_the_other(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        later = add_examples(session, store, 2, suspicions=[0.95, 1.0])
        assert (
            shown(session, "Ada", clock, Wanted(order=Order.source)) == [examples[i] for i in (1, 3, 2, 4, 5, 0)] + later[::-1]
        )


@on_both_servers
def test_filters_narrow_the_queue(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        tests = add_examples(session, store, 2, Split.test)
        source = session.get_one(Standing, tests[0]).source_id
        assert shown(session, "Ada", clock, Wanted(source=source)) == tests
        assert shown(session, "Ada", clock, Wanted(split=Split.test)) == tests
        assert shown(session, "Ada", clock, Wanted(split=Split.validation)) == []


def of_people(session: Session, *consents: tuple[int, dict[str, object]]) -> None:
    """Make all photos those of people, some of them with these values."""
    session.execute(update(Submission).values(drawn=False))
    for example, values in consents:
        session.execute(update(Submission).where(Submission.example.has(Example.id == example)).values(values))


@on_both_servers
def test_examples_are_found_by_how_their_consent_stands(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        of_people(
            session,
            (examples[0], {"consent_basis": "form 7"}),
            (examples[1], {"consent_expires": date(2026, 1, 1)}),
            (examples[2], {"consent_expires": date(2026, 2, 1)}),
            (examples[3], {"consent_expires": date(2026, 2, 2)}),
        )
        decide(session, "Bo", examples[2], Decision.keep, "a", clock)
        assert shown(session, "Ada", clock, Wanted(consent=Consent.recorded)) == [examples[3], examples[0]]
        every = Wanted(show=ShowFilter.all, consent=Consent.recorded)
        assert shown(session, "Ada", clock, every) == [examples[3], examples[2], examples[0]]
        assert shown(session, "Ada", clock, Wanted(consent=Consent.none)) == [examples[4], examples[5]]
        assert shown(session, "Ada", clock, Wanted(consent=Consent.ends_soon)) == []
        assert shown(session, "Ada", clock, Wanted(show=ShowFilter.all, consent=Consent.ends_soon)) == [examples[2]]
        assert shown(session, "Ada", clock, Wanted(consent=Consent.ended)) == [examples[1]]


@on_both_servers
def test_a_filter_by_consent_holds_for_second_opinions_and_control_examples(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        of_people(session, (examples[0], {"consent_basis": "form 7"}), (examples[2], {"consent_basis": "form 7"}))
        for number, example in enumerate(examples[:2]):
            decide(session, "Ada", example, Decision.keep, str(number), clock, second_share=1.0)
        for example in examples[2:4]:
            set_answer(session, reviewer_called(session, "Lea").id, example, Decision.keep, None, clock())
        mix = GoldMix(1.0, random.Random(1))
        bo = reviewer_called(session, "Bo").id
        cards = deal(session, bo, 9, clock(), wanted=Wanted(consent=Consent.recorded), mix=mix).cards
        assert {card.example for card in cards} <= {examples[0], examples[2]}
        assert cards


def test_a_card_says_licence_and_consent_and_to_a_lead_what_it_rests_on(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        said = {"subject": "Nora Quist", "licence": "CC0", "consent_basis": "form 7", "consent_expires": date(2026, 3, 1)}
        of_people(session, (examples[1], said))
        for who, lead, terms in (
            ("Ada", True, "Consent ends on 2026-03-01 · licence CC0 · form 7"),
            ("Bo", False, "Consent ends on 2026-03-01 · licence CC0"),
        ):
            cards = deal(session, reviewer_called(session, who).id, 2, clock(), lead=lead).cards
            clock.pass_(LEASE.total_seconds() + 1)
            assert [card.terms for card in cards] == [terms, ""]
            assert "Nora" not in str(cards)


def test_the_list_of_the_queue_has_licence_and_consent(engine: Engine, examples: list[int]) -> None:
    with writing(engine) as session:
        of_people(session, (examples[1], {"licence": "CC0", "consent_date": date(2026, 1, 1)}))
        listed = [(one["licence"], one["consent"]) for one in queue(session, 2)]
    assert listed == [("CC0", {"basis": None, "date": "2026-01-01", "expires": None}), (None, None)]


@on_both_servers
def test_looking_again_brings_what_was_rejected_for_a_reason_until_it_is_judged(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    coarse = Wanted(reason=Reason.too_coarse)
    with writing(engine) as session:
        decide(session, "Ada", examples[0], Decision.reject, "a", clock, reason=Reason.too_coarse)
        decide(session, "Ada", examples[1], Decision.reject, "b", clock, reason=Reason.bad_photo)
        decide(session, "Ada", examples[2], Decision.reject, "c", clock, reason=Reason.too_coarse)
        decide(session, "Ada", examples[2], Decision.keep, "d", clock)  # thought better of it
        assert shown(session, "Ada", clock, coarse, since=4) == [examples[0]]
        decide(session, "Ada", examples[0], Decision.reject, "e", clock, reason=Reason.too_coarse)
        assert shown(session, "Ada", clock, coarse, since=4) == []
        assert shown(session, "Ada", clock, coarse, since=5) == [examples[0]]  # the next sitting


@on_both_servers
def test_undoing_a_second_look_restores_the_first_verdict_and_keeps_the_card(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    coarse = Wanted(reason=Reason.too_coarse)
    with writing(engine) as session:
        who = reviewer_called(session, "Ada").id
        decide(session, "Ada", examples[0], Decision.reject, "a", clock, reason=Reason.too_coarse)
        decide(session, "Ada", examples[0], Decision.keep, "second look", clock)
        assert deal(session, who, 0, clock(), [examples[0]], wanted=coarse, since=1).gone == [examples[0]]
        decide(session, "Ada", examples[0], Decision.undo, "back", clock)
        assert session.get_one(Standing, examples[0]).state == "reject"
        assert deal(session, who, 0, clock(), [examples[0]], wanted=coarse, since=1).gone == []
        assert shown(session, "Ada", clock, coarse, since=1) == [examples[0]]


@on_both_servers
def test_looking_again_at_what_a_reviewer_judged(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        decide(session, "Ada", examples[0], Decision.keep, "a", clock)
        decide(session, "Bo", examples[1], Decision.keep, "b", clock)
        decide(session, "Ada", examples[2], Decision.keep, "c", clock)
        decide(session, "Ada", examples[2], Decision.undo, "d", clock)
        assert shown(session, "Cy", clock, Wanted(reviewer="Ada"), since=4) == [examples[0]]
        assert shown(session, "Cy", clock, Wanted(reviewer="nobody"), since=4) == []


@on_both_servers
def test_not_yet_seen_is_what_one_has_not_judged_oneself(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        for number, example in enumerate(examples[:4]):
            decide(session, "Ada" if number < 2 else "Bo", example, Decision.keep, str(number), clock)
        decide(session, "Ada", examples[0], Decision.undo, "undo", clock)
        assert set(shown(session, "Ada", clock, Wanted(show=ShowFilter.unseen))) == set(examples) - {examples[1]}


@on_both_servers
def test_touched_up_and_all_show_judged_examples_again(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        who = reviewer_called(session, "Ada").id
        decide(session, "Ada", examples[3], Decision.keep, "a", clock)
        touch_up = TouchUp(
            example_id=examples[3], reviewer_id=who, mask_before_sha256="0" * 64, started_at=clock(), seconds_shown=9
        )
        session.add(touch_up)
        session.flush()
        assert shown(session, "Ada", clock, Wanted(show=ShowFilter.touched), since=1) == [examples[3]]
        assert len(shown(session, "Ada", clock, Wanted(show=ShowFilter.all), since=1)) == 6


@on_both_servers
def test_a_lead_gets_disagreements_with_all_opinions_until_they_are_settled(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    disputed = Wanted(show=ShowFilter.disputed)
    with writing(engine) as session:
        decide(session, "Ada", examples[0], Decision.keep, "a", clock)
        decide(session, "Bo", examples[0], Decision.reject, "b", clock, reason=Reason.spills_over)
        (card,) = hand(session, "Lea", clock, disputed, since=2).cards
        assert card.opinions == [
            {"reviewer": "Ada", "decision": "keep", "reason": None},
            {"reviewer": "Bo", "decision": "reject", "reason": "spills_over"},
        ]
        lead = reviewer_called(session, "Lea").id
        record(session, lead, [NewVerdict(card.example, Decision.keep, None, "c", settles=True)], clock())
        assert session.get_one(Standing, card.example).state == "keep"
        assert hand(session, "Lea", clock, disputed, since=2).cards == []


@on_both_servers
def test_held_cards_that_were_judged_elsewhere_or_by_another_or_erased_are_gone(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        who = reviewer_called(session, "Ada").id
        decide(session, "Ada", examples[0], Decision.keep, "other tab", clock)
        decide(session, "Bo", examples[1], Decision.keep, "late lease", clock)
        decide(session, "Ada", examples[2], Decision.keep, "a", clock)
        decide(session, "Ada", examples[2], Decision.undo, "b", clock)
        assert deal(session, who, 0, clock(), [*examples, 999]).gone == [examples[0], examples[1], 999]


# --- mixed in: second opinions and control examples --------------------------------------------------------------------


@on_both_servers
def test_a_second_opinion_goes_to_another_and_only_once(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        decide(session, "Ada", examples[1], Decision.keep, "a", clock, second_share=1.0)
        assert examples[1] not in dealt(session, "Ada", 10, clock)
    clock.pass_(LEASE.total_seconds() + 1)
    with writing(engine) as session:
        assert dealt(session, "Bo", 10, clock)[0] == examples[1]  # at the place of its doubt, like all others
        decide(session, "Bo", examples[1], Decision.keep, "b", clock, second_share=1.0)
        assert examples[1] not in dealt(session, "Cy", 10, clock)
        assert session.get_one(Standing, examples[1]).state == "keep"


@on_both_servers
def test_a_second_opinion_is_leased_like_anything_else(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        decide(session, "Ada", examples[1], Decision.keep, "a", clock, second_share=1.0)
        assert examples[1] in dealt(session, "Bo", 10, clock)
        assert examples[1] not in dealt(session, "Cy", 10, clock)
        assert deal(session, reviewer_called(session, "Bo").id, 0, clock(), [examples[1]]).gone == []


@on_both_servers
def test_second_opinions_are_a_quarter_of_the_cards_until_nothing_else_is_left(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        for number, example in enumerate(examples):
            decide(session, "Ada", example, Decision.keep, str(number), clock, second_share=1.0)
        fresh = add_examples(session, store, 6)
        first = dealt(session, "Bo", 8, clock)
        assert len(set(first) & set(examples)) == 2
        assert set(dealt(session, "Bo", 12, clock, tuple(first))) == set(examples + fresh) - set(first)


@on_both_servers
def test_an_undone_first_opinion_wants_no_second(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        decide(session, "Ada", examples[0], Decision.keep, "a", clock, second_share=1.0)
        decide(session, "Ada", examples[0], Decision.undo, "b", clock, second_share=1.0)
        assert session.get_one(Standing, examples[0]).first_reviewer_id is None
        assert examples[0] not in dealt(session, "Bo", 10, clock)  # Ada holds it again


def mixed(session: Session, who: str, count: int, clock: FakeClock, share: float = 0.5) -> list[int]:
    mix = GoldMix(share, random.Random(1))
    return [card.example for card in deal(session, reviewer_called(session, who).id, count, clock(), mix=mix).cards]


@on_both_servers
def test_a_control_example_comes_once_at_the_place_of_its_doubt(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        set_answer(session, reviewer_called(session, "Lea").id, examples[2], Decision.reject, Reason.too_coarse, clock())
        assert mixed(session, "Lea", 4, clock, share=0.25) == [examples[i] for i in (1, 3, 4, 5)]  # her own: never
    clock.pass_(LEASE.total_seconds() + 1)
    with writing(engine) as session:
        assert mixed(session, "Ada", 4, clock, share=0.25) == [examples[i] for i in (1, 3, 2, 4)]
        assert deal(session, reviewer_called(session, "Ada").id, 0, clock(), [examples[2]]).gone == []
        decide(session, "Ada", examples[2], Decision.keep, "missed it", clock)
        assert session.get_one(Standing, examples[2]).state == "reject"  # the lead's answer stands
        assert examples[2] not in mixed(session, "Ada", 5, clock)


@on_both_servers
def test_control_examples_alone_give_no_cards(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        lead = reviewer_called(session, "Lea").id
        for example in examples:
            set_answer(session, lead, example, Decision.keep, None, clock())
        assert mixed(session, "Ada", 10, clock) == []


@on_both_servers
def test_a_withdrawn_control_example_is_no_longer_mixed_in(engine: Engine, clock: FakeClock, examples: list[int]) -> None:
    with writing(engine) as session:
        lead = reviewer_called(session, "Lea").id
        set_answer(session, lead, examples[2], Decision.keep, None, clock())
        set_answer(session, lead, examples[2], None, None, clock())
        assert examples[2] not in mixed(session, "Ada", 5, clock, share=1.0)


def test_the_share_of_control_examples_is_met_on_average() -> None:
    mix = GoldMix(0.12, random.Random(2))
    drawn = [mix.gold_count(20) for _ in range(400)]
    assert set(drawn) == {2, 3}
    assert sum(drawn) / len(drawn) == pytest.approx(2.4, abs=0.1)


def test_control_examples_do_not_stand_out_by_their_doubt_or_source() -> None:
    hand = [QueuePosition(number, 1, 0.4 + number / 100) for number in range(20)]
    known = [QueuePosition(100 + number, number % 2, number / 50) for number in range(50)]
    drawn = sample_gold(known, hand, 10, random.Random(3), Order.doubt)
    assert len(drawn) == 10
    assert all(0.4 <= place.doubt <= 0.59 for place in drawn[:9])
    assert {place.source_id for place in sample_gold(known, hand, 10, random.Random(3), Order.source)} == {1}


# --- from an address --------------------------------------------------------------------------------------------------


def from_address(params: dict[str, str], *, lead: bool = False) -> Wanted:
    """The filters in an address, when the sources 1 and 3 and the reviewers Ada and Bo exist."""
    return wanted_from(params, {"1", "3"}, ["Ada", "Bo"], lead=lead)


def test_an_address_holds_the_filters_and_an_empty_one_gives_the_queue() -> None:
    assert from_address({}) == Wanted()
    params = {"order": "random", "show": "touched", "source": "3", "split": "test", "reason": "too_coarse", "reviewer": "Ada"}
    wanted = Wanted(Order.random, ShowFilter.touched, 3, Split.test, Reason.too_coarse, "Ada")
    assert from_address(params) == wanted
    assert from_address({**params, "view": "grid", "utm_source": "mail"}) == wanted
    assert from_address({"show": "disputed"}, lead=True) == Wanted(show=ShowFilter.disputed)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"order": "best"}, "“best” is not a valid order. Choose one of doubt, random, source."),
        ({"show": ""}, "“” is not a valid show. Choose one of open, unseen, all, fix, touched, repaired, disputed."),
        ({"show": "repaired"}, "Only a lead may approve their own repairs."),
        ({"show": "disputed"}, "Only a lead may settle disagreements."),
        ({"split": "TEST"}, "“TEST” is not a valid split. Choose one of train, validation, test."),
        ({"reason": "'; drop table"}, "“'; drop table” is not a valid reason. Choose one of"),
        ({"source": "2"}, "There is no source 2."),
        ({"source": "three"}, "There is no source three."),
        ({"source": "٣"}, "There is no source ٣."),
        ({"source": "9" * 5000}, f"There is no source {'9' * 40}."),
        ({"reviewer": ""}, "There is no reviewer “”."),
        ({"reviewer": "a" * 5000}, f"There is no reviewer “{'a' * 80}”."),
        ({"reviewer": "Ada\x00"}, "There is no reviewer “Ada\x00”."),
    ],
)
def test_an_address_with_an_unknown_value_is_refused_with_a_sentence(params: dict[str, str], sentence: str) -> None:
    with pytest.raises(WinnowError) as refused:
        from_address(params)
    assert str(refused.value).startswith(sentence)
