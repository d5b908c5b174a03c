"""Jobs: a row that says how a command goes, whoever started it and whatever becomes of it."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.errors import WinnowError
from db.jobs import Cancelled, cancel, claim, enqueue, held, start, state_of
from db.session import open_database, reading
from db.settings import Settings
from db.tables import Job, JobState
from tests.conftest import FakeClock


def job(engine: Engine, number: int = 1) -> Job:
    with reading(engine) as session:
        return session.get_one(Job, number)


def test_a_job_says_its_progress_and_its_result(engine: Engine, clock: FakeClock) -> None:
    with held(engine, "export", ["1"], None, clock) as progress:
        assert job(engine).state is JobState.running
        progress.say(0.25, "a quarter")
        assert (job(engine).progress, job(engine).message) == (0.25, "a quarter")
        progress.result = {"file": "x"}
    assert job(engine).state is JobState.done
    assert job(engine).result == {"file": "x"}


def test_progress_is_written_at_most_every_half_second(engine: Engine, clock: FakeClock) -> None:
    with held(engine, "export", [], None, clock) as progress:
        progress.say(0.1, "first")
        clock.pass_(0.4)
        progress.say(0.2, "too soon")
        assert job(engine).message == "first"
        clock.pass_(0.2)
        progress.say(0.3, "second")
        assert job(engine).message == "second"


def test_a_job_that_is_asked_to_stop_stops_at_its_next_step(engine: Engine, clock: FakeClock) -> None:
    with pytest.raises(Cancelled), held(engine, "fit", [], None, clock) as progress:  # noqa: PT012 - a job's body
        cancel(engine, 1, clock())
        progress.say(0.5, "half")
    assert job(engine).state is JobState.cancelled


def test_a_job_that_nobody_has_taken_up_stops_at_once_and_is_taken_by_nobody_then(engine: Engine, clock: FakeClock) -> None:
    first, second = (enqueue(engine, "export", [], clock()) for _ in range(2))
    cancel(engine, first, clock())
    assert (job(engine, first).state, job(engine, first).ended_at) == (JobState.cancelled, clock())
    assert not claim(engine, first, clock(), clock())
    assert job(engine, first).state is JobState.cancelled
    created_at = clock()
    clock.pass_(3600)
    assert not claim(engine, second, clock(), clock())  # another database's job of this number
    assert claim(engine, second, created_at, clock())
    assert (job(engine, second).state, job(engine, second).heartbeat_at) == (JobState.running, clock())
    assert not claim(engine, second, created_at, clock())


def test_what_went_wrong_stands_in_the_row_in_one_sentence(engine: Engine, clock: FakeClock) -> None:
    with pytest.raises(WinnowError), held(engine, "fit", [], None, clock):
        raise WinnowError("The disk is full.")
    assert (job(engine).state, job(engine).message) == (JobState.failed, "The disk is full.")


def test_a_second_training_is_refused_in_one_sentence(engine: Engine, clock: FakeClock) -> None:
    with held(engine, "fit", [], None, clock) as progress:
        progress.say(0.1, "Epoch 1 of 5")
        with pytest.raises(WinnowError, match=r"^Another training is on \(Epoch 1 of 5\). Wait until it is done, or stop it"):
            enqueue(engine, "fit", [], clock())


def test_a_heartbeat_older_than_a_minute_shows_as_interrupted_and_makes_room(engine: Engine, clock: FakeClock) -> None:
    first = enqueue(engine, "fit", [], clock())
    clock.pass_(59)
    assert state_of(job(engine, first), clock()) is JobState.queued
    clock.pass_(2)
    assert state_of(job(engine, first), clock()) is JobState.interrupted
    second = enqueue(engine, "fit", [], clock())
    assert job(engine, first).state is JobState.interrupted
    assert job(engine, second).state is JobState.queued


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def test_a_killed_command_is_interrupted_at_once_where_we_started_it(tmp_path: Path, clock: FakeClock) -> None:
    engine = open_database(Settings(home=tmp_path))
    # A module that stays: timeit runs the statement, and takes the words after it for more statements.
    number = start(engine, "export", "timeit", ["-n1", "-r1", "import time; time.sleep(60)"], tmp_path / "logs", clock())
    until(lambda: job(engine, number).process is not None)
    process = job(engine, number).process
    assert process is not None
    os.killpg(process, signal.SIGKILL)
    until(lambda: job(engine, number).state is JobState.interrupted)
    assert job(engine, number).message == "The command ended by itself (exit code -9)."
    assert (tmp_path / "logs" / f"job-{number}.log").exists()
