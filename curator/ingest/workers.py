"""Many at a time, in order: by processes of this machine, or by the workers of a Dask cluster, with the same code.

A bounded number of items is on its way, so memory is the same however many there are. Whoever dies over an item takes
nothing else along: the others are tried again, each alone, until it is known which one it was.
"""

import multiprocessing
import os
import signal
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import cv2

from db.cluster import connected
from db.errors import WinnowError
from db.files import write
from db.settings import Settings
from db.store import Store

if TYPE_CHECKING:
    from distributed import Client

TOGETHER = 8  # items that go to a worker at once: between two of them it waits for nobody
AHEAD = 3  # such handfuls on their way for each worker: enough that none is idle while the results of others are written

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Workers:
    """Who does the work: how to have them begin, how many they are, and what else is raised for an item when one is killed.

    An executor that has broken is thrown away, and `begin` called again. `store` is the URL of the store for workers on this
    machine; None for those elsewhere, who know their own.
    """

    begin: Callable[[], Executor]
    number: int
    store: str | None
    who: str = "this process"  # in words
    killed: tuple[type[BaseException], ...] = ()

    @property
    def lost(self) -> tuple[type[BaseException], ...]:
        """What is raised for an item when somebody was lost, over this one or over another that was near it."""
        return (BrokenExecutor, *self.killed)


def processes(store: str, number: int | None = None) -> Workers:
    """Processes of this machine, one for each core unless a `number` is given."""
    number = number or os.cpu_count() or 1
    return Workers(partial(_pool, number), number, store, f"{number} processes of this machine")


def _pool(number: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a fork would share dlib's, OpenCV's and the database's threads.
    pool = ProcessPoolExecutor(number, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)
    # A terminal's Ctrl-C goes to all its processes, and is meant for us, who end them in good order: those that are started
    # while it is blocked never hear it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(number):
            pool.submit(int)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pool


@contextmanager
def workers_for(settings: Settings, *folders: Path) -> Iterator[Workers]:
    """The workers of the cluster, where one is set and all of them see the store and these folders; else our own processes.

    Raises WinnowError for a cluster that cannot be reached.
    """
    ours = processes(settings.store)
    if not settings.cluster:
        yield ours
        return
    with connected(settings.cluster) as client:
        from distributed import KilledWorker

        threads = sum(client.nthreads().values())  # type: ignore[no-untyped-call]
        if amiss := _amiss(client, Store(settings.store), folders) if threads else "has no worker":
            yield replace(ours, who=f"{ours.who}, since the cluster {amiss}")
            return
        who = f"{threads} threads of the cluster at {settings.cluster}"
        # Dask would tell work by its arguments, and give the answer of a source that has changed since.
        yield Workers(partial(client.get_executor, pure=False), threads, None, who, (KilledWorker,))


def _amiss(client: "Client", store: Store, folders: Sequence[Path]) -> str:
    """Why the cluster cannot do it, in words that go on from "the cluster"; nothing where it can."""
    mark = store.root / "00" / f".part-{uuid.uuid4().hex}"  # what is called so is none of the store's pictures
    write(mark, b"")
    try:
        answers = client.run(what_is_missing, mark.name, [str(folder) for folder in folders], on_error="return")
    finally:
        mark.unlink(missing_ok=True)
    for worker, said in answers.items():
        if said:
            why = f"cannot run Winnow ({type(said).__name__})" if isinstance(said, Exception) else said
            return f"has a worker, {worker}, that {why}"
    return ""


def what_is_missing(mark: str, folders: Sequence[str]) -> str:
    """On a worker: which of the folders it does not see, or that its store is another one; nothing where all is there."""
    if not (Store(Settings().store).root / "00" / mark).exists():
        return "has another store (WINNOW_STORE_URL)"
    return next((f"does not see {folder}" for folder in folders if not Path(folder).exists()), "")


def _begin() -> None:
    cv2.setNumThreads(1)  # there is a process for every core already


def in_turn(
    workers: Workers, work: Callable[[Item], Result], items: Iterable[Item], died: Callable[[Item], Result]
) -> Generator[Result, None, None]:
    """What `work` makes of each item, in the items' order; what `died` says of one that ends whoever works on it.

    Raises what `work` raises, and WinnowError where no worker comes up at all. When the caller stops, what has not begun is
    dropped, and what has begun is waited for.
    """
    source, pending = iter(items), deque[tuple[list[Item], Future[_Done[Result]]]]()
    executor = _begun(workers)
    try:
        while True:
            while len(pending) < AHEAD * workers.number and (few := list(islice(source, TOGETHER))):
                pending.append((few, _submitted(executor, work, few)))
            if not pending:
                return
            try:
                done = pending[0][1].result()
            except workers.lost:
                _drop(pending)
                executor.shutdown(wait=False)
                yield from _each_alone(workers, work, [item for few, _ in pending for item in few], died)
                pending.clear()
                executor = _begun(workers)
            else:
                pending.popleft()
                yield from done.results
                if done.error is not None:
                    raise done.error
    finally:
        _drop(pending)
        executor.shutdown()


@dataclass(frozen=True)
class _Done(Generic[Result]):
    """The results of some items; and what was raised over the next one, if anything was."""

    results: list[Result]
    error: Exception | None = None


def _several(work: Callable[[Item], Result], items: Sequence[Item]) -> _Done[Result]:
    results: list[Result] = []
    for item in items:
        try:
            results.append(work(item))
        except Exception as error:  # whatever it is: it is raised where the results are taken
            return _Done(results, error)
    return _Done(results)


def _drop(pending: "Iterable[tuple[list[Item], Future[_Done[Result]]]]") -> None:
    for _, future in pending:
        future.cancel()


def _begun(workers: Workers) -> Executor:
    """An executor that works. Raises WinnowError where none comes up: no item is to blame for that."""
    try:
        executor = workers.begin()
        executor.submit(int).result()
    except BrokenExecutor:
        raise WinnowError(
            "The processes that look at the pictures end as soon as they start. What they said is in the log; memory may be "
            "short."
        ) from None
    return executor


def _submitted(executor: Executor, work: Callable[[Item], Result], few: list[Item]) -> "Future[_Done[Result]]":
    try:
        return executor.submit(_several, work, few)
    except BrokenExecutor as error:  # it broke since the last result: told when the items' turn comes
        future: Future[_Done[Result]] = Future()
        future.set_exception(error)
        return future


def _each_alone(
    workers: Workers, work: Callable[[Item], Result], suspects: Iterable[Item], died: Callable[[Item], Result]
) -> Iterator[Result]:
    executor = _begun(workers)
    try:
        for item in suspects:
            try:
                result = executor.submit(work, item).result()
            except workers.lost:
                executor.shutdown(wait=False)
                executor, result = _begun(workers), died(item)
            yield result
    finally:
        executor.shutdown()
