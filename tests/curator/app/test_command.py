"""`winnow app` from its start to its end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

START = "from curator.app.command import winnow; winnow()"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TOUCHUP_SECONDS", "abc", "WINNOW_TOUCHUP_SECONDS=abc is not allowed: "),
        ("HOME", __file__, f"The home folder {__file__} cannot be used: "),
        (
            "DB_URL",
            "postgresql://ada:hush@127.0.0.1:1/winnow",
            "The database postgresql://ada:***@127.0.0.1:1/winnow cannot be",
        ),
    ],
)
def test_an_app_that_cannot_start_says_why_in_one_line(tmp_path: Path, name: str, value: str, said: str) -> None:
    environment = os.environ | {"WINNOW_HOME": str(tmp_path), f"WINNOW_{name}": value}
    command = [sys.executable, "-c", START, "app", "--port", "8739"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(said)


def test_a_collection_after_a_page_does_not_go_through_what_was_imported(tmp_path: Path) -> None:
    code = "import gc, streamlit_app; print(gc.get_freeze_count(), len(gc.get_objects()))"
    environment = os.environ | {"WINNOW_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    spared, gone_through = map(int, done.stdout.split()[-2:])
    assert spared > 50 * gone_through
