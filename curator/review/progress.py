"""The progress of reviewing: pace, forecast, and a comparison of sources and of reviewers. Nothing here writes.

`Times` are float64 (N,), seconds since 1970 (UTC), in any order: one for each verdict that stands. Many may be equal:
a grid of verdicts is recorded in one commit. Pages measure paces over the last 30 days only (`WINDOW`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine, exists, func, select
from sqlalchemy.orm import Session

from curator.review.agreement import Agreement, cohen_kappa, wilson
from curator.review.gold import HitRate
from curator.review.opinions import not_replaced, not_undone, reopening_counts
from db.session import reading
from db.tables import Decision, Example, Reopening, Reviewer, Source, Standing, State, Submission, Verdict

Times = npt.NDArray[np.float64]
Ratings = Mapping[int, Mapping[str, Decision]]
Period = Literal["hour", "day"]

PAUSE_SECONDS = 60.0  # a longer gap for one verdict is a pause
CURRENT_SECONDS = 300.0  # the current pace is measured over the newest 5 minutes of active time
FORECAST_SECONDS = 7200.0  # and a forecast over the newest 2 hours
LEAST_SECONDS = 10.0  # of active time, for a pace: less is chance, or a file of verdicts, which nobody gave one by one
WINDOW = timedelta(days=30)
# What a forecast needs. Durations scatter about as much as they are long, so 30 of them tell their mean to about a fifth
# (1 / sqrt(30)); and people begin faster or slower than they go on, so they have to be of five minutes at least.
ENOUGH_VERDICTS = 30
ENOUGH_SECONDS = 300.0
QUARTER_HOUR_SECONDS = 900  # every time zone is a multiple of it away from UTC

LOG_ROWS_AT_ONCE = 5000
VERDICT_LOG_COLUMNS = ("at", "reviewer", "example", "photo", "verdict", "reason", "settles")


# --- pace -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pace:
    """How fast verdicts were given, without pauses."""

    verdicts: int  # all
    timed: int  # those whose duration is known: not the first, and not the first after a pause
    seconds: float  # the active time: how long the timed verdicts took together
    median: float | None  # seconds for a timed verdict; None if there is none

    @property
    def per_minute(self) -> float | None:
        """Timed verdicts per minute of active time; None if that is too short to tell."""
        return 60.0 * self.timed / self.seconds if self.seconds >= LEAST_SECONDS else None


def measure_pace(times: Times) -> Pace:
    """The pace of the verdicts given at these times, by one reviewer or by a whole team.

    Verdicts with equal times were sent together and share the time since the verdicts before. More than 60 seconds each is a
    pause. The first verdicts, and the first after a pause, are counted but not timed: nobody knows when work on them began.

    >>> measure_pace(np.array([0.0, 2.0, 4.0, 500.0, 506.0]))
    Pace(verdicts=5, timed=3, seconds=10.0, median=2.0)
    """
    moments, sizes = np.unique(times, return_counts=True)
    gaps = np.diff(moments)
    active = gaps <= PAUSE_SECONDS * sizes[1:]
    gaps, sizes = gaps[active], sizes[1:][active]
    each = np.repeat(gaps / sizes, sizes)
    return Pace(len(times), len(each), float(gaps.sum()), float(np.median(each)) if len(each) else None)


def newest_activity(times: Times, seconds: float) -> Times:
    """The newest of the times, sorted, with at most this many seconds of active time between them (see `measure_pace`)."""
    moments, sizes = np.unique(times, return_counts=True)
    gaps = np.diff(moments)
    active = np.where(gaps <= PAUSE_SECONDS * sizes[1:], gaps, 0.0)
    to_the_last = np.cumsum(active[::-1])[::-1]  # active seconds from each moment to the last
    first = int(np.count_nonzero(to_the_last > seconds))
    return np.sort(times[times >= moments[first]]) if len(moments) else times


def merged_times(activity: Mapping[str, Times]) -> Times:
    """The times of all reviewers together, sorted; empty without reviewers."""
    return np.sort(np.concatenate(list(activity.values()))) if activity else np.empty(0)


@dataclass(frozen=True)
class Forecast:
    """How long it takes to review the rest."""

    work: timedelta  # active time, at the pace of the whole team
    basis: timedelta  # the active time over which that pace was measured
    done_at: datetime | None  # if reviewing goes on without a pause; None if nobody is reviewing now


def forecast(left: int, pace: Pace, last: datetime | None, now: datetime) -> Forecast | None:
    """When `left` examples will be reviewed at this pace; `last` is the time of the newest verdict, None if there is none.

    None if nothing is left, or if the pace was measured over fewer than 30 verdicts or 5 minutes: that would be a guess.
    """
    if left <= 0 or pace.per_minute is None or pace.timed < ENOUGH_VERDICTS or pace.seconds < ENOUGH_SECONDS:
        return None
    work = timedelta(minutes=left / pace.per_minute)
    working = last is not None and (now - last).total_seconds() <= CURRENT_SECONDS
    return Forecast(work, timedelta(seconds=pace.seconds), now + work if working else None)


def midnight(now: datetime, zone: tzinfo) -> datetime:
    """The start of the day of `now` in a time zone."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


def not_before(times: Times, start: datetime) -> Times:
    """Those of the times that are not before `start`, in their order."""
    return times[times >= start.timestamp()]


def periods(now: datetime, zone: tzinfo, period: Period, count: int) -> list[datetime]:
    """The starts of the last `count` hours or days up to that of `now`, oldest first, as naive local times of the zone.

    When clocks are set back, the repeated hour is one, so that there is one fewer.
    """
    if period == "day":
        today = midnight(now, zone).replace(tzinfo=None)
        return [today - timedelta(days=back) for back in reversed(range(count))]
    hours = (_began(now - timedelta(hours=back), zone, "hour") for back in reversed(range(count)))
    return list(dict.fromkeys(hours))  # the hour that repeats when clocks are set back counts once


def per_period(activity: Mapping[str, Times], zone: tzinfo, period: Period) -> Counter[tuple[str, datetime]]:
    """How many verdicts each reviewer gave in each hour or day; the key is (reviewer, its start as in `periods`)."""
    found: Counter[tuple[str, datetime]] = Counter()
    for name, times in activity.items():
        # Count by quarter hour first: there are few of these, however many verdicts there are.
        for quarter, number in zip(*np.unique(times // QUARTER_HOUR_SECONDS, return_counts=True), strict=True):
            moment = datetime.fromtimestamp(float(quarter) * QUARTER_HOUR_SECONDS, zone)
            found[name, _began(moment, zone, period)] += int(number)
    return found


def _began(moment: datetime, zone: tzinfo, period: Period) -> datetime:
    local = moment.astimezone(zone).replace(tzinfo=None, minute=0, second=0, microsecond=0)
    return local.replace(hour=0) if period == "day" else local


# --- agreement ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReviewerPair:
    """Two reviewers, and their agreement on the examples that both have judged."""

    first: str
    second: str
    kappa: Agreement


def reviewer_pairs(ratings: Ratings) -> list[ReviewerPair]:
    """Cohen's kappa for every two reviewers who have judged a common example; those with the most in common first."""
    labels: dict[tuple[str, str], list[tuple[Decision, Decision]]] = defaultdict(list)
    for opinions in ratings.values():
        for one, other in combinations(sorted(opinions), 2):
            labels[one, other].append((opinions[one], opinions[other]))
    found = [ReviewerPair(one, other, cohen_kappa(given)) for (one, other), given in labels.items()]
    return sorted(found, key=lambda pair: (-pair.kappa.items, pair.first, pair.second))


def agreement_with_others(ratings: Ratings) -> dict[str, tuple[int, int]]:
    """For each reviewer (agreements, comparisons) with all other opinions on the same examples; no entry without any."""
    same: Counter[str] = Counter()
    compared: Counter[str] = Counter()
    for opinions in ratings.values():
        labels = Counter(opinions.values())
        for name, decision in opinions.items():
            same[name] += labels[decision] - 1
            compared[name] += len(opinions) - 1
    return {name: (same[name], number) for name, number in compared.items() if number}


# --- queries ---------------------------------------------------------------------------------------------------------


def activity(session: Session, start: datetime) -> dict[str, Times]:
    """The times of each reviewer's verdicts since `start` that stand, sorted: those that `reviewers.decided` counts.

    Left out are undos, what they took back, and verdicts that the same reviewer has replaced by a later one on the example.
    """
    wanted = (
        select(Verdict.reviewer_id, Verdict.at).where(Verdict.at >= start, not_undone(), not_replaced()).order_by(Verdict.at)
    )
    found: dict[int, list[float]] = defaultdict(list)
    for reviewer, at in session.execute(wanted):
        found[reviewer].append(at.timestamp())
    names = dict(session.execute(select(Reviewer.id, Reviewer.name)).all())
    return {names[reviewer]: np.array(times) for reviewer, times in sorted(found.items())}


def ratings(session: Session) -> dict[int, dict[str, Decision]]:
    """The blind opinions on every example with two or more of them: each reviewer's newest, by name.

    Undone verdicts are left out. So are verdicts that settle a disagreement, because the lead saw the others' opinions. A
    lead's earlier blind opinion counts like any other: without it, agreement would rise with every settled disagreement.
    Verdicts on a repaired mask are left out too: they are about another mask, and the card says that somebody repaired it.
    """
    repaired = (
        Reopening.example_id == Verdict.example_id,
        Reopening.touch_up_id.is_not(None),
        Reopening.after_verdict < Verdict.id,
        reopening_counts(),
    )
    shared = (
        select(Verdict.example_id)
        .group_by(Verdict.example_id)
        .having(func.min(Verdict.reviewer_id) != func.max(Verdict.reviewer_id))
    )
    blind = (
        select(func.max(Verdict.id))
        .where(~Verdict.settles, not_undone(), Verdict.example_id.in_(shared), ~exists().where(*repaired))
        .group_by(Verdict.example_id, Verdict.reviewer_id)
    )
    wanted = select(Verdict.example_id, Reviewer.name, Verdict.decision).join(Reviewer, Reviewer.id == Verdict.reviewer_id)
    found: dict[int, dict[str, Decision]] = defaultdict(dict)
    for example, name, decision in session.execute(
        wanted.where(Verdict.id.in_(blind)).order_by(Verdict.example_id, Reviewer.id)
    ):
        found[example][name] = decision
    return {example: opinions for example, opinions in found.items() if len(opinions) > 1}


def source_progress(session: Session) -> list[dict[str, Any]]:
    """A row for each source, the largest first: how many examples it has, and how many are decided, kept, disputed, in repair
    (to be fixed, or repaired and not looked at since), open, and waiting behind another of the same picture.

    `decided`, `in repair`, `open` and `waiting` add up to `examples`; `kept` and `disputed` are among the decided.

    `share`, 0 to 1, is kept / decided with its 95 % interval `low` to `high` (Wilson); None if nothing is decided.
    """
    rows = session.execute(
        select(Standing.source_id, Standing.state, func.count()).group_by(Standing.source_id, Standing.state)
    ).all()
    number: dict[int, Counter[State]] = defaultdict(Counter)
    for source, state, count in rows:
        number[source][state] = count
    found = []
    for one in session.scalars(select(Source).order_by(Source.id)):
        states = number.get(one.id)
        if states is None:
            continue
        kept, in_repair = states[State.keep], states[State.fix] + states[State.repaired]
        decided = states.total() - states[State.open] - states[State.waiting] - in_repair
        low, high = wilson(kept, decided)
        found.append(
            {
                "adapter": one.adapter,
                "source": one.location,
                "examples": states.total(),
                "decided": decided,
                "kept": kept,
                "disputed": states[State.disputed],
                "in repair": in_repair,
                "open": states[State.open],
                "waiting": states[State.waiting],
                "share": kept / decided if decided else None,
                "low": low if decided else None,
                "high": high if decided else None,
            }
        )
    return sorted(found, key=lambda row: -row["examples"])


def side_by_side(
    decided: Sequence[Mapping[str, Any]],
    activity: Mapping[str, Times],
    agreed: Mapping[str, tuple[int, int]],
    golds: Mapping[str, HitRate] | None,
) -> list[dict[str, Any]]:
    """A row for each row of `curator.review.reviewers.decided`, with pace and agreement; None for an unknown value.

    `agreed` are the counts of `agreement_with_others`. Without `golds` there are no columns about control examples.
    """
    rows = []
    for one in decided:
        name = one["reviewer"]
        pace = measure_pace(activity.get(name, np.empty(0)))
        same, compared = agreed.get(name, (0, 0))
        row = {
            **one,
            "active minutes": pace.seconds / 60.0,
            "per minute": pace.per_minute,
            "median seconds": pace.median,
            "agreed": same / compared if compared else None,
            "compared": compared,
        }
        if golds is not None:
            hits = golds.get(name)
            row |= {
                "gold hit rate": hits and hits.share,
                "gold low": hits and hits.low,
                "gold high": hits and hits.high,
                "gold tries": hits.tries if hits else 0,
            }
        rows.append(row)
    return rows


def verdict_log(engine: Engine, reviewer: str | None) -> Iterator[tuple[Any, ...]]:
    """All verdicts, undos included, oldest first, as rows of VERDICT_LOG_COLUMNS; only those of `reviewer`, if given.

    Some thousands are read at a time, each time in a transaction of its own: a slow download keeps none open.
    """
    columns = (Verdict.id, Verdict.at, Reviewer.name, Verdict.example_id, Submission.photo_name)
    wanted = (
        select(*columns, Verdict.decision, Verdict.reason, Verdict.settles)
        .join(Reviewer, Reviewer.id == Verdict.reviewer_id)
        .join(Example, Example.id == Verdict.example_id)
        .join(Submission, Submission.id == Example.submission_id)
        .order_by(Verdict.id)
        .limit(LOG_ROWS_AT_ONCE)
    )
    if reviewer is not None:
        wanted = wanted.where(Reviewer.name == reviewer)
    newest = 0
    while True:
        with reading(engine) as session:
            rows = session.execute(wanted.where(Verdict.id > newest)).all()
        for newest, at, name, example, photo, decision, reason, settles in rows:  # noqa: B007 - where the next ones begin
            yield at.isoformat(), name, example, photo, decision.value, reason.value if reason else "", int(settles)
        if len(rows) < LOG_ROWS_AT_ONCE:
            return
