"""How reviewing goes: pace, what is left, how sources and reviewers compare. Pure functions decide; the rest only reads.

Times are float64 seconds since the epoch, (N,), in any order: one for each keep or reject, for an undo is no verdict. Many may
be equal, since a whole grid of verdicts is one commit. What is measured in time looks at the last 30 days only.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from curator.review.agreement import Agreement, cohen_kappa, wilson
from curator.review.gold import HitRate
from curator.review.opinions import not_undone
from db.tables import Decision, Example, Reviewer, Source, Standing, State, Submission, Verdict

Times = npt.NDArray[np.float64]
Ratings = Mapping[int, Mapping[str, Decision]]
Period = Literal["hour", "day"]

PAUSE = 60.0  # seconds for a verdict over which nobody was at it
NOW = 300.0  # seconds of activity that the pace of the moment is taken from
LATELY = 7200.0  # and those that a forecast is
WINDOW = timedelta(days=30)
ENOUGH = 20  # verdicts that a forecast needs at least
QUARTER = 900  # seconds; every time zone is some of them away from UTC

LOG = ("at", "reviewer", "example", "photo", "verdict", "reason", "settles")


# --- pace -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pace:
    """How fast verdicts were given, pauses left out."""

    verdicts: int  # all of them
    timed: int  # those that came within a minute of the one before, so that their making was seen
    seconds: float  # that the timed ones took: the active time
    median: float | None  # seconds for one of them; None where none was timed

    @property
    def per_minute(self) -> float | None:
        """Timed verdicts a minute of active time; None without any."""
        return 60.0 * self.timed / self.seconds if self.seconds else None


def paces(times: Times) -> Pace:
    """The pace of verdicts given at these times, by one reviewer or by a team as if it were one.

    Verdicts of one moment, sent together, share the time since the moment before. More than a minute for each is a pause:
    what comes right after one (or first) is counted, but in no pace, for nobody knows when its making began.

    >>> paces(np.array([0.0, 2.0, 4.0, 500.0, 506.0]))
    Pace(verdicts=5, timed=3, seconds=10.0, median=2.0)
    """
    moments, sizes = np.unique(times, return_counts=True)
    gaps = np.diff(moments)
    at_it = gaps <= PAUSE * sizes[1:]
    gaps, sizes = gaps[at_it], sizes[1:][at_it]
    each = np.repeat(gaps / sizes, sizes)
    return Pace(len(times), len(each), float(gaps.sum()), float(np.median(each)) if len(each) else None)


def newest_of(times: Times, seconds: float) -> Times:
    """The newest times that hold so many seconds of activity (see `paces`) at most, in order; all where there is less."""
    moments, sizes = np.unique(times, return_counts=True)
    gaps = np.diff(moments)
    since = np.cumsum(np.where(gaps <= PAUSE * sizes[1:], gaps, 0.0)[::-1])[::-1]  # activity from each moment to the last
    first = int(np.count_nonzero(since > seconds))
    return np.sort(times[times >= moments[first]]) if len(moments) else times


def everybody(activity: Mapping[str, Times]) -> Times:
    """The times of all reviewers as one, in order."""
    return np.sort(np.concatenate(list(activity.values()))) if activity else np.empty(0)


@dataclass(frozen=True)
class Forecast:
    """How long what is left will take."""

    work: timedelta  # of reviewing, without pauses, by as many as there were
    basis: timedelta  # of reviewing, that the pace was seen in
    done_at: datetime | None  # if nobody stops; None where nobody works now


def forecast(left: int, pace: Pace, last: datetime | None, now: datetime) -> Forecast | None:
    """What the pace says about when `left` examples are reviewed; `last` is when the newest verdict was given.

    None where nothing is left, and where the pace stands on fewer than 20 verdicts: that would be a guess.
    """
    if left <= 0 or pace.per_minute is None or pace.timed < ENOUGH:
        return None
    work = timedelta(minutes=left / pace.per_minute)
    working = last is not None and (now - last).total_seconds() <= NOW
    return Forecast(work, timedelta(seconds=pace.seconds), now + work if working else None)


def midnight(now: datetime, zone: tzinfo) -> datetime:
    """When the day of `now` began in a time zone."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


def since(times: Times, start: datetime) -> Times:
    """Those of the times that are not before `start`."""
    return times[times >= start.timestamp()]


def periods(now: datetime, zone: tzinfo, period: Period, count: int) -> list[datetime]:
    """The last `count` hours or days up to that of `now`, oldest first: when each began, on the clock of the zone."""
    if period == "day":
        today = midnight(now, zone).replace(tzinfo=None)
        return [today - timedelta(days=back) for back in reversed(range(count))]
    hours = (_began(now - timedelta(hours=back), zone, "hour") for back in reversed(range(count)))
    return list(dict.fromkeys(hours))  # the hour that a clock turned back shows twice is one


def per_period(activity: Mapping[str, Times], zone: tzinfo, period: Period) -> Counter[tuple[str, datetime]]:
    """How many verdicts each reviewer gave in each hour or day, by when that began on the clock of the zone."""
    found: Counter[tuple[str, datetime]] = Counter()
    for name, times in activity.items():
        # By quarters of an hour first, which are few however many verdicts there are.
        for quarter, number in zip(*np.unique(times // QUARTER, return_counts=True), strict=True):
            found[name, _began(datetime.fromtimestamp(float(quarter) * QUARTER, zone), zone, period)] += int(number)
    return found


def _began(moment: datetime, zone: tzinfo, period: Period) -> datetime:
    local = moment.astimezone(zone).replace(tzinfo=None, minute=0, second=0, microsecond=0)
    return local.replace(hour=0) if period == "day" else local


# --- agreement ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReviewerPair:
    """Two reviewers, and how far they agree on the examples that both have judged."""

    first: str
    second: str
    kappa: Agreement


def pairs(ratings: Ratings) -> list[ReviewerPair]:
    """Cohen's kappa of every two reviewers who share an example; those who share most first."""
    labels: dict[tuple[str, str], list[tuple[Decision, Decision]]] = defaultdict(list)
    for opinions in ratings.values():
        for one, other in combinations(sorted(opinions), 2):
            labels[one, other].append((opinions[one], opinions[other]))
    found = [ReviewerPair(one, other, cohen_kappa(given)) for (one, other), given in labels.items()]
    return sorted(found, key=lambda pair: (-pair.kappa.items, pair.first, pair.second))


def agreed(ratings: Ratings) -> dict[str, tuple[int, int]]:
    """For each reviewer: how often another's opinion on the same example was the same, of how many."""
    same: Counter[str] = Counter()
    compared: Counter[str] = Counter()
    for opinions in ratings.values():
        said = Counter(opinions.values())
        for name, decision in opinions.items():
            same[name] += said[decision] - 1
            compared[name] += len(opinions) - 1
    return {name: (same[name], number) for name, number in compared.items() if number}


# --- what stands in the tables ---------------------------------------------------------------------------------------


def activity(session: Session, start: datetime) -> dict[str, Times]:
    """When each reviewer gave their verdicts since `start`, in order."""
    wanted = (
        select(Verdict.reviewer_id, Verdict.at)
        .where(Verdict.at >= start, Verdict.decision != Decision.undo)
        .order_by(Verdict.at)
    )
    found: dict[int, list[float]] = defaultdict(list)
    for reviewer, at in session.execute(wanted):
        found[reviewer].append(at.timestamp())
    names = dict(session.execute(select(Reviewer.id, Reviewer.name).where(Reviewer.id.in_(found))).all())
    return {names[reviewer]: np.array(times) for reviewer, times in sorted(found.items())}


def ratings(session: Session) -> dict[int, dict[str, Decision]]:
    """The blind opinions on every example that two or more reviewers judged: the newest of each, by their names.

    What was taken back is left out. So are verdicts that settle, for who gave them had seen the others'; the opinion that a
    lead had before counts as anybody's: without it, agreement would rise with every disagreement that is settled.
    """
    shared = (
        select(Verdict.example_id)
        .group_by(Verdict.example_id)
        .having(func.min(Verdict.reviewer_id) != func.max(Verdict.reviewer_id))
    )
    blind = (
        select(func.max(Verdict.id))
        .where(~Verdict.settles, not_undone(), Verdict.example_id.in_(shared))
        .group_by(Verdict.example_id, Verdict.reviewer_id)
    )
    wanted = select(Verdict.example_id, Reviewer.name, Verdict.decision).join(Reviewer, Reviewer.id == Verdict.reviewer_id)
    found: dict[int, dict[str, Decision]] = defaultdict(dict)
    for example, name, decision in session.execute(
        wanted.where(Verdict.id.in_(blind)).order_by(Verdict.example_id, Reviewer.id)
    ):
        found[example][name] = decision
    return {example: opinions for example, opinions in found.items() if len(opinions) > 1}


def sources(session: Session) -> list[dict[str, Any]]:
    """What each source came to, the largest first: examples, how many of them are decided, kept, disputed and open.

    `share` is that of the kept among the decided, 0 to 1 or None, with its interval `low` to `high`.
    """
    rows = session.execute(
        select(Standing.source_id, Standing.state, func.count()).group_by(Standing.source_id, Standing.state)
    ).all()
    number: dict[int, Counter[State]] = defaultdict(Counter)
    for source, state, count in rows:
        number[source][state] = count
    found = []
    for one in session.scalars(select(Source).where(Source.id.in_(number)).order_by(Source.id)):
        states = number[one.id]
        kept, decided = states[State.keep], states.total() - states[State.open] - states[State.waiting]
        low, high = wilson(kept, decided)
        found.append(
            {
                "adapter": one.adapter,
                "source": one.location,
                "examples": states.total(),
                "decided": decided,
                "kept": kept,
                "disputed": states[State.disputed],
                "open": states[State.open],
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
    """A row for each reviewer of `curator.reviewers.decided`: what they decided, how fast, how well. None for what isn't known.

    Without `golds` there is no column about known answers.
    """
    rows = []
    for one in decided:
        name = one["reviewer"]
        pace = paces(activity.get(name, np.empty(0)))
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


def log(session: Session, reviewer: str | None) -> Iterator[tuple[Any, ...]]:
    """Every verdict ever given, undos too, oldest first, as rows of LOG; with a name that reviewer's alone."""
    wanted = (
        select(
            Verdict.at,
            Reviewer.name,
            Verdict.example_id,
            Submission.photo_name,
            Verdict.decision,
            Verdict.reason,
            Verdict.settles,
        )
        .join(Reviewer, Reviewer.id == Verdict.reviewer_id)
        .join(Example, Example.id == Verdict.example_id)
        .join(Submission, Submission.id == Example.submission_id)
        .order_by(Verdict.id)
        .execution_options(yield_per=10_000)
    )
    if reviewer is not None:
        wanted = wanted.where(Reviewer.name == reviewer)
    for at, name, example, photo, decision, reason, settles in session.execute(wanted):
        yield at.isoformat(), name, example, photo, decision.value, reason.value if reason else "", int(settles)
