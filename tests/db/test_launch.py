"""Jobs that run on this machine: processes of their own, watched until they end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.jobs import utc_now
from db.launch import start_job
from db.session import open_database, reading
from db.settings import Settings
from db.tables import Job, JobState


@pytest.fixture
def database(settings: Settings, migrated_home: Path) -> Iterator[Engine]:
    found = open_database(settings)
    yield found
    found.dispose()


def job(database: Engine, number: int) -> Job:
    with reading(database) as session:
        return session.get_one(Job, number)


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def test_a_killed_process_is_marked_interrupted_at_once(database: Engine, settings: Settings) -> None:
    # timeit takes the `--job N` that start_job adds for another statement.
    arguments = ["-n1", "-r1", "import time; time.sleep(60)"]
    number = start_job(database, settings, "export", "timeit", arguments, utc_now())
    until(lambda: job(database, number).process is not None)
    process = job(database, number).process
    assert process is not None
    os.killpg(process, signal.SIGKILL)
    until(lambda: job(database, number).state is JobState.interrupted)
    assert job(database, number).message == (
        "The process ended unexpectedly (exit code -9). Its output is in logs/job-1.log in the home folder."
    )
    assert (settings.logs / "job-1.log").exists()


def test_who_starts_a_job_ends_without_waiting_for_it(database: Engine, settings: Settings) -> None:
    start = (
        "from db import jobs, launch, session, settings\n"
        "read = settings.Settings()\n"
        "arguments = ['-n1', '-r1', 'import time; time.sleep(60)']\n"
        "launch.start_job(session.open_database(read), read, 'export', 'timeit', arguments, jobs.utc_now())\n"
    )
    home = {"WINNOW_HOME": str(settings.home)}
    subprocess.run([sys.executable, "-c", start], env=os.environ | home, check=True, timeout=30)
    process = job(database, 1).process
    assert process is not None
    os.killpg(process, signal.SIGKILL)  # it still runs


def test_each_job_has_a_log_of_all_that_it_prints(database: Engine, settings: Settings) -> None:
    statement = "import sys; print('fine'); print('wrong', file=sys.stderr)"
    for number in (1, 2):
        assert start_job(database, settings, "export", "timeit", ["-n1", "-r1", statement], utc_now()) == number
        until(lambda number=number: job(database, number).state is JobState.interrupted)  # type: ignore[misc]
        log = (settings.logs / f"job-{number}.log").read_text()
        assert "fine" in log
        assert "wrong" in log


def test_only_trainings_go_to_the_cluster(database: Engine, settings: Settings, tmp_path: Path) -> None:
    with_cluster = settings.model_copy(update={"cluster": "nonsense://x"})
    statement = f"open({str(tmp_path / 'here')!r}, 'w').close()"
    number = start_job(database, with_cluster, "export", "timeit", ["-n1", "-r1", statement], utc_now())
    until(lambda: job(database, number).state is JobState.interrupted)  # timeit writes no result into the row
    assert (tmp_path / "here").exists()
    assert (settings.logs / f"job-{number}.log").exists()
    training = start_job(database, with_cluster, "fit", "timeit", ["pass"], utc_now())
    assert job(database, training).state is JobState.failed
    assert "The cluster at nonsense://x cannot be reached." in job(database, training).message
