"""`make check` is content. It runs beside the other tests, because mypy keeps one core busy for a minute."""

import os
import subprocess
from pathlib import Path

import pytest


@pytest.mark.slow
def test_ruff_mypy_and_the_import_layers_are_content() -> None:
    root = Path(__file__).parents[1]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", "check"], cwd=root, env=plain, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
