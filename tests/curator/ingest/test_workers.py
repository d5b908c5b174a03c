"""Results in order, a bounded number of items in flight, and workers that crash."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import pytest

from curator.ingest.workers import CHUNK_SIZE, CHUNKS_AHEAD, Workers, kept, map_in_order, processes, workers_for
from db.errors import WinnowError
from db.settings import Settings

pytestmark = pytest.mark.slow

THREADS = Workers(ThreadPoolExecutor, 2, "")


class GoneError(Exception):
    """Like the error that Dask raises for an item that killed its workers."""


def doubled(item: int) -> int:
    if item < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if item == 13:
        raise ValueError("unlucky")
    return 2 * item


def crashed(item: int) -> int:
    return item * 1000


def test_results_come_in_the_order_of_the_items() -> None:
    first = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert first.wait(20)
        elif item == CHUNK_SIZE:
            first.set()
        return item

    assert list(map_in_order(THREADS, work, range(10), crashed)) == list(range(10))


def test_the_number_of_items_in_flight_is_bounded() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(10_000):
            taken.append(item)
            yield item

    results = map_in_order(THREADS, doubled, items(), crashed)
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    assert len(taken) <= 4 + CHUNKS_AHEAD * CHUNK_SIZE * 2
    results.close()  # type: ignore[attr-defined]
    assert len(taken) <= 4 + CHUNKS_AHEAD * CHUNK_SIZE * 2


def results_of(workers: Workers, items: Sequence[int]) -> list[int]:
    """Each item doubled. One result more than there are items is taken, so that results which repeat for ever end."""
    return list(islice(map_in_order(workers, doubled, items, crashed), len(items) + 1))


@pytest.mark.parametrize("items", [[1, -2, *range(3, 12), -5, 6], [-1], [1, 2, 3, -4]])
def test_an_item_that_crashes_its_process_is_found_and_all_others_are_done(items: list[int]) -> None:
    assert results_of(processes("", 2), items) == [item * 1000 if item < 0 else 2 * item for item in items]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_where_no_process_comes_up_no_item_is_blamed() -> None:
    begin = partial(ProcessPoolExecutor, mp_context=multiprocessing.get_context("spawn"), initializer=die)
    with pytest.raises(WinnowError, match="crash as soon as they start"):
        next(map_in_order(Workers(begin, 2, ""), doubled, [1, 2], crashed))


class Fatal(ThreadPoolExecutor):
    """An executor like a cluster's: a crash is raised only for the work that was sent with the item."""

    def submit(self, call: Any, /, *given: Any, **named: Any) -> "Future[Any]":
        items = given[-1] if given and isinstance(given[-1], list) else given
        if 1 not in items:
            return super().submit(call, *given, **named)
        lost: Future[Any] = Future()
        lost.set_exception(GoneError())
        return lost


def test_an_item_that_crashed_a_clusters_worker_is_found_and_its_neighbours_are_done() -> None:
    workers = Workers(Fatal, 2, "", "", (GoneError,))
    assert results_of(workers, range(3)) == [0, 1000, 4]


def process_of(item: int) -> int:
    return os.getpid()


def test_workers_that_are_kept_do_the_next_work_too_and_a_crash_starts_others() -> None:
    with kept(processes("", 2)) as workers:
        first = set(map_in_order(workers, process_of, range(40), crashed))
        assert set(map_in_order(workers, process_of, range(40), crashed)) <= first
        assert results_of(workers, [1, -2, 3]) == [2, -2000, 6]
        second = set(map_in_order(workers, process_of, range(40), crashed))
        assert first.isdisjoint(second)
    assert not any(Path(f"/proc/{number}").exists() for number in second)


def test_an_error_is_raised_when_its_item_comes() -> None:
    results = map_in_order(THREADS, doubled, [1, 13, 2], crashed)
    assert next(results) == 2
    with pytest.raises(ValueError, match="unlucky"):
        next(results)


def stuck(item: int) -> int:
    """Never ends for an item after the first chunk."""
    if item >= CHUNK_SIZE:
        signal.sigwait([signal.SIGUSR1])
    return item


@pytest.mark.parametrize(("work", "taken"), [("stuck", 1), ("doubled", CHUNK_SIZE * 4 - 1)], ids=["busy", "idle"])
def test_processes_end_with_a_parent_that_was_killed(work: str, taken: int) -> None:
    # The children hold the pipe that they inherit open: it ends when the last of them is gone.
    code = (
        "import os, signal\n"
        "from curator.ingest.workers import map_in_order, processes\n"
        f"from tests.curator.ingest.test_workers import CHUNK_SIZE, {work}\n"
        "if __name__ == '__main__':\n"
        f"    results = map_in_order(processes('', 2), {work}, [0] * CHUNK_SIZE + [20] * CHUNK_SIZE * 3, abs)\n"
        f"    print(len([next(results) for _ in range({taken})]), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, f"{taken}\n".encode())


def busy_or_doubled(item: int) -> int:
    """Doubled; for an item below 0, C code that never ends and lets no other thread run."""
    return int(all(repeat(item))) if item < 0 else 2 * item


def test_an_item_that_takes_too_long_is_refused_and_all_others_are_done() -> None:
    results = map_in_order(processes("", 1, item_seconds=0.5), busy_or_doubled, [1, -2, 3], crashed)
    assert list(results) == [2, -2000, 6]


class StoppedError(Exception):
    """A person's wish to stop."""


def test_a_wish_to_stop_is_heard_while_an_item_takes_for_ever_and_ends_the_processes() -> None:
    seen: list[multiprocessing.process.BaseProcess] = []

    def stop() -> None:
        seen.extend(multiprocessing.active_children())
        raise StoppedError

    results = map_in_order(processes("", 1), busy_or_doubled, [1, 2, 3, -4], crashed, stop)
    with pytest.raises(StoppedError):
        list(results)
    assert seen
    assert not any(process.is_alive() for process in seen)


# --- on a cluster ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=[1])
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The settings of an app with a cluster, of one worker: a process that knows the store by its environment."""
    import dask.config  # here, because every spawned worker imports this module, and Dask takes a second
    from distributed import LocalCluster

    found = Settings(home=tmp_path / "home", store_url=str(tmp_path / "store"))
    monkeypatch.setenv("WINNOW_STORE_URL", found.store)  # what the worker starts with is our environment
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(
            n_workers=request.param, host="127.0.0.1", dashboard_address="localhost:0", threads_per_worker=1
        ) as cluster,
    ):
        yield found.model_copy(update={"cluster": cluster.scheduler_address})


def test_a_clusters_workers_are_used_and_an_item_that_crashes_one_takes_no_other_with_it(
    settings: Settings, tmp_path: Path
) -> None:
    with workers_for(settings, tmp_path) as workers:
        assert (workers.count, workers.store) == (1, None)
        assert workers.description == f"1 threads of the cluster at {settings.cluster}"
        assert results_of(workers, [1, -2, 3]) == [2, -2000, 6]


def test_own_processes_are_used_if_the_clusters_workers_see_other_folders_or_another_store(
    settings: Settings, tmp_path: Path
) -> None:
    mine = tmp_path / "only here"  # is on no disk, as seen from another machine
    with workers_for(settings, mine) as workers:
        assert workers.store == settings.store
        assert workers.description.endswith(f"that does not see {mine}")
    with workers_for(settings.model_copy(update={"store_url": str(tmp_path / "another")})) as workers:
        assert "that has another store (WINNOW_STORE_URL)" in workers.description


@pytest.mark.parametrize("settings", [0], indirect=True)
def test_own_processes_are_used_if_the_cluster_has_no_worker_or_there_is_none(settings: Settings) -> None:
    with workers_for(settings) as workers:
        assert workers.description.endswith("since the cluster has no worker")
    with workers_for(settings.model_copy(update={"cluster": ""})) as workers:
        assert workers.description == processes(settings.store, workers.count).description
    said = [processes(settings.store, count).description for count in (1, 4)]
    assert said == ["1 process of this machine", "4 processes of this machine"]


def test_a_cluster_that_cannot_be_reached_is_an_error(tmp_path: Path) -> None:
    lost = Settings(home=tmp_path, cluster="tcp://127.0.0.1:9")
    with pytest.raises(WinnowError, match="cannot be reached"), workers_for(lost):
        pass
