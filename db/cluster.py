"""Where a job runs: a training on a worker of a Dask cluster, where one is set; all else on this machine.

(An ingest runs on this machine too, and has the cluster's workers look at its pictures: curator/ingest/workers.py.)

Workers are started with the app's own WINNOW_DB_URL, WINNOW_STORE_URL and WINNOW_RUNS_URL (docs/scaling.md), so that what
travels through the scheduler, and shows on its dashboard, is the command's words and the job's number, never an address
with a password. A worker starts the very process that this machine would: how it goes comes back in the job's row,
pictures in the store, weights in the folder of runs.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Engine, update
from sqlalchemy.exc import SQLAlchemyError
from upath import UPath

from db import jobs
from db.errors import WinnowError
from db.files import write
from db.session import open_database, reading, writing
from db.settings import Settings
from db.tables import Job, JobState

if TYPE_CHECKING:
    from distributed import Client

SENT = ("fit",)  # the kinds of job that a GPU is for
GPU = {"GPU": 1}  # what a worker says it has, and a training takes
PATIENCE = timedelta(days=1)  # for a worker to be free
ANSWER_SECONDS = 5  # for the scheduler to answer


def start(engine: Engine, settings: Settings, kind: str, module: str, arguments: Sequence[str], now: datetime) -> int:
    """Start `python -m module arguments --job N` where its kind belongs; the job's number.

    What keeps a cluster from taking it stands in the job's row, as failed. Raises WinnowError like `jobs.enqueue`.
    """
    if not settings.cluster or kind not in SENT:
        return jobs.start(engine, kind, module, arguments, settings.logs, now)
    number = jobs.enqueue(engine, kind, arguments, now)
    # Nobody beats for a job that waits, so its heartbeat is dated ahead by as long as it may wait.
    _update(engine, number, message="Waiting for a worker with a free GPU", heartbeat_at=now + PATIENCE)
    try:
        with connected(settings.cluster) as client, _mark(settings.runs, number, now) as mark:
            _refuse_strangers(client, settings.cluster, number, now, mark.name)
            _submit(client, number, now, module, arguments)
    except Exception as error:  # whatever it is: a job that is not on its way must not seem to wait
        said = str(error) if isinstance(error, WinnowError) else f"The cluster did not take it: {type(error).__name__}: {error}"
        _update(engine, number, state=JobState.failed, message=said[:2000], ended_at=now)
    return number


def _update(engine: Engine, number: int, **values: object) -> None:
    """Write into the row of a job that no worker has taken yet."""
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == number, Job.state == JobState.queued).values(**values))


@contextmanager
def connected(address: str) -> "Iterator[Client]":
    """A connection to the scheduler. Raises WinnowError where there is none to be had."""
    try:
        from distributed import Client
    except ImportError:
        raise WinnowError("A cluster needs Dask. Install `winnow[cluster]`, or unset WINNOW_CLUSTER.") from None
    try:
        client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except Exception:  # what answers there may be no scheduler at all, and Dask then raises anything
        raise WinnowError(
            f"The cluster at {address} cannot be reached. Start it with `dask scheduler`, or unset WINNOW_CLUSTER to work on "
            "this machine."
        ) from None
    with client:
        yield client


@contextmanager
def _mark(runs: UPath, number: int, at: datetime) -> Iterator[UPath]:
    """A small file in the folder of runs, for the workers to see that theirs is the same."""
    mark = runs / f".job-{number}"
    write(mark, at.isoformat().encode())
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def _refuse_strangers(client: "Client", address: str, number: int, created_at: datetime, mark: str) -> None:
    """Raises WinnowError where no worker has a GPU, or one of those that have is not at home here."""
    known = client.scheduler_info(n_workers=-1)["workers"]
    workers = [worker for worker, about in known.items() if about["resources"].get("GPU", 0) >= 1]
    if not workers:
        raise WinnowError(
            f"The cluster at {address} has no worker with a GPU. Start one on a machine that has: "
            f"`dask worker {address} --nthreads 1 --resources GPU=1`."
        )
    # Asked past the queue: a worker that is busy answers too.
    answers = client.run(what_is_amiss, number, created_at, mark, workers=workers, on_error="return")
    for worker, said in answers.items():
        if said:
            why = f"it cannot run Winnow ({type(said).__name__})" if isinstance(said, Exception) else said
            raise WinnowError(
                f"The worker {worker} of the cluster cannot take the training: {why}. Start it with this app's "
                "WINNOW_DB_URL, WINNOW_STORE_URL and WINNOW_RUNS_URL, all of which it must reach."
            )


def _submit(client: "Client", number: int, created_at: datetime, module: str, arguments: Sequence[str]) -> None:
    from distributed import fire_and_forget

    # Two apps on one cluster count their jobs alike, so Dask is not to tell the work by its arguments (`pure`).
    future = client.submit(work, number, created_at, module, list(arguments), resources=GPU, pure=False)
    fire_and_forget(future)  # type: ignore[no-untyped-call]


# --- on the worker ---------------------------------------------------------------------------------------------------


def what_is_amiss(number: int, created_at: datetime, mark: str) -> str:
    """Why this machine cannot take a job, in words; nothing where it sees the job's row and the app's folder of runs."""
    settings = Settings()
    try:
        with _database(settings) as engine, reading(engine) as session:
            job = session.get(Job, number)
    except (SQLAlchemyError, ImportError):
        return "its database cannot be reached"
    except WinnowError as error:
        return str(error).rstrip(".")
    if job is None or job.created_at != created_at:
        return "its database is another one"
    try:
        same = (settings.runs / mark).read_bytes() == created_at.isoformat().encode()
    except OSError:
        same = False
    return "" if same else "its folder of runs is another one"


def work(number: int, created_at: datetime, module: str, arguments: Sequence[str]) -> None:
    """Start a job's process and wait for its end; nothing, where the job does not wait any more.

    So a scheduler that lost sight of a worker and hands the job out again cannot start it twice.
    """
    settings = Settings()
    with _database(settings) as engine:
        if jobs.claim(engine, number, created_at, jobs.utc_now()):
            jobs.watch(engine, number, jobs.launch(engine, number, module, arguments, settings.logs))


@contextmanager
def _database(settings: Settings) -> Iterator[Engine]:
    engine = open_database(settings)
    try:
        yield engine
    finally:
        engine.dispose()
