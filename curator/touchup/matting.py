"""The process that mattes: one, warm, with a time limit, beside the app or a command.

It is a process of its own because pymatting takes seconds to load and ten more to be compiled at its first use, and because a
system without a good solution runs for minutes: then the process is ended, and another one is warmed up.
"""

import hashlib
import logging
import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from curator.pictures.arrays import Box, Photo
from curator.touchup.refine import Grey, Refined, foreground, refine
from db.errors import NotNowError, WinnowError

SECONDS = 5.0  # of one job; most take a third of a second
TURN_SECONDS = 15.0  # how long a job waits for those before it
REMEMBERED = 64  # results, of 1 MiB at most

_log = logging.getLogger(__name__)


class Matting:
    """Refine and foreground colours, computed one at a time in a process that stays warm, and remembered.

    `cache` is the folder for what numba has compiled; the variable NUMBA_CACHE_DIR goes before it. `seconds` is the limit of
    one job. The process is started by `warm` or by the first job, and ends with ours, also when ours is killed. Several threads
    may use it.
    """

    def __init__(self, cache: Path, seconds: float = SECONDS) -> None:
        self._cache, self._seconds = cache, seconds
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._ready = False
        self._known: OrderedDict[str, Any] = OrderedDict()

    def refine(
        self, photo: Photo, mask: Grey, hints: Grey | None = None, box: Box | None = None, left_out: Grey | None = None
    ) -> Refined:
        """`curator.touchup.refine.refine` in the process.

        Raises what it raises; NotNowError while the process is warming up or busy; and WinnowError if it takes too long.
        """
        return cast("Refined", self._result(refine, photo, mask, hints, box, left_out))

    def foreground(self, photo: Photo, mask: Grey) -> Photo:
        """`curator.touchup.refine.foreground` in the process. Raises the same as `refine`."""
        return cast("Photo", self._result(foreground, photo, mask))

    def warm(self) -> None:
        """Start the process in the background, if it is not there. Returns at once, also while a job is running."""
        if self._turn.acquire(blocking=False):
            try:
                self._start_if_gone()
            finally:
                self._turn.release()

    def wait(self, seconds: float = 600.0) -> None:
        """Wait until the process is warm. Raises NotNowError if it isn't after so many seconds, WinnowError if it can't be."""
        with self._turn:
            self._start_if_gone()
            self._check_ready(seconds)

    def close(self) -> None:
        """End the process. A later job starts another one."""
        with self._turn:
            self._end()

    def _result(self, work: Callable[..., Any], *arguments: Any) -> Any:
        key = _digest(work.__name__, *arguments)
        if (known := self._known.get(key)) is not None:
            return known
        if not self._turn.acquire(timeout=TURN_SECONDS):
            raise NotNowError("Refine is busy with other reviewers' masks. Try again in a moment.")
        try:
            self._start_if_gone()
            self._check_ready(0.0)
            if key not in self._known:  # another thread may have asked the same, just before
                self._known[key] = self._ask(work, arguments)
                if len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
            return self._known[key]
        finally:
            self._turn.release()

    def _ask(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        assert self._connection is not None
        try:
            self._connection.send((work, arguments))
            answered = self._connection.poll(self._seconds)
            answer = self._connection.recv() if answered else None
        except (EOFError, OSError):
            self._restart()
            raise WinnowError("The process that refines has crashed, and is starting again. Try again in a moment.") from None
        if not answered:
            self._restart()
            raise WinnowError(
                f"Refine took longer than {self._seconds:g} seconds and was stopped. Give it less to solve: clean the mask up, "
                "or mark a smaller part as unknown."
            )
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _check_ready(self, seconds: float) -> None:
        """Raises NotNowError if the process is not warm after so many seconds, and WinnowError if it could not be warmed up."""
        assert self._connection is not None
        if self._ready:
            return
        try:
            if not self._connection.poll(seconds):
                raise NotNowError(
                    "Refine is warming up. At its first start on a machine this takes ten seconds or more, later a few."
                )
            fault = self._connection.recv()
        except (EOFError, OSError):
            fault = "its process ended as soon as it started; the app's log has its output"
        if fault is not None:
            self._end()
            raise WinnowError(f"Refine can't run on this machine: {fault}.")
        self._ready = True

    def _start_if_gone(self) -> None:
        if self._process is not None and self._ready and self._process.poll() is not None:
            self._end()
        if self._process is None:
            # No process of multiprocessing's: that would run our main module again, which in the app is the whole app.
            self._connection, theirs = multiprocessing.Pipe()
            command = [sys.executable, "-m", "curator.touchup.matting", str(theirs.fileno()), str(self._cache)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
            theirs.close()

    def _restart(self) -> None:
        self._end()
        self._start_if_gone()

    def _end(self) -> None:
        if self._process is not None and self._connection is not None:
            self._connection.close()
            self._process.kill()
            self._process.wait()
        self._process, self._connection, self._ready = None, None, False


def serve(connection: Connection, cache: Path) -> None:
    """Run in the process: warm up, say so with None or with the fault, then answer jobs until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes of a terminal; ours ends with its parent
    jobs: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, jobs), daemon=True).start()
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache))
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")  # more make so small a picture no faster
    cv2.setNumThreads(1)
    began = time.monotonic()
    try:
        _warm_up()
    except Exception as error:
        _log.exception("pymatting could not be warmed up")
        connection.send(f"{type(error).__name__}: {error}"[:500].rstrip("."))
        return
    _log.info("Refine is warm after %.1f seconds.", time.monotonic() - began)
    connection.send(None)
    while True:
        work, arguments = jobs.get()
        answer: Any
        try:
            answer = work(*arguments)
        except Exception as error:
            answer = error
        connection.send(answer)


def _warm_up() -> None:
    """Load what the jobs need, and run each once: numba compiles it, or reads it from its cache."""
    photo = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    mask = np.zeros((128, 128), np.uint8)
    mask[40:88, 40:88] = 255
    refine(photo, mask)
    foreground(photo, mask)


def _receive(connection: Connection, jobs: "queue.SimpleQueue[Any]") -> None:
    """Pass jobs on; end this process when the one that sends them is gone, killed ones included, whatever is being solved."""
    try:
        while True:
            jobs.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


def _digest(*parts: Any) -> str:
    """A name for what a job is given."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
        digest.update(b"|")
    return digest.hexdigest()


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), Path(sys.argv[2]))
