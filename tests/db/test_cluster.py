"""A training on another machine: a real scheduler, a worker process with its own home folder, a real fit."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from distributed import Client, Event, LocalCluster
from distributed.protocol.pickle import dumps
from sqlalchemy import Engine

from db import cluster
from db.cluster import run_job, worker_fault
from db.jobs import HEARTBEAT_TIMEOUT, cancel, enqueue, job_state, utc_now
from db.launch import start_job
from db.session import open_database, reading
from db.settings import Settings
from db.store import Store
from db.tables import Epoch, Job, JobState, Preview, Split
from tests.conftest import FakeClock

ROOT = Path(__file__).parents[2]


def job(database: Engine, number: int) -> Job:
    with reading(database) as session:
        return session.get_one(Job, number)


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[LocalCluster]:
    """A scheduler on its own port, without workers."""
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="localhost:0", processes=True) as found:
        yield found


@pytest.fixture
def app(tmp_path: Path, scheduler: LocalCluster) -> Settings:
    """The app's settings: database, store and runs are outside its home folder."""
    return Settings(
        home=tmp_path / "app",
        db_url=f"sqlite:///{tmp_path / 'shared.db'}",
        store_url=str(tmp_path / "pictures"),
        runs_url=(tmp_path / "runs").as_uri(),
        cluster=scheduler.scheduler_address,
    )


@pytest.fixture
def database(app: Settings) -> Iterator[Engine]:
    engine = open_database(app)
    yield engine
    engine.dispose()


Worker = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def worker(app: Settings, tmp_path: Path, scheduler: LocalCluster) -> Iterator[Worker]:
    """Starts a worker with a GPU and its own home folder, and waits until the scheduler knows it."""
    started: list[subprocess.Popen[bytes]] = []
    at_home = {"WINNOW_DB_URL": app.db_url, "WINNOW_STORE_URL": app.store_url, "WINNOW_RUNS_URL": app.runs_url}

    def known() -> int:
        return len(scheduler.scheduler.workers)

    def begin(**environment: str) -> "subprocess.Popen[bytes]":
        there = set(scheduler.scheduler.workers)  # one that was killed may still be among them
        command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler.scheduler_address, "--resources", "GPU=1"]
        with (tmp_path / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path)],
                cwd=ROOT,
                env=os.environ | at_home | {"WINNOW_HOME": str(tmp_path / "worker")} | environment,
                stderr=log,
            )
        started.append(process)
        until(lambda: bool(set(scheduler.scheduler.workers) - there))
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
    until(lambda: known() == 0)


def fit(database: Engine, app: Settings, *arguments: str) -> int:
    return start_job(database, app, "fit", "tests.tiny_trainer", ["fit", *arguments], utc_now())


@pytest.mark.slow
def test_a_training_on_a_worker_finishes_and_can_be_cancelled_killed_and_resumed(database, app, worker, tmp_path, monkeypatch):
    from tests.trainer.conftest import freeze

    store = Store(app.store)
    freeze(database, store, [Split.train] * 2 + [Split.validation] * 2)
    first_worker = worker()

    def epochs() -> int:
        with reading(database) as session:
            return session.query(Epoch).count()

    number = fit(database, app, "1", "--epochs", "100000", "--size", "32", "--decoder-depth", "8")
    until(lambda: epochs() >= 1 or job(database, number).state is JobState.failed)
    going = job(database, number)
    assert going.state is JobState.running, going.message
    assert going.message.startswith("Epoch ")
    cancel(database, number, utc_now())
    until(lambda: job(database, number).state is JobState.cancelled)

    number = fit(database, app, "--resume", "1")
    stopped = epochs()
    until(lambda: epochs() > stopped)
    # As if the machine had failed: worker and training process are killed together.
    trainer = job(database, number).process
    assert trainer is not None
    first_worker.kill()
    os.kill(trainer, signal.SIGKILL)
    first_worker.wait()
    assert job_state(job(database, number), utc_now() + HEARTBEAT_TIMEOUT + timedelta(seconds=1)) is JobState.interrupted
    with database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE job SET heartbeat_at = '2026-01-01' WHERE id = {number}")

    worker()  # Dask gives it the lost task too, which does nothing: only the new job resumes the training
    more = epochs() + 1
    number = fit(database, app, "--resume", "1", "--epochs", str(more))
    until(lambda: job(database, number).state not in (JobState.queued, JobState.running))
    assert (job(database, number).state, epochs()) == (JobState.done, more)

    from tests.tiny_trainer import build
    from trainer import models, runs

    monkeypatch.setitem(models.MODELS, "hairmattenet", build)
    with reading(database) as session:
        assert runs.load(session, app, 1).epoch == runs.best_epoch(session, 1)
        previews = session.query(Preview).filter_by(epoch=more).all()
    assert len(previews) == 2
    assert all(store.get(preview.matte_sha256) for preview in previews)
    assert not list(app.home.glob("runs"))
    assert [log.name for log in sorted((tmp_path / "worker/logs").iterdir())] == ["job-1.log", "job-2.log", "job-3.log"]


def test_a_waiting_training_can_be_cancelled_and_reveals_no_address(database, app, worker, tmp_path, scheduler):
    worker()
    with Client(scheduler.scheduler_address, set_as_default=False) as other:
        done = Event("done", client=other)
        busy = other.submit(lambda: Event("done").wait(), resources={"GPU": 1}, pure=False)
        number = fit(database, app, "1")
        until(lambda: len(scheduler.scheduler.tasks) == 2)
        hour = utc_now() + timedelta(hours=1)
        assert job_state(job(database, number), hour) is JobState.queued
        assert job(database, number).message == "Waiting for a worker with a free GPU"
        known = [(name, repr(task), dumps(task.run_spec)) for name, task in scheduler.scheduler.tasks.items()]
        assert "tests.tiny_trainer" in str(known)  # the task of our job is among those searched
        assert str(tmp_path) not in str(known)
        cancel(database, number, utc_now())
        assert job(database, number).state is JobState.cancelled
        done.set()
        busy.result(timeout=10)
        del busy
        until(lambda: not scheduler.scheduler.tasks)
    assert job(database, number).state is JobState.cancelled
    assert not (tmp_path / "worker/logs").exists()


def test_a_cluster_without_a_gpu_fails_the_job(database, app):
    failed = job(database, fit(database, app, "1"))
    assert (failed.state, failed.message) == (
        JobState.failed,
        f"The cluster at {app.cluster} has no worker with a GPU. Start one on a machine that has one: "
        f"`dask worker {app.cluster} --nthreads 1 --resources GPU=1`.",
    )


def test_an_unreachable_cluster_fails_the_job(database, app, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        failed = job(database, fit(database, app.model_copy(update={"cluster": address}), "1"))
        assert (failed.state, failed.message) == (
            JobState.failed,
            f"The cluster at {address} cannot be reached. Start it with `dask scheduler`, or unset WINNOW_CLUSTER to work on "
            "this machine.",
        )


def test_a_worker_with_another_database_is_refused(database, app, worker):
    worker(WINNOW_DB_URL="")
    failed = job(database, fit(database, app, "1"))
    assert failed.state is JobState.failed
    assert "cannot take the training: it uses another database. Start it with this app's WINNOW_DB_URL," in failed.message
    assert list(app.runs.iterdir()) == []


@pytest.fixture
def as_worker(app: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Gives this process a worker's environment."""
    for field in ("db_url", "store_url", "runs_url"):
        monkeypatch.setenv(f"WINNOW_{field.upper()}", getattr(app, field))
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "worker"))
    return monkeypatch


def test_a_worker_says_what_it_lacks(database, app, as_worker, tmp_path, clock: FakeClock):
    number = enqueue(database, "fit", [], clock())
    app.runs.mkdir()
    (app.runs / "mark").write_bytes(clock().isoformat().encode())
    assert worker_fault(number, clock(), "mark") == ""
    assert worker_fault(number, clock() + timedelta(seconds=1), "mark") == "it uses another database"
    assert worker_fault(number + 1, clock(), "mark") == "it uses another database"
    as_worker.setenv("WINNOW_RUNS_URL", str(tmp_path / "elsewhere"))
    assert worker_fault(number, clock(), "mark") == "it uses another runs folder"
    as_worker.setenv("WINNOW_DB_URL", "postgresql://nobody:secret@127.0.0.1:1/winnow")
    assert worker_fault(number, clock(), "mark") == ("it cannot open its database (`python -m curator status` there says why)")


def test_a_job_that_dask_hands_out_twice_starts_once(database, as_worker, tmp_path, clock: FakeClock):
    number = enqueue(database, "export", [], clock())
    words = [f"open({str(tmp_path / 'started')!r}, 'a').write('once')"]
    for _ in range(2):
        run_job(number, clock(), "timeit", ["-n1", "-r1", *words])
    assert (tmp_path / "started").read_text() == "once"
