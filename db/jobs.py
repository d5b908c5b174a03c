"""Jobs: one of our own commands running as its own process, and the database row that shows how it is going.

The app starts a command and polls its row. The command keeps the row up to date while it works: it sends heartbeats, reports
progress and checks whether it should stop. This module does not know what the work is; `db/launch.py` decides where it runs.
"""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.errors import DatabaseBusyError, DatabaseUnavailableError, NotNowError, WinnowError
from db.session import ATTEMPTS, reading, transact, writing
from db.tables import Event, Job, JobState

ACTIVE = (JobState.queued, JobState.running)
HEARTBEAT_SECONDS = 5.0  # between two heartbeats
HEARTBEAT_TIMEOUT = timedelta(seconds=60)  # an active job without a heartbeat for this long was interrupted
REPORT_SECONDS = 0.5  # at least, between two progress reports that are written
NOT_BESIDE = {  # what isn't started while a job of one of these kinds is on
    "fit": ("fit",),
    "report": ("report",),
    "export": ("export",),
    "refine": ("refine",),
    "pack": ("pack", "erase"),
    "sample": ("ingest", "erase", "undo"),
    "undo": ("ingest", "erase", "undo"),
}
ALREADY_RUNNING = {
    "fit": "A training is on. Wait until it has finished, or stop it.",
    "report": "A run is being measured. Wait until that has finished.",
    "export": "A file is being made and proven. Wait until that has finished.",
    "pack": "A set is being packed. Wait until that has finished, or stop it.",
    "refine": "Masks are being refined. Wait until that has finished, or stop it.",
    "ingest": "An ingest is running, or was killed within the last minute. Wait until it has finished, or stop it.",
    "look": "A source is being previewed. Try again in a minute.",
    "undo": "An ingest is being taken back. Try again in a minute.",
    "erase": "Somebody is being erased. Try again when that has finished. A zip that was uploaded has to be sent again then.",
}

Clock = Callable[[], datetime]

_log = logging.getLogger(__name__)


class Cancelled(Exception):  # noqa: N818 - not an error: a person asked for it
    """A person asked the job to stop."""


def utc_now() -> datetime:
    """The current time in UTC. Commands and pages pass it on as the clock; functions that decide take it as an argument."""
    return datetime.now(UTC)


def job_state(job: Job, now: datetime) -> JobState:
    """The state to show for a job: `interrupted` for an active one whose last heartbeat is more than a minute old."""
    if job.state in ACTIVE and now - job.heartbeat_at > HEARTBEAT_TIMEOUT:
        return JobState.interrupted
    return job.state


def active_jobs(session: Session, now: datetime) -> list[Job]:
    """The jobs whose `job_state` at `now` is queued or running, oldest first."""
    stored = session.scalars(select(Job).where(Job.state.in_(ACTIVE)).order_by(Job.id))
    return [job for job in stored if job_state(job, now) in ACTIVE]


def why_not(what: str, active: Iterable[Job]) -> str | None:
    """Why a page doesn't start this (see NOT_BESIDE) beside the jobs that are active, in a sentence; None if it may."""
    others = [job.kind for job in active if job.kind in NOT_BESIDE[what]]
    return ALREADY_RUNNING[others[0]] if others else None


def mark_interrupted(session: Session, now: datetime) -> None:
    """Set the state of every active job without a heartbeat in the last minute to `interrupted`."""
    session.execute(
        update(Job)
        .where(Job.state.in_(ACTIVE), Job.heartbeat_at < now - HEARTBEAT_TIMEOUT)
        .values(state=JobState.interrupted, ended_at=now)
    )


def time_left(job: Job, now: datetime) -> timedelta | None:
    """How long a job will take from `now` on; None if it is over, or too young to say. A job that is late has no time left."""
    if job.expected_end is None or job_state(job, now) not in ACTIVE:
        return None
    return max(job.expected_end - now, timedelta(0))


def enqueue(engine: Engine, kind: str, arguments: Sequence[str], now: datetime, by: str | None = None) -> int:
    """Add a row for a command that is about to start, `by` a reviewer of this name. Returns the job's number.

    Raises WinnowError if `kind` is "fit" and another training is active.
    """
    try:
        with writing(engine) as session:
            mark_interrupted(session, now)
            job = Job(kind=kind, arguments=list(arguments), state=JobState.queued, created_at=now, heartbeat_at=now)
            job.started_by = by
            session.add(job)
            session.flush()
            return job.id
    except IntegrityError:
        with reading(engine) as session:
            others = [job.message for job in active_jobs(session, now) if job.kind == kind]
        progress = f" ({others[0]})" if any(others) else ""
        raise WinnowError(
            f"Another training is running{progress}. Wait until it has finished, or stop it on the Train page."
        ) from None


def start_process(
    engine: Engine, number: int, module: str, arguments: Sequence[str], log_folder: Path
) -> "subprocess.Popen[bytes]":
    """Start `python -m module arguments --job number` on this machine for a queued job.

    The process outlives ours by design: closing or restarting the app ends no training and no ingest. Its output goes to
    `job-<number>.log` in the log folder, which is created if it is missing.
    """
    log_folder.mkdir(parents=True, exist_ok=True)
    file = log_folder / f"job-{number}.log"
    file.touch(mode=0o600)  # it may name people
    os.truncate(file, 0)
    with file.open("ab") as log:  # always at its end: an erasure may shorten it
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, "--job", str(number)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _write(engine, number, process=process.pid)
    return process


def wait_for_process(engine: Engine, number: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a job's process ends. If it crashed or was killed, its job is still active: mark that as interrupted."""
    code = process.wait()
    now = utc_now()

    def mark(session: Session) -> None:
        job = session.get(Job, number)
        if job is not None and job.state in ACTIVE:
            job.state, job.ended_at = (JobState.interrupted, now)
            job.message = job.message or (
                f"The process ended unexpectedly (exit code {code}). Its output is in logs/job-{number}.log in the home folder."
            )

    transact(engine, mark)


def take_queued(engine: Engine, number: int, created_at: datetime, now: datetime) -> bool:
    """Set a queued job to running. Returns False if it is no longer queued: already taken, cancelled or interrupted.

    `created_at` must be the job's own, to the microsecond: it identifies the job if a worker uses another database by mistake.
    """
    queued = update(Job).where(Job.id == number, Job.created_at == created_at, Job.state == JobState.queued)
    taken = transact(
        engine, lambda session: session.execute(queued.values(state=JobState.running, message="", heartbeat_at=now))
    )
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def cancel(engine: Engine, number: int, now: datetime) -> None:
    """Ask a job to stop. It stops at its next progress report; a queued job without a process is cancelled at once."""
    without_process = update(Job).where(Job.id == number, Job.state == JobState.queued, Job.process.is_(None))
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == number).values(cancel_requested=True))
        session.execute(without_process.values(state=JobState.cancelled, message="", ended_at=now))


class Progress:
    """A running command's access to its job's row.

    Set `result` to what the command prints with --json, and `told` to what people should hear of it later (curator/feed.py):
    it becomes an `Event` when the job ends, with how it ended.
    """

    def __init__(self, engine: Engine, number: int, clock: Clock) -> None:
        self.engine, self.number, self.clock = engine, number, clock
        self.result: dict[str, Any] | None = None
        self.told: dict[str, Any] | None = None
        self._written = datetime.min.replace(tzinfo=UTC)
        self._held_back: dict[str, Any] = {}  # the newest report, if it came too soon to be written
        self._one_at_a_time = threading.Lock()  # or a heartbeat could write an older report over a newer one

    def report(self, share: float, message: str, left: timedelta | None = None) -> None:
        """Write how much is done (0 to 1), one line for people, and how long the rest will take (None: nobody knows yet).

        Raises Cancelled if a person asked the job to stop.

        A report less than half a second after the last written one is held back, unless `share` is 1: the next one is written
        in its place, or else the next heartbeat writes it, for it may be the last before a long silence. One that finds the
        database locked or unreachable is left out, and the log says so; only the last, whose `share` is 1, is tried again.
        A job that was taken for interrupted, because its heartbeats could not be written for a minute, is running again;
        raises WinnowError if another training has begun meanwhile.
        """
        now = self.clock()
        told = {
            "progress": min(max(share, 0.0), 1.0),
            "message": message[:2000],
            "expected_end": None if left is None else now + left,
        }
        if (now - self._written).total_seconds() < REPORT_SECONDS and share < 1.0:
            self._held_back = told
            return
        self._written, self._held_back = now, {}

        def write(session: Session) -> bool:
            job = self._living(session, now)
            for name, value in told.items():
                setattr(job, name, value)
            return job.cancel_requested

        try:
            with self._one_at_a_time:
                cancelled = transact(self.engine, write, ATTEMPTS if share >= 1.0 else 1)
        except IntegrityError:
            raise WinnowError(
                "Another training began while this one could not reach the database for more than a minute, so this one has "
                "stopped. Resume it when the other has finished."
            ) from None
        except (DatabaseBusyError, DatabaseUnavailableError) as error:
            _log.warning("%s This progress report is left out; the work goes on.", error)
            return
        if cancelled:
            raise Cancelled

    def refuse_beside(self, *kinds: str) -> None:
        """Raises NotNowError if another job of one of these kinds is queued or running.

        Each of two jobs that refuse one another has its row before it asks: so never both go on, and at worst neither does.
        """
        with reading(self.engine) as session:
            others = [job for job in active_jobs(session, self.clock()) if job.kind in kinds and job.id != self.number]
        if others:
            raise NotNowError(ALREADY_RUNNING[others[0].kind])

    def heartbeat(self) -> None:
        """Record that the command is still running, with a report that was held back. Raises what the database raises."""
        now = self.clock()
        with self._one_at_a_time:
            told = self._held_back

            def write(session: Session) -> None:
                job = self._living(session, now)
                if job.state in ACTIVE:  # what a job says at its end is its last word
                    for name, value in told.items():
                        setattr(job, name, value)

            transact(self.engine, write, attempts=1)
            if self._held_back is told:  # else there is a newer one
                self._held_back = {}

    def _living(self, session: Session, now: datetime) -> Job:
        """The job's row with a heartbeat of now; running again if it was taken for interrupted."""
        job = session.get_one(Job, self.number, with_for_update=True)
        job.heartbeat_at = now
        if job.state is JobState.interrupted:
            job.state, job.ended_at = JobState.running, None
        return job


def send_heartbeats(progress: Progress, wait: Callable[[float], bool]) -> None:
    """Send a heartbeat every five seconds, until `wait`, which is told the seconds, returns True.

    A heartbeat that fails for whatever reason is left out, and the log says so: the next one may succeed, and a job without
    heartbeats would be taken for dead.
    """
    while not wait(HEARTBEAT_SECONDS):
        try:
            progress.heartbeat()
        except Exception as error:
            _log.warning("%s This heartbeat is left out; the next follows in %g seconds.", error, HEARTBEAT_SECONDS)


@contextmanager
def running_job(
    engine: Engine, kind: str, arguments: Sequence[str], number: int | None, clock: Clock = utc_now, by: str | None = None
) -> Iterator[Progress]:
    """Keep a job's row up to date while the `with` block does the work, and write the outcome at its end.

    Without a `number` (a person typed the command) a row is added first, as one that was started `by` this reviewer; raises
    WinnowError like `enqueue`. An exception
    from the block is written to the row as one sentence, then raised again; beside a WinnowError stands what there is of a
    result, such as a question.
    """
    log = "" if number is None else f" The details are in logs/job-{number}.log in the home folder."
    if number is None:
        number = enqueue(engine, kind, arguments, clock(), by)
    progress = Progress(engine, number, clock)
    _write(engine, number, state=JobState.running, process=os.getpid(), heartbeat_at=clock())
    stop = threading.Event()
    heartbeats = threading.Thread(target=send_heartbeats, args=(progress, stop.wait), daemon=True)
    heartbeats.start()
    try:
        yield progress
    except (Cancelled, KeyboardInterrupt):
        _end(progress, JobState.cancelled)
        raise
    except WinnowError as error:
        _end(progress, JobState.failed, message=str(error)[:2000], result=progress.result)
        raise
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"[:1800].rstrip(".")
        _end(progress, JobState.failed, message=f"It stopped with an error: {reason}.{log}")
        raise
    else:
        _end(progress, JobState.done, progress=1.0, result=progress.result)
    finally:
        stop.set()
        heartbeats.join()


def _end(job: Progress, state: JobState, **values: Any) -> None:
    """Write a job's outcome, and beside it the event that tells of it."""
    now = job.clock()
    change = update(Job).where(Job.id == job.number).values(state=state, ended_at=now, **values)

    def end(session: Session) -> None:
        session.execute(change)
        if job.told is not None:
            row = session.get_one(Job, job.number)
            detail = job.told | {"ended": state.value}
            session.add(Event(at=now, who=row.started_by or "", what=row.kind, detail=detail))

    transact(job.engine, end)


def _write(engine: Engine, number: int, **values: Any) -> None:
    change = update(Job).where(Job.id == number).values(**values)
    transact(engine, lambda session: session.execute(change))
