"""The process that mattes: warm, remembered, limited in time, and gone with its parent."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from curator.touchup import matting as module
from curator.touchup.matting import Matting
from db.errors import NotNowError, WinnowError
from tests.examples import drawn_mask, drawn_photo

CACHE = Path(os.environ["NUMBA_CACHE_DIR"])


def test_the_first_job_says_that_it_is_warming_up_and_a_later_one_is_done() -> None:
    cold = Matting(CACHE, seconds=60.0)
    try:
        with pytest.raises(NotNowError, match=r"^Refine is warming up\. At its first start"):
            cold.refine(drawn_photo(1), drawn_mask(1))
        cold.wait()
        assert cold.refine(drawn_photo(1), drawn_mask(1)).box is not None
    finally:
        cold.close()


def test_numba_is_loaded_in_that_process_alone(matting: Matting) -> None:
    matting.refine(drawn_photo(1), drawn_mask(1))
    assert "numba" not in sys.modules
    assert "pymatting" not in sys.modules


def test_what_was_solved_before_is_remembered(matting: Matting, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, mask = drawn_photo(4), drawn_mask(4)
    hints = np.zeros((512, 512), np.uint8)
    first = matting.refine(photo, mask)
    asked = []
    monkeypatch.setattr(matting, "_ask", lambda work, arguments: asked.append(arguments) or "asked")
    assert matting.refine(photo, mask) is first
    assert matting.refine(photo, mask, hints) == "asked"
    assert matting.refine(photo, mask, hints, (0, 0, 9, 9)) == "asked"
    assert matting.refine(drawn_photo(5), mask) == "asked"
    assert len(asked) == 3
    for number in range(module.REMEMBERED + 5):
        matting.refine(photo, np.full((512, 512), number, np.uint8))
    assert len(matting._known) == module.REMEMBERED


def test_a_job_over_its_time_ends_the_process_and_a_new_one_takes_over(matting: Matting) -> None:
    quick = Matting(CACHE, seconds=60.0)
    try:
        quick.wait()
        first = quick._process
        assert first is not None
        number = first.pid
        assert number is not None
        hints = np.zeros((512, 512), np.uint8)
        hints[:190] = 3  # solving so many takes seconds
        hints[200:] = 1
        quick._seconds = 0.05
        noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
        with pytest.raises(WinnowError, match=r"^Refine took longer than 0\.05 seconds and was stopped\. Give it"):
            quick.refine(noise, np.zeros((512, 512), np.uint8), hints)
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
        quick._seconds = 60.0
        quick.wait()
        assert quick.refine(drawn_photo(6), drawn_mask(6)).box is not None
    finally:
        quick.close()


def test_a_process_that_was_killed_is_replaced() -> None:
    frail = Matting(CACHE, seconds=60.0)
    try:
        frail.wait()
        assert frail._process is not None
        frail._process.kill()
        frail._process.wait()
        with pytest.raises(NotNowError, match="warming up"):
            frail.refine(drawn_photo(1), drawn_mask(1))
        frail.wait()
        assert frail.refine(drawn_photo(1), drawn_mask(1)).box is not None
    finally:
        frail.close()


def test_a_machine_on_which_it_cannot_run_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "numba.py").write_text("raise ImportError('libLLVM is not for this processor')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    broken = Matting(CACHE)
    try:
        with pytest.raises(WinnowError, match=r"^Refine can't run on this machine: .+\.$"):
            broken.wait()
    finally:
        broken.close()


def test_errors_of_a_job_arrive_as_they_are_and_the_next_job_is_done(matting: Matting) -> None:
    with pytest.raises(ValueError, match="different sizes"):
        matting.refine(drawn_photo(1), np.zeros((9, 9), np.uint8))
    assert matting.refine(drawn_photo(7), drawn_mask(7)).box is not None


def test_many_threads_take_turns(matting: Matting) -> None:
    photo, found = drawn_photo(8), {}

    def ask(number: int) -> None:
        found[number] = matting.refine(photo, drawn_mask(number)).alpha

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for number in range(8):
        assert cv2.norm(found[number], matting.refine(photo, drawn_mask(number)).alpha) == 0


def test_it_ends_with_its_parent_also_when_that_is_killed() -> None:
    script = (
        "from pathlib import Path; from curator.touchup.matting import Matting\n"
        f"found = Matting(Path({str(CACHE)!r})); found.warm(); print(found._process.pid, flush=True); found.wait()\n"
        "print('warm', flush=True); input()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdin is not None
    assert parent.stdout is not None
    with parent.stdin, parent.stdout:
        child = int(parent.stdout.readline())
        assert parent.stdout.readline() == "warm\n"
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert parent.stdout.read() == ""  # the pipe is closed when its last writer, the child, has ended too
    deadline = time.monotonic() + 30
    while _runs(child) and time.monotonic() < deadline:
        pass
    assert not _runs(child)


def _runs(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
