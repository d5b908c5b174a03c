"""Long work: one of our own commands as its own process, with one row that says how it goes.

The page starts a command and polls the row. The command holds the row while it works: it beats, says its progress, and
asks whether it should stop. Nothing here knows what the work is.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.errors import WinnowError
from db.session import reading, writing
from db.tables import Job, JobState

SILENCE = timedelta(seconds=60)  # a heartbeat older than this shows as interrupted
BEAT_SECONDS = 5.0
ALIVE = (JobState.queued, JobState.running)

Clock = Callable[[], datetime]


class Cancelled(Exception):  # noqa: N818 - not an error: a person asked for it
    """The person who watches the job asked it to stop."""


def utc_now() -> datetime:
    """This moment, in UTC: the clock that the edges hand in."""
    return datetime.now(UTC)


def state_of(job: Job, now: datetime) -> JobState:
    """What to show for a job: an alive one whose heartbeat is older than a minute was interrupted."""
    if job.state in ALIVE and now - job.heartbeat_at > SILENCE:
        return JobState.interrupted
    return job.state


def bury(session: Session, now: datetime) -> None:
    """Write `interrupted` into every alive job that has been silent for a minute."""
    session.execute(
        update(Job)
        .where(Job.state.in_(ALIVE), Job.heartbeat_at < now - SILENCE)
        .values(state=JobState.interrupted, ended_at=now)
    )


def enqueue(engine: Engine, kind: str, arguments: Sequence[str], now: datetime) -> int:
    """A new row for a command that is about to start; its number.

    Raises WinnowError when it is a training and another one is on.
    """
    try:
        with writing(engine) as session:
            bury(session, now)
            job = Job(kind=kind, arguments=list(arguments), state=JobState.queued, created_at=now, heartbeat_at=now)
            session.add(job)
            session.flush()
            return job.id
    except IntegrityError:
        with reading(engine) as session:
            other = session.scalars(select(Job).where(Job.kind == kind, Job.state.in_(ALIVE))).first()
        said = f" ({other.message})" if other is not None and other.message else ""
        raise WinnowError(f"Another training is on{said}. Wait until it is done, or stop it on the Train page.") from None


def start(engine: Engine, kind: str, module: str, arguments: Sequence[str], log_folder: Path, now: datetime) -> int:
    """Start `python -m module arguments --job N` as a process of its own, that outlives us; the job's number."""
    number = enqueue(engine, kind, arguments, now)
    process = launch(engine, number, module, arguments, log_folder)
    # Waited for in the background, so that a finished job is not left behind as a zombie, nor a dead one as queued.
    threading.Thread(target=watch, args=(engine, number, process), daemon=True).start()
    return number


def launch(engine: Engine, number: int, module: str, arguments: Sequence[str], log_folder: Path) -> "subprocess.Popen[bytes]":
    """The process of a queued job, started on this machine; what it prints goes to `job-<number>.log`."""
    log_folder.mkdir(parents=True, exist_ok=True)
    with (log_folder / f"job-{number}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, "--job", str(number)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _write(engine, number, process=process.pid)
    return process


def watch(engine: Engine, number: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait for a job's process to end, and write `interrupted` where it ended without a word."""
    code = process.wait()
    now = utc_now()
    with writing(engine) as session:
        job = session.get(Job, number)
        if job is not None and job.state in ALIVE:
            job.state, job.ended_at = (JobState.interrupted, now)
            job.message = job.message or f"The command ended by itself (exit code {code})."


def claim(engine: Engine, number: int, created_at: datetime, now: datetime) -> bool:
    """Take a job that waits for a machine; False where somebody has, or where it was stopped or given up meanwhile.

    A database that is not the one the job was written to has none made at the very same moment.
    """
    waiting = update(Job).where(Job.id == number, Job.created_at == created_at, Job.state == JobState.queued)
    with writing(engine) as session:
        taken = session.execute(waiting.values(state=JobState.running, message="", heartbeat_at=now))
        return bool(taken.rowcount)  # type: ignore[attr-defined]


def cancel(engine: Engine, number: int, now: datetime) -> None:
    """Ask a job to stop; it does so at its next step, and one that no process has taken up yet at once."""
    nobodys = update(Job).where(Job.id == number, Job.state == JobState.queued, Job.process.is_(None))
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == number).values(cancel_requested=True))
        session.execute(nobodys.values(state=JobState.cancelled, message="", ended_at=now))


class Progress:
    """What a command holds while it works: says how far it is, and learns whether to stop."""

    def __init__(self, engine: Engine, number: int, clock: Clock) -> None:
        self.engine, self.number, self.clock = engine, number, clock
        self.result: dict[str, Any] | None = None
        self._written = datetime.min.replace(tzinfo=UTC)

    def say(self, share: float, message: str, *, at_least_every: float = 0.5) -> None:
        """Write the share done (0 to 1) and a line for people, at most every half second. Raises Cancelled."""
        now = self.clock()
        if (now - self._written).total_seconds() < at_least_every and share < 1.0:
            return
        self._written = now
        with writing(self.engine) as session:
            job = session.get_one(Job, self.number)
            job.progress, job.message, job.heartbeat_at = min(max(share, 0.0), 1.0), message[:2000], now
            stop = job.cancel_requested
        if stop:
            raise Cancelled

    def beat(self) -> None:
        """Say that we are alive."""
        with writing(self.engine) as session:
            session.execute(update(Job).where(Job.id == self.number).values(heartbeat_at=self.clock()))


@contextmanager
def held(engine: Engine, kind: str, arguments: Sequence[str], number: int | None, clock: Clock = utc_now) -> Iterator[Progress]:
    """Hold a job's row while the work in the `with` goes on; makes the row when a person started the command by hand.

    What the work raises is written to the row in one sentence, and raised on. Raises WinnowError like `enqueue`.
    """
    if number is None:
        number = enqueue(engine, kind, arguments, clock())
    progress = Progress(engine, number, clock)
    _write(engine, number, state=JobState.running, process=os.getpid(), heartbeat_at=clock())
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT_SECONDS):
            progress.beat()

    beater = threading.Thread(target=beat, daemon=True)
    beater.start()
    try:
        yield progress
    except (Cancelled, KeyboardInterrupt):
        _write(engine, number, state=JobState.cancelled, ended_at=clock())
        raise
    except WinnowError as error:
        _write(engine, number, state=JobState.failed, message=str(error)[:2000], ended_at=clock())
        raise
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"[:1900]
        _write(engine, number, state=JobState.failed, message=f"It broke off: {said}", ended_at=clock())
        raise
    else:
        _write(engine, number, state=JobState.done, progress=1.0, result=progress.result, ended_at=clock())
    finally:
        stop.set()
        beater.join()


def _write(engine: Engine, number: int, **values: Any) -> None:
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == number).values(**values))
