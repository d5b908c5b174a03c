"""Which examples a reviewer sees next, in the order they asked for; each example is leased to one reviewer at a time.

Some cards were judged before: second opinions by one other reviewer, control examples by a lead. These cards look like
all others, and their place in the order is the one they would have anyway, so that the reviewer judges them blind.

Others show a mask that another reviewer has repaired, and say so. Nobody is dealt their own repairs; only a lead can ask for
them (`ShowFilter.repaired`).
"""

import random
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from curator.consent import TERMS, Consent, Terms, stands, terms_in_words
from curator.review.current_mask import current_masks
from curator.review.gold import unseen_gold
from curator.review.leases import QUEUE_COLUMNS, QueuePosition, claim, leased_by, leased_to_another, release
from curator.review.opinions import newest_verdicts, verdict_counts
from curator.review.reopening import reopening_reasons
from curator.review.standing import Counts, counts
from db.errors import WinnowError
from db.session import Lock, wait_for
from db.tables import (
    Decision,
    Example,
    Gold,
    Lease,
    Reason,
    Reviewer,
    Split,
    Standing,
    State,
    Submission,
    Suspicion,
    TouchUp,
    Verdict,
)

MOST_HELD = 600  # leases of one reviewer: three grids of the largest size
SECOND_LOOK_EVERY = 4  # one card in 4 is a second opinion or a repaired mask, if enough are due


class Order(StrEnum):
    """The order of the cards: most doubtful first, random, or by source."""

    doubt = "doubt"
    random = "random"
    source = "source"


class ShowFilter(StrEnum):
    """Which examples a reviewer wants to see."""

    open = "open"
    unseen = "unseen"
    all = "all"
    fix = "fix"
    touched = "touched"
    repaired = "repaired"
    disputed = "disputed"


FOR_LEADS = {
    ShowFilter.repaired: "Only a lead may approve their own repairs.",
    ShowFilter.disputed: "Only a lead may settle disagreements.",
}


@dataclass(frozen=True)
class Wanted:
    """The order and the filters that a reviewer chose. By default that is the queue of open examples, most doubtful first."""

    order: Order = Order.doubt
    show: ShowFilter = ShowFilter.open
    source: int | None = None
    split: Split | None = None
    reason: Reason | None = None
    reviewer: str | None = None
    consent: Consent | None = None

    @property
    def includes_judged(self) -> bool:
        """Whether the filters include judged examples: only these have a reason and a reviewer."""
        return self.show is not ShowFilter.open or self.reason is not None or self.reviewer is not None

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the order was chosen."""
        return replace(self, order=Order.doubt) != Wanted()


Choice = TypeVar("Choice", bound=StrEnum)


def wanted_from(params: Mapping[str, str], sources: Container[str], reviewers: Container[str], *, lead: bool = False) -> Wanted:
    """The filters in the query of an address: order, show, source, split, reason, reviewer, consent. Others are ignored.

    `sources` are the existing source numbers as text, `reviewers` the existing names. Only a lead may ask for `FOR_LEADS`.
    Raises WinnowError for an unknown value: people type addresses by hand and keep old ones.
    """

    def one_of(name: str, choices: type[Choice]) -> Choice | None:
        value = params.get(name)
        if value is None:
            return None
        if value not in set(choices):
            raise WinnowError(f"“{value[:40]}” is not a valid {name}. Choose one of {', '.join(choices)}.")
        return choices(value)

    source, reviewer = params.get("source"), params.get("reviewer")
    if source is not None and source not in sources:
        raise WinnowError(f"There is no source {source[:40]}.")
    if reviewer is not None and reviewer not in reviewers:
        raise WinnowError(f"There is no reviewer “{reviewer[:80]}”.")
    wanted = Wanted(
        order=one_of("order", Order) or Order.doubt,
        show=one_of("show", ShowFilter) or ShowFilter.open,
        source=None if source is None else int(source),
        split=one_of("split", Split),
        reason=one_of("reason", Reason),
        reviewer=reviewer,
        consent=one_of("consent", Consent),
    )
    if wanted.show in FOR_LEADS and not lead:
        raise WinnowError(FOR_LEADS[wanted.show])
    return wanted


@dataclass(frozen=True)
class GoldMix:
    """How control examples are mixed into the queue: their share of the cards, 0 to 1, and the source of randomness."""

    gold_share: float
    rng: random.Random

    def gold_count(self, cards: int) -> int:
        """How many of this number of cards are control examples: `gold_share` of them on average."""
        exact = self.gold_share * cards
        return int(exact) + (self.rng.random() < exact % 1)


@dataclass(frozen=True)
class Card:
    """One example as the deck shows it. `image` and `mask` are the hashes of its 512 x 512 pictures; `suspicion` is 0 to 1.

    `unknown` is the hash of the picture of the pixels of which its source says nothing, None if there are none. `terms` is a
    line about licence and consent, empty where neither is recorded.
    """

    example: int
    image: str
    mask: str
    photo: str
    split: str
    suspicion: float
    reasons: list[str]
    drawn: bool
    unknown: str | None = None
    terms: str = ""
    repaired_by: str | None = None  # the reviewer whose repaired mask waits for a second look
    opinions: list[dict[str, str | None]] = field(default_factory=list)  # only for a lead who settles disagreements


@dataclass(frozen=True)
class Dealt:
    """New cards, and which of the examples that the page holds already it must drop: judged or erased in the meantime.

    `too_many` is whether the reviewer holds so many that others were not dealt.
    """

    cards: list[Card]
    gone: list[int]
    too_many: bool


def deal(
    session: Session,
    reviewer_id: int,
    count: int,
    now: datetime,
    held: Collection[int] = (),
    *,
    wanted: Wanted = Wanted(),
    since: int = 0,
    mix: GoldMix | None = None,
    lead: bool = False,
) -> Dealt:
    """Up to `count` examples for a reviewer, leased to them for ten minutes.

    Leaves out examples that another reviewer holds and those in `held`, which the page has already. Of `held`, the leases that
    are, or were last, the reviewer's own are renewed. A reviewer is leased `MOST_HELD` examples at most. If the filters
    include judged examples, also leaves out what the reviewer has judged after verdict number `since`. An example whose lease
    has expired can be handed out again. `mix` adds control examples. The cards of a `lead` say on what their consent rests.
    """
    wait_for(session, Lock.dealing)  # two reviewers who ask at the same moment get different cards
    today = now.date()
    gone = _stale_held(session, reviewer_id, held, wanted, since)
    own = leased_by(session, reviewer_id)
    running = {example for example, until in own.items() if until > now}
    picked = _next_examples(session, reviewer_id, count, now, held, wanted, since, mix)
    too_many = [example for example in picked if example not in running][max(0, MOST_HELD - len(running)) :]
    picked = [example for example in picked if example not in too_many]
    mine = claim(session, reviewer_id, {*picked, *own.keys() & set(held)} - gone, now)
    dealt = [example for example in picked if example in mine]
    return Dealt(_cards(session, dealt, wanted, today, lead=lead), sorted(gone), bool(too_many))


def give_back(session: Session, reviewer_id: int, held: Collection[int], others_hold: Callable[[], Collection[int]]) -> None:
    """End a reviewer's leases on what one of their pages held, so that others are dealt it.

    What the reviewer's other pages hold stays; `others_hold` is asked for it as soon as nobody is dealt cards.
    """
    wait_for(session, Lock.dealing)
    release(session, reviewer_id, set(held).difference(others_hold()))


def count_waiting(session: Session, reviewer_id: int, wanted: Wanted, since: int, today: date) -> int:
    """How many examples match the filters. In the queue, repaired masks that this reviewer may look at are counted too, but
    not second opinions and control examples."""
    found = session.scalar(select(func.count()).select_from(_matching(reviewer_id, wanted, since, today).subquery())) or 0
    if wanted.includes_judged:
        return found
    others = (Standing.first_reviewer_id != reviewer_id, *_repaired(wanted, today))
    return found + (session.scalar(select(func.count()).select_from(Standing).where(*others)) or 0)


def count_own_repairs(session: Session, reviewer: str, wanted: Wanted, today: date) -> int:
    """How many masks that this reviewer has repaired wait for somebody else to look at them, in the filtered queue."""
    by = select(Reviewer.id).where(Reviewer.name == reviewer).scalar_subquery()
    own = (Standing.first_reviewer_id == by, *_repaired(wanted, today))
    return session.scalar(select(func.count()).select_from(Standing).where(*own)) or 0


def count_filtered(session: Session, wanted: Wanted, today: date) -> Counts:
    """The examples of the wanted source, split and consent by state, whatever was decided about them."""
    return counts(session, *_filters(wanted, today))


@dataclass(frozen=True)
class WithOthers:
    """How many of the matching examples other reviewers hold, and until when at the most, unless they renew their leases."""

    count: int
    until: datetime | None


def with_others(session: Session, reviewer_id: int, wanted: Wanted, since: int, now: datetime) -> WithOthers:
    """What others hold of the examples that `count_waiting` counts."""
    today = now.date()
    waiting = [_matching(reviewer_id, wanted, since, today)]
    if not wanted.includes_judged:
        others = (Standing.first_reviewer_id != reviewer_id, *_repaired(wanted, today))
        waiting.append(select(*QUEUE_COLUMNS).where(*others))
    untils: list[datetime] = []
    for found in waiting:  # joined, so that the few leases lead, and not the many examples
        held = found.join(Lease, Lease.example_id == Standing.example_id).with_only_columns(Lease.until)
        untils += session.scalars(held.where(Lease.until > now, Lease.reviewer_id != reviewer_id))
    return WithOthers(len(untils), max(untils, default=None))


# --- which cards -----------------------------------------------------------------------------------------------------


def _next_examples(
    session: Session,
    reviewer_id: int,
    count: int,
    now: datetime,
    held: Collection[int],
    wanted: Wanted,
    since: int,
    mix: GoldMix | None,
) -> list[int]:
    """The numbers of the next examples, in the order of the deck."""
    if count <= 0:
        return []
    free = and_(Standing.example_id.not_in(held), ~leased_to_another(reviewer_id, now))
    first = _matching(reviewer_id, wanted, since, now.date()).where(free).order_by(*_ordering(wanted.order)).limit(count)
    picked = [QueuePosition(*row) for row in session.execute(first)]
    if wanted.includes_judged:
        return [position.example_id for position in picked]
    free = and_(free, *_filters(wanted, now.date()))
    seconds = _second_looks_due(session, reviewer_id, free, max(count // SECOND_LOOK_EVERY, count - len(picked)))
    picked = picked[: count - len(seconds)] + seconds
    if mix is not None and (number := mix.gold_count(len(picked))):
        candidates = unseen_gold(session, reviewer_id, free)
        golds = sample_gold(candidates, picked, number, mix.rng, wanted.order)
        picked = picked[: count - len(golds)] + golds
    if wanted.order is Order.random and mix is not None:
        mix.rng.shuffle(picked)
    elif wanted.order is not Order.random:
        picked.sort(key=lambda one: (one.source_id if wanted.order is Order.source else 0, -one.doubt, one.example_id))
    return [position.example_id for position in picked]


def sample_gold(
    candidates: Sequence[QueuePosition], cards: Sequence[QueuePosition], number: int, rng: random.Random, order: Order
) -> list[QueuePosition]:
    """Up to `number` control examples that don't stand out among the other cards.

    By doubt, these are the ones nearest to the range of doubt of the cards; by source, only those from the sources of the
    cards; at random, any.
    """
    if order is Order.source:
        sources = {card.source_id for card in cards}
        candidates = [one for one in candidates if one.source_id in sources]
    drawn = rng.sample(candidates, len(candidates))
    if order is not Order.random:
        low, high = min(card.doubt for card in cards), max(card.doubt for card in cards)
        drawn.sort(key=lambda one: max(low - one.doubt, one.doubt - high, 0.0))
    return drawn[:number]


def _second_looks_due(session: Session, reviewer_id: int, free: ColumnElement[bool], count: int) -> list[QueuePosition]:
    """Examples that one other reviewer has judged and that are due for a second opinion, or whose mask another has repaired.

    Two queries, each a range of the index: it leaves out the reviewer's own examples without reading them.
    """
    first = Standing.first_reviewer_id
    found: list[QueuePosition] = []
    for others in (first < reviewer_id, first > reviewer_id):
        if len(found) < count:
            theirs = select(*QUEUE_COLUMNS).where(others, free).order_by(first, Standing.example_id)
            found += [QueuePosition(*row) for row in session.execute(theirs.limit(count - len(found)))]
    return found


def _filters(wanted: Wanted, today: date) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if wanted.source is not None:
        filters.append(Standing.source_id == wanted.source)
    if wanted.split is not None:
        filters.append(Standing.split == wanted.split)
    if wanted.consent is not None:
        here = stands(wanted.consent, today)
        if wanted.consent in (Consent.ends_soon, Consent.ended):  # few: they are listed first
            theirs = select(Example.id).join(Submission, Submission.id == Example.submission_id).where(here)
            filters.append(Standing.example_id.in_(theirs))
        else:  # many: one card after the other is asked, until enough are found. PostgreSQL would turn an EXISTS into a list.
            asked = select(here).select_from(Example).join(Submission, Submission.id == Example.submission_id)
            filters.append(asked.where(Example.id == Standing.example_id).scalar_subquery())
    return filters


def _repaired(wanted: Wanted, today: date) -> list[ColumnElement[bool]]:
    return [Standing.state == State.repaired, *_filters(wanted, today)]


def _ordering(order: Order) -> tuple[ColumnElement[Any], ...]:
    doubt = (Standing.doubt.desc(), Standing.example_id.asc())
    if order is Order.random:
        return (Standing.lot.asc(), Standing.example_id.asc())
    return (Standing.source_id.asc(), *doubt) if order is Order.source else doubt


def _matching(reviewer_id: int, wanted: Wanted, since: int, today: date) -> Select[int, int, float]:
    """The query for the examples that match the filters, whoever holds them."""
    found = select(*QUEUE_COLUMNS).where(*_filters(wanted, today))
    if not wanted.includes_judged:
        return found.where(Standing.state == State.open)
    found = found.where(Standing.state != State.waiting)
    if wanted.show is not ShowFilter.unseen:
        found = found.where(~exists().where(*_verdict_by(reviewer_id), Verdict.id > since, verdict_counts()))
    if wanted.show is not ShowFilter.repaired:
        found = found.where(or_(Standing.state != State.repaired, Standing.first_reviewer_id != reviewer_id))
    if wanted.show in (ShowFilter.disputed, ShowFilter.fix, ShowFilter.repaired):
        found = found.where(Standing.state == State(wanted.show.value))
    elif wanted.show is ShowFilter.touched:
        found = found.where(exists().where(TouchUp.example_id == Standing.example_id))
    elif wanted.show is ShowFilter.unseen:
        found = found.where(~exists().where(*_verdict_by(reviewer_id), verdict_counts()))
    if wanted.reason is not None or wanted.reviewer is not None:
        found = found.where(_newest_opinion_matches(wanted))
    return found


def _verdict_by(reviewer_id: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Verdict.example_id == Standing.example_id, Verdict.reviewer_id == reviewer_id


def _newest_opinion_matches(wanted: Wanted) -> ColumnElement[bool]:
    """The SQL condition that some reviewer's newest verdict that counts matches the wanted reason and reviewer."""
    later = aliased(Verdict)
    theirs = (later.example_id == Verdict.example_id, later.reviewer_id == Verdict.reviewer_id, later.id > Verdict.id)
    rules = [Verdict.example_id == Standing.example_id, verdict_counts(), ~exists().where(*theirs, verdict_counts(later))]
    if wanted.reason is not None:
        rules.append(Verdict.reason == wanted.reason)
    if wanted.reviewer is not None:
        who = select(Reviewer.id).where(Reviewer.name == wanted.reviewer).scalar_subquery()
        rules.append(Verdict.reviewer_id == who)
    return exists().where(*rules)


def _stale_held(session: Session, reviewer_id: int, held: Collection[int], wanted: Wanted, since: int) -> set[int]:
    """Those of the held examples that were erased, that the reviewer has judged, or that need no verdict of theirs any more."""
    if not held:
        return set()
    mine = select(func.max(Verdict.id)).where(*_verdict_by(reviewer_id), verdict_counts())
    rows = session.execute(
        select(
            Standing.example_id,
            Standing.state,
            Standing.first_reviewer_id,
            mine.scalar_subquery(),
            exists().where(Gold.example_id == Standing.example_id),
        ).where(Standing.example_id.in_(held))
    )
    still_due = set()
    for example, state, first, verdict, gold in rows:
        judged = verdict is not None and (not wanted.includes_judged or verdict > since)
        due = (
            (wanted.includes_judged and state is not State.waiting)
            or state is State.open
            or gold
            or (first is not None and first != reviewer_id)
        )
        if due and not judged:
            still_due.add(example)
    return set(held) - still_due


# --- what they show --------------------------------------------------------------------------------------------------


def _cards(session: Session, examples: Sequence[int], wanted: Wanted, today: date, *, lead: bool) -> list[Card]:
    """The cards of these examples, in this order. An example that may have been judged before shows its current mask."""
    opinions = _opinions(session, examples) if wanted.show is ShowFilter.disputed else {}
    sent_back = reopening_reasons(session, examples)
    masks = current_masks(session, examples if wanted.includes_judged else sent_back.keys())
    rows = session.execute(
        select(
            Example.id, Example.image_sha256, Example.mask_sha256, Example.unknown_sha256, Example.split,
            Submission.photo_name, Suspicion.value, Suspicion.reasons, Reviewer.name, *TERMS,
        )
        .join(Submission, Submission.id == Example.submission_id)
        .join(Standing, Standing.example_id == Example.id)
        .outerjoin(Suspicion, Suspicion.example_id == Example.id)
        .outerjoin(Reviewer, and_(Standing.state == State.repaired, Reviewer.id == Standing.first_reviewer_id))
        .where(Example.id.in_(examples))
    )  # fmt: skip
    cards = {
        example: Card(
            example=example,
            image=image,
            mask=masks[example].sha256 if example in masks else mask,
            photo=photo,
            split=split.value,
            suspicion=suspicion or 0.0,
            reasons=_card_reasons(sent_back.get(example), why),
            drawn=drawn,
            unknown=unknown,
            terms=terms_in_words(Terms(licence, basis, given, expires, drawn), today, lead=lead),
            repaired_by=by,
            opinions=opinions.get(example, []),
        )
        for example, image, mask, unknown, split, photo, suspicion, why, by, licence, basis, given, expires, drawn in rows
    }
    return [cards[example] for example in examples]


def _card_reasons(sent_back: str | None, reasons: list[str] | None) -> list[str]:
    """The reasons on a card: why the example was sent back, then why it is doubtful."""
    return [*([] if sent_back is None else [sent_back]), *(reasons or [])]


def _opinions(session: Session, examples: Collection[int]) -> dict[int, list[dict[str, str | None]]]:
    """The opinions on each of these examples, with the reviewers' names, oldest first."""
    given = newest_verdicts(examples)
    columns = (given.c.example_id, Reviewer.name, given.c.decision, given.c.reason)
    rows = session.execute(select(*columns).join(Reviewer, Reviewer.id == given.c.reviewer_id).order_by(given.c.id))
    found: dict[int, list[dict[str, str | None]]] = {}
    for example, name, decision, reason in rows:
        opinion = {"reviewer": name, "decision": decision.value, "reason": None if reason is None else reason.value}
        found.setdefault(example, []).append(opinion)
    return found


@dataclass(frozen=True)
class GivenVerdict:
    """A verdict that a reviewer gave, with its card as it is now; `reason` is None for a reject without one.

    `was` is the reviewer's decision before, which counts again where this one is undone; None if there is none.
    """

    card: Card
    did: Decision
    reason: Reason | None
    client_id: str
    at: datetime
    settles: bool
    was: Decision | None


def own_verdicts(session: Session, reviewer_id: int, count: int, today: date, *, lead: bool = False) -> list[GivenVerdict]:
    """A reviewer's newest verdicts that count, one an example, the newest first; nothing in them is about anybody else's."""
    later, before = aliased(Verdict), aliased(Verdict)
    again = (later.example_id == Verdict.example_id, later.reviewer_id == reviewer_id, later.id > Verdict.id)
    replaced = (before.example_id == Verdict.example_id, before.reviewer_id == reviewer_id, before.id < Verdict.id)
    was = select(before.decision).where(*replaced, verdict_counts(before)).order_by(before.id.desc()).limit(1).scalar_subquery()
    columns = (Verdict.example_id, Verdict.decision, Verdict.reason, Verdict.client_id, Verdict.at, Verdict.settles, was)
    theirs = select(*columns).where(
        Verdict.reviewer_id == reviewer_id, verdict_counts(), ~exists().where(*again, verdict_counts(later))
    )
    given = session.execute(theirs.order_by(Verdict.id.desc()).limit(count)).all()
    cards = _cards(session, [example for example, *_ in given], Wanted(show=ShowFilter.all), today, lead=lead)
    by_example = {card.example: card for card in cards}  # an example may have been erased since the first query
    return [
        GivenVerdict(by_example[example], decision, None if reason is Reason.unsaid else reason, client_id, at, settles, was)
        for example, decision, reason, client_id, at, settles, was in given
        if example in by_example
    ]


def queue(session: Session, count: int | None) -> list[dict[str, Any]]:
    """The open examples, most doubtful first (`count` of them, or all), with suspicion, reasons, signals, licence and
    consent; takes no lease. `consent` is None where none is recorded."""
    wanted = (
        select(Example)
        .join(Standing)
        .where(Standing.state == State.open)
        .order_by(*_ordering(Order.doubt))
        .options(joinedload(Example.suspicion), joinedload(Example.submission), selectinload(Example.signals))
    )
    sent_back = reopening_reasons(session)
    return [
        {
            "example": example.id,
            "photo": example.submission.photo_name,
            "suspicion": 0.0 if example.suspicion is None else round(example.suspicion.value, 4),
            "reasons": _card_reasons(
                sent_back.get(example.id), None if example.suspicion is None else example.suspicion.reasons
            ),
            "signals": {signal.name: round(signal.value, 4) for signal in example.signals},
            "licence": example.submission.licence,
            "consent": _consent_values(example.submission),
        }
        for example in session.scalars(wanted.limit(count))
    ]


def _consent_values(submission: Submission) -> dict[str, str | None] | None:
    """What is recorded of a photo's consent as values for JSON, or None."""
    given, expires = submission.consent_date, submission.consent_expires
    values = {
        "basis": submission.consent_basis,
        "date": None if given is None else given.isoformat(),
        "expires": None if expires is None else expires.isoformat(),
    }
    return values if any(values.values()) else None
