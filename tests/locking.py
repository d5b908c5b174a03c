"""Another process that keeps a SQLite database locked, as a backup or a long ingest does."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

HOLD = (
    "import sqlite3, sys\n"
    "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    "connection.execute('BEGIN IMMEDIATE')\n"
    "print('locked', flush=True)\n"
    "sys.stdin.read()\n"
)


@contextmanager
def locked_by_another(engine: Engine) -> Iterator[Callable[[], None]]:
    """Another process holds the write lock of the engine's database inside the `with`, or until the function is called."""
    command = [sys.executable, "-c", HOLD, str(engine.url.database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"

        def release() -> None:
            process.communicate()

        try:
            yield release
        finally:
            if process.poll() is None:
                release()
