"""Who sees what next: examples in the order that is wanted, each leased to one reviewer at a time.

Nobody gets what another holds. Some of what a reviewer gets was judged before: by one other reviewer, where a second
opinion is wanted, or by a lead, who knows the answer. Those cards look like all others and lie where they would lie.
"""

import random
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from curator.review.current_mask import current_masks
from curator.review.gold import unseen_gold
from curator.review.leases import POSITION, QueuePosition, claim, held_by_another
from curator.review.opinions import counting, newest_verdicts
from curator.review.reopening import why_again
from db.errors import WinnowError
from db.session import Lock, wait_for
from db.tables import Example, Gold, Reason, Reviewer, Split, Standing, State, Submission, Suspicion, TouchUp, Verdict

SECOND_OPINION_EVERY = 4  # one card in so many is a second opinion, where enough are wanted


class Order(StrEnum):
    """In which order the cards come."""

    doubt = "doubt"
    random = "random"
    source = "source"


class Show(StrEnum):
    """Which examples come at all."""

    open = "open"
    unseen = "unseen"
    all = "all"
    touched = "touched"
    disputed = "disputed"


@dataclass(frozen=True)
class Wanted:
    """What a reviewer asked to see. `open` is the queue; everything else looks again at what may have been judged."""

    order: Order = Order.doubt
    show: Show = Show.open
    source: int | None = None
    split: Split | None = None
    reason: Reason | None = None
    reviewer: str | None = None

    @property
    def again(self) -> bool:
        """Whether examples come that have been judged: a reason or a reviewer can only be one's of those."""
        return self.show is not Show.open or self.reason is not None or self.reviewer is not None


Word = TypeVar("Word", bound=StrEnum)


def wanted_from(params: Mapping[str, str], sources: Container[str], reviewers: Container[str], *, lead: bool = False) -> Wanted:
    """What an address asks for: order, show, source, split, reason, reviewer; names that it doesn't know are passed by.

    `sources` are the numbers there are, as text, and `reviewers` the names; only a lead may ask for disagreements. Raises
    WinnowError with a sentence for a value that means nothing: addresses are written by hand, and grow old.
    """

    def one_of(name: str, words: type[Word]) -> Word | None:
        said = params.get(name)
        if said is None:
            return None
        if said not in set(words):
            raise WinnowError(f"“{said[:40]}” is no {name}; there are {', '.join(words)}.")
        return words(said)

    source, reviewer = params.get("source"), params.get("reviewer")
    if source is not None and source not in sources:
        raise WinnowError(f"There is no source {source[:40]}.")
    if reviewer is not None and reviewer not in reviewers:
        raise WinnowError(f"Nobody called “{reviewer[:80]}” reviews here.")
    wanted = Wanted(
        order=one_of("order", Order) or Order.doubt,
        show=one_of("show", Show) or Show.open,
        source=None if source is None else int(source),
        split=one_of("split", Split),
        reason=one_of("reason", Reason),
        reviewer=reviewer,
    )
    if wanted.show is Show.disputed and not lead:
        raise WinnowError("Only a lead settles disagreements.")
    return wanted


@dataclass(frozen=True)
class Mix:
    """How known answers are mixed into the queue: a share of the cards, 0 to 1, drawn with this chance."""

    gold_share: float
    chance: random.Random

    def golds_among(self, cards: int) -> int:
        """How many of so many cards are known answers: the share of them on average."""
        exact = self.gold_share * cards
        return int(exact) + (self.chance.random() < exact % 1)


@dataclass(frozen=True)
class Card:
    """One example as the deck shows it; `image` and `mask` are hashes of 512 x 512 pictures."""

    example: int
    image: str
    mask: str
    photo: str
    split: str
    suspicion: float
    reasons: list[str]
    drawn: bool
    opinions: list[dict[str, str | None]] = field(default_factory=list)  # only for a lead who settles


@dataclass(frozen=True)
class Hand:
    """The cards dealt, and which of those held already have been judged or erased meanwhile."""

    cards: list[Card]
    gone: list[int]


def deal(
    session: Session,
    reviewer_id: int,
    count: int,
    now: datetime,
    held: Collection[int] = (),
    *,
    wanted: Wanted = Wanted(),
    since: int = 0,
    mix: Mix | None = None,
) -> Hand:
    """Up to `count` examples for a reviewer, leased to them for ten minutes.

    Leaves out what another reviewer holds, what the reviewer has judged since verdict number `since` (only asked where
    judged examples come at all) and the examples in `held`, which the page has already: their leases are renewed, and taken
    again for one that an undo opened. An example whose lease ran out can be dealt again.
    """
    wait_for(session, Lock.dealing)  # two who ask at the same moment get different cards
    gone = _gone(session, reviewer_id, held, wanted, since)
    picked = _picked(session, reviewer_id, count, now, held, wanted, since, mix)
    mine = claim(session, reviewer_id, {*picked, *held} - gone, now)
    dealt = [example for example in picked if example in mine]
    return Hand(_cards(session, dealt, wanted), sorted(gone))


def count_waiting(session: Session, reviewer_id: int, wanted: Wanted, since: int) -> int:
    """How many examples wait under what is wanted; second opinions and known answers aren't told apart, so not counted."""
    return session.scalar(select(func.count()).select_from(_wanted(reviewer_id, wanted, since).subquery())) or 0


# --- which cards -----------------------------------------------------------------------------------------------------


def _picked(
    session: Session,
    reviewer_id: int,
    count: int,
    now: datetime,
    held: Collection[int],
    wanted: Wanted,
    since: int,
    mix: Mix | None,
) -> list[int]:
    """The numbers of the next examples, in order."""
    if count <= 0:
        return []
    free = and_(Standing.example_id.not_in(held), ~held_by_another(reviewer_id, now))
    first = _wanted(reviewer_id, wanted, since).where(free).order_by(*_ordered(wanted.order)).limit(count)
    picked = [QueuePosition(*row) for row in session.execute(first)]
    if wanted.again:
        return [place.example_id for place in picked]
    seconds = _second_wanted(session, reviewer_id, wanted, free, max(count // SECOND_OPINION_EVERY, count - len(picked)))
    picked = picked[: count - len(seconds)] + seconds
    if mix is not None and (number := mix.golds_among(len(picked))):
        known = unseen_gold(session, reviewer_id, and_(free, *_filters(wanted)))
        golds = drawn_golds(known, picked, number, mix.chance, wanted.order)
        picked = picked[: count - len(golds)] + golds
    if wanted.order is Order.random and mix is not None:
        mix.chance.shuffle(picked)
    elif wanted.order is not Order.random:
        picked.sort(key=lambda place: (place.source_id if wanted.order is Order.source else 0, -place.doubt, place.example_id))
    return [place.example_id for place in picked]


def drawn_golds(
    known: Sequence[QueuePosition], hand: Sequence[QueuePosition], number: int, chance: random.Random, order: Order
) -> list[QueuePosition]:
    """So many known answers to mix into a hand (fewer where there are fewer), such as could lie in it anyway.

    In doubt's order those nearest to the hand's own doubts; in the order of sources, those of the hand's sources.
    """
    if order is Order.source:
        sources = {place.source_id for place in hand}
        known = [place for place in known if place.source_id in sources]
    drawn = chance.sample(known, len(known))
    if order is not Order.random:
        low, high = min(place.doubt for place in hand), max(place.doubt for place in hand)
        drawn.sort(key=lambda place: max(low - place.doubt, place.doubt - high, 0.0))
    return drawn[:number]


def _second_wanted(
    session: Session, reviewer_id: int, wanted: Wanted, free: ColumnElement[bool], count: int
) -> list[QueuePosition]:
    """What one other reviewer has judged and a second is to. Two ranges of the index, never over one's own examples."""
    first = Standing.first_reviewer_id
    found: list[QueuePosition] = []
    for others in (first < reviewer_id, first > reviewer_id):
        if len(found) < count:
            theirs = select(*POSITION).where(others, free, *_filters(wanted)).order_by(first, Standing.example_id)
            found += [QueuePosition(*row) for row in session.execute(theirs.limit(count - len(found)))]
    return found


def _filters(wanted: Wanted) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if wanted.source is not None:
        filters.append(Standing.source_id == wanted.source)
    if wanted.split is not None:
        filters.append(Standing.split == wanted.split)
    return filters


def _ordered(order: Order) -> tuple[ColumnElement[Any], ...]:
    doubt = (Standing.doubt.desc(), Standing.example_id.asc())
    if order is Order.random:
        return (Standing.lot.asc(), Standing.example_id.asc())
    return (Standing.source_id.asc(), *doubt) if order is Order.source else doubt


def _wanted(reviewer_id: int, wanted: Wanted, since: int) -> Select[int, int, float]:
    """The places of the examples that are wanted, whoever holds them."""
    found = select(*POSITION).where(*_filters(wanted))
    if not wanted.again:
        return found.where(Standing.state == State.open)
    found = found.where(Standing.state != State.waiting)
    if wanted.show is not Show.unseen:
        found = found.where(~exists().where(*_by(reviewer_id), Verdict.id > since, counting()))
    if wanted.show is Show.disputed:
        found = found.where(Standing.state == State.disputed)
    elif wanted.show is Show.touched:
        found = found.where(exists().where(TouchUp.example_id == Standing.example_id))
    elif wanted.show is Show.unseen:
        found = found.where(~exists().where(*_by(reviewer_id), counting()))
    if wanted.reason is not None or wanted.reviewer is not None:
        found = found.where(_judged(wanted))
    return found


def _by(reviewer_id: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Verdict.example_id == Standing.example_id, Verdict.reviewer_id == reviewer_id


def _judged(wanted: Wanted) -> ColumnElement[bool]:
    """That somebody's newest counting verdict on the example is by the wanted reviewer, with the wanted reason."""
    later = aliased(Verdict)
    theirs = (later.example_id == Verdict.example_id, later.reviewer_id == Verdict.reviewer_id, later.id > Verdict.id)
    rules = [Verdict.example_id == Standing.example_id, counting(), ~exists().where(*theirs, counting(later))]
    if wanted.reason is not None:
        rules.append(Verdict.reason == wanted.reason)
    if wanted.reviewer is not None:
        who = select(Reviewer.id).where(Reviewer.name == wanted.reviewer).scalar_subquery()
        rules.append(Verdict.reviewer_id == who)
    return exists().where(*rules)


def _gone(session: Session, reviewer_id: int, held: Collection[int], wanted: Wanted, since: int) -> set[int]:
    """Those of the held examples that are erased, that the reviewer has judged, or that wait for no verdict of theirs."""
    if not held:
        return set()
    mine = select(func.max(Verdict.id)).where(*_by(reviewer_id), counting())
    rows = session.execute(
        select(
            Standing.example_id,
            Standing.state,
            Standing.first_reviewer_id,
            mine.scalar_subquery(),
            exists().where(Gold.example_id == Standing.example_id),
        ).where(Standing.example_id.in_(held))
    )
    still = set()
    for example, state, first, verdict, gold in rows:
        judged = verdict is not None and (not wanted.again or verdict > since)
        asked = (
            (wanted.again and state is not State.waiting)
            or state is State.open
            or gold
            or (first is not None and first != reviewer_id)
        )
        if asked and not judged:
            still.add(example)
    return set(held) - still


# --- what they show --------------------------------------------------------------------------------------------------


def _cards(session: Session, examples: Sequence[int], wanted: Wanted) -> list[Card]:
    """The cards of these examples, in this order. One that is looked at again shows the mask that counts by now."""
    opinions = _opinions(session, examples) if wanted.show is Show.disputed else {}
    sent_back = why_again(session, examples)
    masks = current_masks(session, examples if wanted.again else sent_back.keys())
    rows = session.execute(
        select(
            Example.id, Example.image_sha256, Example.mask_sha256, Example.split, Submission.photo_name, Submission.drawn,
            Suspicion.value, Suspicion.reasons,
        )
        .join(Submission, Submission.id == Example.submission_id)
        .outerjoin(Suspicion, Suspicion.example_id == Example.id)
        .where(Example.id.in_(examples))
    )  # fmt: skip
    cards = {
        example: Card(
            example=example,
            image=image,
            mask=masks.get(example, mask),
            photo=photo,
            split=split.value,
            suspicion=suspicion or 0.0,
            reasons=_told(sent_back.get(example), reasons),
            drawn=drawn,
            opinions=opinions.get(example, []),
        )
        for example, image, mask, split, photo, drawn, suspicion, reasons in rows
    }
    return [cards[example] for example in examples]


def _told(sent_back: str | None, reasons: list[str] | None) -> list[str]:
    """What is said on a card: why it comes again, then what is doubtful."""
    return [*([] if sent_back is None else [sent_back]), *(reasons or [])]


def _opinions(session: Session, examples: Collection[int]) -> dict[int, list[dict[str, str | None]]]:
    """Who said what of each of these, in the order it was said: for a lead who settles."""
    given = newest_verdicts(examples)
    columns = (given.c.example_id, Reviewer.name, given.c.decision, given.c.reason)
    rows = session.execute(select(*columns).join(Reviewer, Reviewer.id == given.c.reviewer_id).order_by(given.c.id))
    found: dict[int, list[dict[str, str | None]]] = {}
    for example, name, decision, reason in rows:
        said = {"reviewer": name, "decision": decision.value, "reason": None if reason is None else reason.value}
        found.setdefault(example, []).append(said)
    return found


def queue(session: Session, count: int | None) -> list[dict[str, Any]]:
    """The open examples, most doubtful first, all or `count` of them, with suspicion, reasons and signals; leases nothing."""
    wanted = (
        select(Example)
        .join(Standing)
        .where(Standing.state == State.open)
        .order_by(*_ordered(Order.doubt))
        .options(joinedload(Example.suspicion), joinedload(Example.submission), selectinload(Example.signals))
    )
    sent_back = why_again(session)
    return [
        {
            "example": example.id,
            "photo": example.submission.photo_name,
            "suspicion": 0.0 if example.suspicion is None else round(example.suspicion.value, 4),
            "reasons": _told(sent_back.get(example.id), None if example.suspicion is None else example.suspicion.reasons),
            "signals": {signal.name: round(signal.value, 4) for signal in example.signals},
        }
        for example in session.scalars(wanted.limit(count))
    ]
