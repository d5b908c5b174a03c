"""How much memory the app takes while a large zip is uploaded, and how fast that is: our upload beside Streamlit's uploader.

    python benchmarks/upload.py [--gigabytes 1.5]

A zip of stored random bytes is made in TMPDIR and uploaded in Chromium twice: on the Ingest page, and on a plain Streamlit page
that writes the file to the disk, as the Ingest page did before it had an upload of its own. Memory is the app's resident
set: before the upload, at its highest, and ten seconds after the browser was closed.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from playwright.sync_api import Page, sync_playwright

from benchmarks.machine import machine

PLAIN = """
import shutil
import streamlit as st

sent = st.file_uploader("A zip", type="zip")
if st.button("Keep it", disabled=sent is None):
    with open("kept.zip", "wb") as out:
        shutil.copyfileobj(sent, out)
    st.write("It is kept.")
"""
MEMBER = 3 * 2**20  # bytes
WAIT = 600_000  # milliseconds


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.5)
    size = int(parser.parse_args().gigabytes * 1e9)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}\n")
    print("| upload | seconds | MB a second | memory before, MiB | highest | afterwards |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "large.zip"
        with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
            for number in range(max(1, size // MEMBER)):
                archive.writestr(f"images/{number:05}.jpg", os.urandom(MEMBER))
        plain = Path(folder) / "plain.py"
        plain.write_text(PLAIN)
        for name, script, upload in (
            ("a plain page with Streamlit's uploader", plain, to_plain_page),
            ("the Ingest page", ROOT / "streamlit_app.py", to_ingest_page),
        ):
            before, highest, after, seconds = measured(script, made, upload, Path(folder) / "home")
            rate = made.stat().st_size / 1e6 / seconds
            print(f"| {name} | {seconds:.0f} | {rate:.0f} | {before:,} | {highest:,} | {after:,} |", flush=True)


def to_plain_page(page: Page, file: Path) -> None:
    """Upload the file, and have it written to the disk."""
    page.locator("input[multiple]").set_input_files(file)
    keep = page.get_by_role("button", name="Keep it")
    page.wait_for_function(
        "() => [...document.querySelectorAll('button')].some(one => one.innerText === 'Keep it' && !one.disabled)"
    )
    keep.click()
    page.get_by_text("It is kept.").wait_for()


def to_ingest_page(page: Page, file: Path) -> None:
    """Upload the file, which is on the disk then."""
    page.locator("input[multiple]").set_input_files(file)
    page.get_by_text("have arrived").wait_for()


def measured(script: Path, file: Path, upload: Callable[[Page, Path], None], home: Path) -> tuple[int, int, int, float]:
    """Memory before, at its highest and after, in MiB, and the seconds that the upload took."""
    with app(script, home) as (url, process), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(WAIT)
        page.goto(f"{url}/ingest" if script.name == "streamlit_app.py" else url)
        page.locator("input[multiple]").wait_for(state="attached")
        time.sleep(2)
        before, began = memory(process, "VmRSS"), time.monotonic()
        upload(page, file)
        seconds = time.monotonic() - began
        browser.close()
        time.sleep(10)
        return before, memory(process, "VmHWM"), memory(process, "VmRSS"), seconds


def memory(process: int, which: str) -> int:
    """The resident set of a process, VmRSS, or its highest, VmHWM, in MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(which)).split()[1]) // 1024


@contextmanager
def app(script: Path, home: Path) -> Iterator[tuple[str, int]]:
    """A running Streamlit app: its address and the number of its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--server.port", str(port), "--server.headless", "true"]
    if script.name != "streamlit_app.py":
        options += ["--server.maxUploadSize", "8192", "--browser.gatherUsageStats", "false"]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), *options],
        cwd=script.parent,
        env={**os.environ, "WINNOW_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://localhost:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=2)
                break
            except OSError:
                time.sleep(0.2)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
