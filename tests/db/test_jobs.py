"""Jobs: the row of a command that runs, finishes, fails, is cancelled or is killed."""

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from db.errors import NotNowError, WinnowError
from db.jobs import (
    HEARTBEAT_TIMEOUT,
    NOT_BESIDE,
    Cancelled,
    Progress,
    active_jobs,
    cancel,
    enqueue,
    job_state,
    running_job,
    send_heartbeats,
    take_queued,
    time_left,
    why_not,
)
from db.session import reading, writing
from db.tables import Event, Job, JobState
from tests.conftest import FakeClock
from tests.locking import locked_by_another


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


def test_a_report_before_a_long_silence_is_written_by_the_next_heartbeat(engine: Engine, clock: FakeClock) -> None:
    with running_job(engine, "fit", [], None, clock) as progress:
        progress.report(0.1, "Loading the examples: 1 of 50")
        clock.pass_(0.1)
        progress.report(0.2, "Compiling", timedelta(seconds=9))
        progress.heartbeat()
        assert (job(engine).progress, job(engine).message) == (0.2, "Compiling")
        assert time_left(job(engine), clock()) == timedelta(seconds=9)
        progress.report(0.3, "held back")
    progress.heartbeat()  # one that comes too late
    assert (job(engine).state, job(engine).progress, job(engine).message) == (JobState.done, 1.0, "Compiling")


def test_a_report_that_was_held_back_waits_for_a_heartbeat_that_succeeds(
    engine: Engine, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_job(engine, "fit", [], None, clock) as progress:
        progress.report(0.1, "Loading")
        progress.report(0.2, "Compiling")  # a long silence follows
        with monkeypatch.context() as patch:
            patch.setattr("db.jobs.transact", refuses)
            with pytest.raises(OSError, match="locked"):
                progress.heartbeat()
        assert job(engine).message == "Loading"
        progress.heartbeat()
        assert (job(engine).progress, job(engine).message) == (0.2, "Compiling")


def refuses(*_: object, **__: object) -> None:
    raise OSError("locked")


def test_a_report_is_cut_to_what_its_row_can_hold(engine: Engine, clock: FakeClock) -> None:
    with running_job(engine, "export", [], None, clock) as progress:
        for share, stored in ((-0.1, 0.0), (1.1, 1.0)):
            progress.report(share, "x" * 2001)
            assert (job(engine).progress, job(engine).message) == (stored, "x" * 2000)
            clock.pass_(1)


def test_the_time_left_is_counted_down_from_the_newest_report(engine: Engine, clock: FakeClock) -> None:
    with running_job(engine, "fit", [], None, clock) as progress:
        progress.report(0.1, "Compiling")
        assert time_left(job(engine), clock()) is None
        clock.pass_(1)
        progress.report(0.2, "Epoch 1 of 50", timedelta(seconds=90))
        assert time_left(job(engine), clock.pass_(30)) == timedelta(seconds=60)
        clock.pass_(50)
        progress.heartbeat()
        assert time_left(job(engine), clock.pass_(50)) == timedelta(0)  # late
        assert time_left(job(engine), clock.pass_(120)) is None  # dead, as far as anybody knows
    assert time_left(job(engine), clock()) is None


def test_a_job_that_ends_leaves_an_event_of_what_it_did_and_for_whom(engine: Engine, clock: FakeClock) -> None:
    number = enqueue(engine, "ingest", [], clock(), by="Ada")  # as the app does
    with running_job(engine, "ingest", [], number, clock) as progress:
        progress.told = {"added": 7}
    with running_job(engine, "look", [], None, clock, by="Bo"):
        pass  # nothing to tell
    clock.pass_(5)
    with pytest.raises(WinnowError), running_job(engine, "export", [], None, clock, by="Bo") as progress:  # noqa: PT012 - a job's body
        progress.told = {"run": 1}
        raise WinnowError("The disk is full.")
    with reading(engine) as session:
        told = session.execute(select(Event.who, Event.what, Event.detail, Event.at).order_by(Event.id)).all()
    assert [tuple(one) for one in told] == [
        ("Ada", "ingest", {"added": 7, "ended": "done"}, clock() - timedelta(seconds=5)),
        ("Bo", "export", {"run": 1, "ended": "failed"}, clock()),
    ]


def test_a_job_that_had_to_wait_for_its_process_is_alive_once_it_runs(engine: Engine, clock: FakeClock) -> None:
    number = enqueue(engine, "export", [], clock())
    clock.pass_(50)
    with running_job(engine, "export", [], number, clock):
        assert job(engine, number).heartbeat_at == clock()


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


def test_a_job_that_a_process_or_a_worker_has_taken_is_only_asked_to_stop(engine: Engine, clock: FakeClock) -> None:
    started, taken = (enqueue(engine, "export", [], clock()) for _ in range(2))
    with writing(engine) as session:
        session.get_one(Job, started).process = 1
    assert take_queued(engine, taken, clock(), clock())
    for number, state in ((started, JobState.queued), (taken, JobState.running)):
        cancel(engine, number, clock())
        assert (job(engine, number).state, job(engine, number).cancel_requested) == (state, True)


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
    with running_job(engine, "ingest", [], None, clock) as other, running_job(engine, "fit", [], None, clock) as progress:
        other.report(0.5, "9 of 18 files")
        progress.report(0.1, "Epoch 1 of 5")
        with pytest.raises(
            WinnowError, match=r"^Another training is running \(Epoch 1 of 5\)\. Wait until it has finished, or "
        ):
            enqueue(engine, "fit", [], clock())


def test_a_page_says_why_it_starts_no_second_job_of_a_kind() -> None:
    training, measuring = Job(kind="fit"), Job(kind="report")
    assert why_not("fit", [measuring]) is None
    assert why_not("fit", [measuring, training]) == "A training is on. Wait until it has finished, or stop it."
    assert why_not("report", [training, measuring]) == "A run is being measured. Wait until that has finished."
    assert {kind for kind in NOT_BESIDE if why_not(kind, []) is not None} == set()


def test_a_job_without_heartbeat_for_a_minute_is_interrupted_and_another_may_start(engine: Engine, clock: FakeClock) -> None:
    first = enqueue(engine, "fit", [], clock())
    clock.pass_(59)
    assert job_state(job(engine, first), clock()) is JobState.queued
    clock.pass_(2)
    assert job_state(job(engine, first), clock()) is JobState.interrupted
    second = enqueue(engine, "fit", [], clock())
    assert job(engine, first).state is JobState.interrupted
    assert job(engine, second).state is JobState.queued


def test_active_jobs_are_those_whose_state_is_queued_or_running(engine: Engine, clock: FakeClock) -> None:
    dead, still, done, waits = (enqueue(engine, "export", [], clock()) for _ in range(4))
    clock.pass_(HEARTBEAT_TIMEOUT.total_seconds() + 1)
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == dead).values(state=JobState.running))
        session.execute(update(Job).where(Job.id == still).values(heartbeat_at=clock() - HEARTBEAT_TIMEOUT))
        session.execute(update(Job).where(Job.id == done).values(state=JobState.done, heartbeat_at=clock()))
        session.execute(update(Job).where(Job.id == waits).values(heartbeat_at=clock() + timedelta(days=1)))  # on the cluster
    with reading(engine) as session:
        assert [one.id for one in active_jobs(session, clock())] == [still, waits]


# --- another process's lock ------------------------------------------------------------------------------------------


def test_heartbeats_that_meet_a_lock_are_left_out_and_those_after_it_arrive(
    impatient: Engine, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    number = enqueue(impatient, "fit", [], clock())
    turns = iter(["locked", "locked", "free", "stop"])

    with locked_by_another(impatient) as release:

        def wait(seconds: float) -> bool:
            turn = next(turns)
            if turn == "free":
                release()
            clock.pass_(seconds)
            return turn == "stop"

        began = clock()
        send_heartbeats(Progress(impatient, number, clock), wait)
    assert job(impatient, number).heartbeat_at == began + timedelta(seconds=15)  # three turns of five seconds
    assert [record.getMessage().partition(" has finished. ")[2] for record in caplog.records] == [
        "This heartbeat is left out; the next follows in 5 seconds."
    ] * 2


def test_a_progress_report_that_meets_a_lock_is_left_out_and_the_work_goes_on(
    impatient: Engine, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with running_job(impatient, "fit", [], None, clock) as progress:
        with locked_by_another(impatient):
            progress.report(0.5, "half")
        assert job(impatient).progress == 0.0
        clock.pass_(1)
        progress.report(0.6, "more")
        assert (job(impatient).progress, job(impatient).message) == (0.6, "more")
    assert job(impatient).state is JobState.done
    (record,) = caplog.records
    assert record.getMessage().endswith("This progress report is left out; the work goes on.")


def test_the_last_progress_report_is_tried_again_until_the_lock_is_gone(
    impatient: Engine, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_job(impatient, "fit", [], None, clock) as progress, locked_by_another(impatient) as release:
        monkeypatch.setattr(logging.getLogger("db.session"), "warning", lambda *_: release())  # as soon as it tries again
        progress.report(1.0, "done")
        assert (job(impatient).progress, job(impatient).message) == (1.0, "done")


@pytest.mark.parametrize("sign_of_life", [lambda it: it.report(0.5, "half"), Progress.heartbeat], ids=["report", "heartbeat"])
def test_a_job_that_was_taken_for_dead_is_running_again_once_it_can_say_so(
    engine: Engine, clock: FakeClock, sign_of_life: Callable[[Progress], None]
) -> None:
    with running_job(engine, "fit", [], None, clock) as progress:
        clock.pass_(90)  # as after a lock that long
        enqueue(engine, "export", [], clock())
        assert (job(engine).state, job(engine).ended_at) == (JobState.interrupted, clock())
        sign_of_life(progress)
        assert (job(engine).state, job(engine).ended_at) == (JobState.running, None)
        with pytest.raises(WinnowError, match=r"^Another training is running"):
            enqueue(engine, "fit", [], clock())


def test_of_two_trainings_the_one_that_was_taken_for_dead_stops(engine: Engine, clock: FakeClock) -> None:
    with (  # noqa: PT012 - a job's body
        pytest.raises(WinnowError, match=r"^Another training began while this one could not reach the database for "),
        running_job(engine, "fit", [], None, clock) as progress,
    ):
        clock.pass_(90)
        second = enqueue(engine, "fit", [], clock())
        progress.report(0.5, "half")
    assert [job(engine, number).state for number in (1, second)] == [JobState.failed, JobState.queued]


def test_two_jobs_that_refuse_one_another_never_both_go_on(engine: Engine, clock: FakeClock) -> None:
    with running_job(engine, "ingest", [], None, clock) as ingest:
        ingest.refuse_beside("ingest", "erase")  # itself is no other
        with running_job(engine, "erase", [], None, clock) as erase:
            with pytest.raises(NotNowError, match="Somebody is being erased"):
                ingest.refuse_beside("erase")
            with pytest.raises(NotNowError, match="An ingest is running"):
                erase.refuse_beside("look", "ingest")
        ingest.refuse_beside("erase")  # that job has ended
    with running_job(engine, "erase", [], None, clock) as erase:
        erase.refuse_beside("ingest")
