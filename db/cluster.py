"""Jobs on a Dask cluster: checking its workers, submitting a job, and running it on the worker.

Workers are started with the app's own WINNOW_DB_URL, WINNOW_STORE_URL and WINNOW_RUNS_URL (docs/scaling.md). So only the
command's arguments and the job's number pass through the scheduler and show on its dashboard, never an address with a
password. A worker starts the same process that this machine would. Progress comes back in the job's row, pictures in the
store, weights in the runs folder.
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
from db.session import open_database, reading, transact
from db.settings import Settings
from db.tables import Job, JobState

if TYPE_CHECKING:
    from distributed import Client

ONE_GPU = {"GPU": 1}  # the Dask resource that a worker offers (`--resources GPU=1`) and a training takes
QUEUE_TIMEOUT = timedelta(days=1)  # how long a job may wait for a free worker
CONNECT_SECONDS = 5  # how long to wait for the scheduler


def submit_job(
    engine: Engine, settings: Settings, number: int, module: str, arguments: Sequence[str], created_at: datetime
) -> None:
    """Submit a queued job to the cluster of the settings; it runs there as soon as a worker with a GPU is free.

    Raises nothing: if the cluster does not accept it, the job's state becomes failed, with the reason as its message.
    """
    # A waiting job sends no heartbeats, so its heartbeat is dated ahead by as long as it may wait.
    _update_queued(engine, number, message="Waiting for a worker with a free GPU", heartbeat_at=created_at + QUEUE_TIMEOUT)
    try:
        with connected(settings.cluster) as client, _marker_file(settings.runs, number, created_at) as marker:
            _check_workers(client, settings.cluster, number, created_at, marker.name)
            _submit(client, number, created_at, module, arguments)
    except Exception as error:  # any error at all: a job that was not submitted must not look queued
        reason = (
            str(error)
            if isinstance(error, WinnowError)
            else f"The cluster did not accept the job ({type(error).__name__}: {error}). Check the scheduler's log."
        )
        _update_queued(engine, number, state=JobState.failed, message=reason[:2000], ended_at=created_at)


def _update_queued(engine: Engine, number: int, **values: object) -> None:
    """Update a job's row if no worker has taken the job yet."""
    change = update(Job).where(Job.id == number, Job.state == JobState.queued).values(**values)
    transact(engine, lambda session: session.execute(change))


@contextmanager
def connected(address: str) -> "Iterator[Client]":
    """A client of the Dask scheduler at an address. Raises WinnowError if Dask is missing or the scheduler does not answer."""
    try:
        from distributed import Client
    except ImportError:
        raise WinnowError("A cluster needs Dask. Install `winnow[cluster]`, or unset WINNOW_CLUSTER.") from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except Exception:  # the server at that address may be no scheduler at all; Dask then raises anything
        raise WinnowError(
            f"The cluster at {address} cannot be reached. Start it with `dask scheduler`, or unset WINNOW_CLUSTER to work on "
            "this machine."
        ) from None
    with client:
        yield client


@contextmanager
def _marker_file(runs: UPath, number: int, created_at: datetime) -> Iterator[UPath]:
    """A small temporary file in the runs folder: a worker that finds it uses the same runs folder."""
    marker = runs / f".job-{number}"
    write(marker, created_at.isoformat().encode())
    try:
        yield marker
    finally:
        marker.unlink(missing_ok=True)


def _check_workers(client: "Client", address: str, number: int, created_at: datetime, marker: str) -> None:
    """Raises WinnowError if no worker has a GPU, or if one with a GPU uses another database or runs folder."""
    known = client.scheduler_info(n_workers=-1)["workers"]
    workers = [worker for worker, about in known.items() if about["resources"].get("GPU", 0) >= 1]
    if not workers:
        raise WinnowError(
            f"The cluster at {address} has no worker with a GPU. Start one on a machine that has one: "
            f"`dask worker {address} --nthreads 1 --resources GPU=1`."
        )
    # `run` bypasses the queue, so that busy workers answer too.
    answers = client.run(worker_fault, number, created_at, marker, workers=workers, on_error="return")
    for worker, answer in answers.items():
        if answer:
            fault = f"it cannot run Winnow ({type(answer).__name__})" if isinstance(answer, Exception) else answer
            raise WinnowError(
                f"The worker {worker} of the cluster cannot take the training: {fault}. Start it with this app's "
                "WINNOW_DB_URL, WINNOW_STORE_URL and WINNOW_RUNS_URL, and make sure that it can reach all three."
            )


def _submit(client: "Client", number: int, created_at: datetime, module: str, arguments: Sequence[str]) -> None:
    from distributed import fire_and_forget

    # Not `pure`: Dask would take jobs of the same number from two apps on one cluster for the same task.
    future = client.submit(run_job, number, created_at, module, list(arguments), resources=ONE_GPU, pure=False)
    fire_and_forget(future)  # type: ignore[no-untyped-call]


# --- on the worker ---------------------------------------------------------------------------------------------------


def worker_fault(number: int, created_at: datetime, marker: str) -> str:
    """Why this worker cannot run a job, in words; "" if it finds the job's row and the marker file in its runs folder."""
    settings = Settings()
    try:
        with _database(settings) as engine, reading(engine) as session:
            job = session.get(Job, number)
    except (SQLAlchemyError, WinnowError):  # whose text holds the database's address, which does not belong on the cluster
        return "it cannot open its database (`python -m curator status` there says why)"
    if job is None or job.created_at != created_at:
        return "it uses another database"
    try:
        same = (settings.runs / marker).read_bytes() == created_at.isoformat().encode()
    except OSError:
        same = False
    return "" if same else "it uses another runs folder"


def run_job(number: int, created_at: datetime, module: str, arguments: Sequence[str]) -> None:
    """Start a job's process and wait until it ends. Does nothing if the job is no longer queued.

    So a job cannot start twice, even if the scheduler loses contact with a worker and hands it to another.
    """
    settings = Settings()
    with _database(settings) as engine:
        if jobs.take_queued(engine, number, created_at, jobs.utc_now()):
            process = jobs.start_process(engine, number, module, arguments, settings.logs)
            jobs.wait_for_process(engine, number, process)


@contextmanager
def _database(settings: Settings) -> Iterator[Engine]:
    engine = open_database(settings)
    try:
        yield engine
    finally:
        engine.dispose()
