"""Jobs: the row of a command that runs, finishes, fails, is cancelled or is killed."""

import pytest
from sqlalchemy import Engine

from db.errors import WinnowError
from db.jobs import Cancelled, cancel, enqueue, job_state, running_job, take_queued
from db.session import reading
from db.tables import Job, JobState
from tests.conftest import FakeClock


def job(engine: Engine, number: int = 1) -> Job:
    with reading(engine) as session:
        return session.get_one(Job, number)


def test_a_job_reports_its_progress_and_its_result(engine: Engine, clock: FakeClock) -> None:
    with running_job(engine, "export", ["1"], None, clock) as progress:
        assert job(engine).state is JobState.running
        progress.report(0.25, "a quarter")
        assert (job(engine).progress, job(engine).message) == (0.25, "a quarter")
        progress.result = {"file": "x"}
    assert job(engine).state is JobState.done
    assert job(engine).result == {"file": "x"}


def test_progress_is_written_at_most_every_half_second(engine: Engine, clock: FakeClock) -> None:
    with running_job(engine, "export", [], None, clock) as progress:
        progress.report(0.1, "first")
        clock.pass_(0.4)
        progress.report(0.2, "too soon")
        assert job(engine).message == "first"
        clock.pass_(0.2)
        progress.report(0.3, "second")
        assert job(engine).message == "second"


def test_a_cancelled_job_stops_at_its_next_report(engine: Engine, clock: FakeClock) -> None:
    with pytest.raises(Cancelled), running_job(engine, "fit", [], None, clock) as progress:  # noqa: PT012 - a job's body
        cancel(engine, 1, clock())
        progress.report(0.5, "half")
    assert job(engine).state is JobState.cancelled


def test_a_queued_job_is_cancelled_at_once_and_a_job_is_taken_only_once(engine: Engine, clock: FakeClock) -> None:
    first, second = (enqueue(engine, "export", [], clock()) for _ in range(2))
    cancel(engine, first, clock())
    assert (job(engine, first).state, job(engine, first).ended_at) == (JobState.cancelled, clock())
    assert not take_queued(engine, first, clock(), clock())
    assert job(engine, first).state is JobState.cancelled
    created_at = clock()
    clock.pass_(3600)
    assert not take_queued(engine, second, clock(), clock())  # another database's job of this number
    assert take_queued(engine, second, created_at, clock())
    assert (job(engine, second).state, job(engine, second).heartbeat_at) == (JobState.running, clock())
    assert not take_queued(engine, second, created_at, clock())


def test_an_error_for_people_is_the_message_of_a_failed_job(engine: Engine, clock: FakeClock) -> None:
    with pytest.raises(WinnowError), running_job(engine, "fit", [], None, clock):
        raise WinnowError("The disk is full.")
    assert (job(engine).state, job(engine).message) == (JobState.failed, "The disk is full.")


def test_an_unexpected_error_is_the_message_of_a_failed_job_with_its_log(engine: Engine, clock: FakeClock) -> None:
    number = enqueue(engine, "export", [], clock())  # as the app does
    with pytest.raises(ZeroDivisionError), running_job(engine, "export", [], number, clock):
        _ = 1 / 0
    assert (job(engine).state, job(engine).message) == (
        JobState.failed,
        "It stopped with an error: ZeroDivisionError: division by zero. The details are in logs/job-1.log in the home folder.",
    )
    with pytest.raises(ZeroDivisionError), running_job(engine, "export", [], None, clock):  # in a terminal: no log
        _ = 1 / 0
    assert job(engine, 2).message == "It stopped with an error: ZeroDivisionError: division by zero."


def test_a_second_training_is_refused(engine: Engine, clock: FakeClock) -> None:
    with running_job(engine, "fit", [], None, clock) as progress:
        progress.report(0.1, "Epoch 1 of 5")
        with pytest.raises(
            WinnowError, match=r"^Another training is running \(Epoch 1 of 5\)\. Wait until it has finished, or "
        ):
            enqueue(engine, "fit", [], clock())


def test_a_job_without_heartbeat_for_a_minute_is_interrupted_and_another_may_start(engine: Engine, clock: FakeClock) -> None:
    first = enqueue(engine, "fit", [], clock())
    clock.pass_(59)
    assert job_state(job(engine, first), clock()) is JobState.queued
    clock.pass_(2)
    assert job_state(job(engine, first), clock()) is JobState.interrupted
    second = enqueue(engine, "fit", [], clock())
    assert job(engine, first).state is JobState.interrupted
    assert job(engine, second).state is JobState.queued
