"""Work on many items in parallel and in order, in processes of this machine or on the workers of a Dask cluster.

A bounded number of items is in flight, so memory is bounded however many there are. An item that crashes its worker takes no
other item with it: everything that was in flight is tried again, one item at a time, which shows the one to blame. A process
of ours that works on one item for too long ends itself, which counts as a crash. The threads of a cluster can't be ended.
"""

import multiprocessing
import os
import signal
import sys
import threading
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import cv2

from curator.plural import pluralise
from db.cluster import connected
from db.errors import WinnowError
from db.files import write
from db.settings import Settings
from db.store import Store

if TYPE_CHECKING:
    from distributed import Client

CHUNK_SIZE = 8  # items sent to a worker at once, so that it rarely waits for the next
CHUNKS_AHEAD = 3  # chunks in flight for each worker, so that none is idle while results are written to the database
ITEM_SECONDS = 60.0  # for one item in a process of ours; the largest photo allowed takes a few
WAIT_SECONDS = 0.5  # for a result, before the caller is asked whether to go on
# Linux forks the processes from one that has imported what they need, and has no thread: each is there in milliseconds, not
# after the 1.5 s that the imports take. On macOS, whose own libraries do not survive a fork, each starts anew.
START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
IMPORTS = "curator.ingest.pipeline"
GRACE_SECONDS = 3.0  # for items in progress when the caller stops, so that they rarely leave a half-written file

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Workers:
    """What runs the work: how to start and to stop it, how many workers there are, and how a crash of one shows.

    `start_executor` gets the number of workers to start; it is called again whenever an executor has broken. `stop_executor`
    ends one whose workers are still busy; threads of this process it has to wait for. `store` is the URL of the store for
    workers on this machine, None for those elsewhere, who read their own settings.
    """

    start_executor: Callable[[int], Executor]
    count: int
    store: str | None
    description: str = "this process"  # for people: "4 processes of this machine"
    extra_crash_errors: tuple[type[BaseException], ...] = ()
    stop_executor: Callable[[Any], None] = Executor.shutdown

    @property
    def crash_errors(self) -> tuple[type[BaseException], ...]:
        """What a future raises when its worker crashed, over its own item or over another one nearby."""
        return (BrokenExecutor, *self.extra_crash_errors)


class _Kept(Executor):
    """An executor that stays until it is ended, or has crashed."""

    def __init__(self, executor: Executor) -> None:
        self.executor: Executor | None = executor

    def submit(self, work: Callable[..., Result], /, *args: Any, **named: Any) -> "Future[Result]":
        assert self.executor is not None
        return self.executor.submit(work, *args, **named)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do nothing, for those who have no more work for now; without waiting, end what has crashed."""
        if self.executor is not None and not wait:
            self.executor.shutdown(wait=False)
            self.executor = None


@contextmanager
def kept(workers: Workers) -> Iterator[Workers]:
    """The same workers, who stay from one call of `map_in_order` to the next: to start them takes seconds."""
    now: list[_Kept] = []

    def start(count: int) -> Executor:
        if not now or now[-1].executor is None:
            now.append(_Kept(workers.start_executor(count)))
        return now[-1]

    def stop(executor: _Kept) -> None:
        if executor.executor is not None:
            workers.stop_executor(executor.executor)
            executor.executor = None

    try:
        yield replace(workers, start_executor=start, stop_executor=stop)
    finally:
        for each in now:
            if each.executor is not None:
                each.executor.shutdown()


def processes(store: str, count: int | None = None, item_seconds: float = ITEM_SECONDS) -> Workers:
    """Processes of this machine: `count` of them, or one for each core. One that works on an item for longer crashes."""
    count = count or os.cpu_count() or 1
    start = partial(_process_pool, item_seconds=item_seconds)
    words = f"{pluralise(count, 'process', 'processes')} of this machine"
    return Workers(start, count, store, words, stop_executor=_ProcessPool.kill)


class _ProcessPool(ProcessPoolExecutor):
    """A pool whose processes can be ended while they work."""

    def kill(self) -> None:
        """End all processes at once, whatever they are doing."""
        # A process that dies while it sends a result leaves half of it in the pipe. The rest would be waited for as long as
        # somebody could still write there, and the last who could is this process.
        self._result_queue._writer.close()  # type: ignore[attr-defined]
        for process in list((self._processes or {}).values()):
            process.kill()
        self.shutdown()


def _process_pool(count: int, item_seconds: float) -> _ProcessPool:
    # Not forked from this process: a fork would share dlib's, OpenCV's and the database's threads.
    context = multiprocessing.get_context(START_METHOD)
    if START_METHOD == "forkserver":
        context.set_forkserver_preload([IMPORTS])
    pool = _ProcessPool(count, mp_context=context, initializer=_init_process, initargs=(item_seconds, dict(os.environ)))
    # A terminal sends Ctrl-C to all its processes, but only the parent should act on it and shut the others down in order.
    # Processes that are started while the signal is blocked never receive it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(count):
            pool.submit(int)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pool


@contextmanager
def workers_for(settings: Settings, *folders: Path) -> Iterator[Workers]:
    """The cluster's workers, where a cluster is set and all its workers see the store and these folders; else own processes.

    Raises WinnowError if the cluster cannot be reached.
    """
    local = processes(settings.store)
    if not settings.cluster:
        yield local
        return
    with connected(settings.cluster) as client:
        from distributed import KilledWorker

        threads = sum(client.nthreads().values())  # type: ignore[no-untyped-call]
        if why := _why_unusable(client, Store(settings.store), folders) if threads else "has no worker":
            yield replace(local, description=f"{local.description}, since the cluster {why}")
            return

        def start_executor(count: int) -> Executor:
            # Not pure: Dask would reuse the result of an earlier call with equal arguments, though the files may have changed.
            return client.get_executor(pure=False)  # type: ignore[no-any-return, no-untyped-call]

        description = f"{threads} threads of the cluster at {settings.cluster}"
        yield Workers(start_executor, threads, None, description, (KilledWorker,), partial(Executor.shutdown, wait=False))


def _why_unusable(client: "Client", store: Store, folders: Sequence[Path]) -> str:
    """Why the cluster cannot do the work, as the end of a sentence that begins "the cluster"; empty if it can."""
    mark = store.root / "00" / f".part-{uuid.uuid4().hex}"  # the store ignores files with such names
    write(mark, b"")
    try:
        answers = client.run(missing_on_worker, mark.name, [str(folder) for folder in folders], on_error="return")
    finally:
        mark.unlink(missing_ok=True)
    for worker, answer in answers.items():
        if answer:
            why = f"cannot run Winnow ({type(answer).__name__})" if isinstance(answer, Exception) else answer
            return f"has a worker, {worker}, that {why}"
    return ""


def missing_on_worker(mark: str, folders: Sequence[str]) -> str:
    """Run on a worker: says that its store is another one, or which folder it does not see; empty if nothing is missing."""
    if not (Store(Settings().store).root / "00" / mark).exists():
        return "has another store (WINNOW_STORE_URL)"
    return next((f"does not see {folder}" for folder in folders if not Path(folder).exists()), "")


_item_seconds: float | None = None  # the limit in a process of ours


def _init_process(item_seconds: float, environment: Mapping[str, str]) -> None:
    global _item_seconds
    _item_seconds = item_seconds
    os.environ.update(environment)  # the process that this one was forked from has that of its own start
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    cv2.setNumThreads(1)  # there is a process for every core already
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, killed ones included: nobody else would end it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)  # at once: the store writes files whole or not at all


def map_in_order(
    workers: Workers,
    work: Callable[[Item], Result],
    items: Iterable[Item],
    on_crash: Callable[[Item], Result],
    while_waiting: Callable[[], None] = lambda: None,
) -> Generator[Result, None, None]:
    """Yield `work(item)` for each item, in the items' order; or `on_crash(item)` for an item that crashes its worker.

    Raises what `work` raises, and WinnowError if the workers crash as soon as they start. `while_waiting` is called every half
    second in which no result comes; it may raise an exception to stop. When the caller stops early, items not yet started are
    dropped, and workers that are still busy after three seconds are ended.
    """
    source, pending = iter(items), deque[tuple[list[Item], Future[_ChunkResult[Result]]]]()
    executor: Executor | None = None
    try:
        while True:
            chunks = list(islice(_chunks(source), CHUNKS_AHEAD * workers.count - len(pending)))
            if chunks:
                executor = executor or _started(workers, min(workers.count, len(chunks)))  # few items need few workers
                pending.extend((chunk, _submit(executor, work, chunk)) for chunk in chunks)
            if not pending:
                return
            try:
                done = _awaited(pending[0][1], while_waiting)
            except workers.crash_errors:
                _cancel(pending)
                if executor is not None:
                    executor.shutdown(wait=False)
                    executor = None
                suspects = [item for chunk, _ in pending for item in chunk]
                yield from _one_by_one(workers, work, suspects, on_crash, while_waiting)
                pending.clear()
            else:
                pending.popleft()
                yield from done.results
                if done.error is not None:
                    raise done.error
    finally:
        _end(workers, executor, [future for _, future in pending])


def _chunks(source: Iterator[Item]) -> Iterator[list[Item]]:
    while chunk := list(islice(source, CHUNK_SIZE)):
        yield chunk


@dataclass(frozen=True)
class _ChunkResult(Generic[Result]):
    """The results of a chunk, up to the first item that raised an error; and that error."""

    results: list[Result]
    error: Exception | None = None


def _run_chunk(work: Callable[[Item], Result], chunk: Sequence[Item]) -> _ChunkResult[Result]:
    results: list[Result] = []
    for item in chunk:
        try:
            with _time_limit():
                results.append(work(item))
        except Exception as error:  # any error: map_in_order raises it when it comes to this item
            return _ChunkResult(results, error)
    return _ChunkResult(results)


@contextmanager
def _time_limit() -> Iterator[None]:
    """In a process of ours, ends it if the block takes too long, also in the midst of C code: by a signal without a handler."""
    if _item_seconds is None:
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, _item_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _awaited(future: "Future[Result]", while_waiting: Callable[[], None]) -> Result:
    while not wait([future], WAIT_SECONDS).done:
        while_waiting()
    return future.result()


def _end(workers: Workers, executor: Executor | None, futures: "Sequence[Future[Any]]") -> None:
    """Drop what is not begun, wait a moment for what is, and end the executor."""
    if executor is None:
        return
    running = [future for future in futures if not future.cancel()]
    idle = False
    try:
        idle = not wait(running, GRACE_SECONDS).not_done
    finally:
        executor.shutdown() if idle else workers.stop_executor(executor)


def _cancel(pending: "Iterable[tuple[list[Item], Future[_ChunkResult[Result]]]]") -> None:
    for _, future in pending:
        future.cancel()


def _started(workers: Workers, count: int) -> Executor:
    """A new executor of `count` workers that has proved that it runs. Raises WinnowError if its workers crash at once."""
    try:
        executor = workers.start_executor(count)
        executor.submit(int).result()
    except BrokenExecutor:
        raise WinnowError(
            "The worker processes crash as soon as they start. The log has their output; the machine may be short of memory."
        ) from None
    return executor


def _submit(executor: Executor, work: Callable[[Item], Result], chunk: list[Item]) -> "Future[_ChunkResult[Result]]":
    try:
        return executor.submit(_run_chunk, work, chunk)
    except BrokenExecutor as error:  # it broke after the last result: map_in_order handles that when it comes to this chunk
        future: Future[_ChunkResult[Result]] = Future()
        future.set_exception(error)
        return future


def _one_by_one(
    workers: Workers,
    work: Callable[[Item], Result],
    suspects: Iterable[Item],
    on_crash: Callable[[Item], Result],
    while_waiting: Callable[[], None],
) -> Iterator[Result]:
    """Try items again, one at a time in a single worker, so that a crash has only one possible cause."""
    executor: Executor | None = None
    future: Future[_ChunkResult[Result]] | None = None
    try:
        for item in suspects:
            executor = executor or _started(workers, 1)
            future = _submit(executor, work, [item])
            try:
                done = _awaited(future, while_waiting)
            except workers.crash_errors:
                executor.shutdown(wait=False)
                executor = None
                yield on_crash(item)
            else:
                yield from done.results
                if done.error is not None:
                    raise done.error
    finally:
        _end(workers, executor, [] if future is None else [future])
