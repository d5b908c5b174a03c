"""Temporary folders go with their block, and those of killed processes are swept."""

import subprocess
import sys
from pathlib import Path

import pytest

from db.workspaces import sweep, workspace

HOLD = """
import sys
from pathlib import Path
from db.workspaces import workspace
with workspace(Path(sys.argv[1])) as folder:
    (folder / "photo.jpg").write_bytes(b"a face")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_workspace_is_empty_its_owners_only_and_gone_afterwards(tmp_path: Path) -> None:
    with workspace(tmp_path / "tmp") as folder:
        assert list(folder.iterdir()) == []
        assert folder.parent.stat().st_mode & 0o777 == 0o700
        (folder / "deep").mkdir()
        (folder / "deep" / "photo.jpg").write_bytes(b"a face")
    assert not list((tmp_path / "tmp").glob("winnow-*"))


def test_a_workspace_goes_with_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), workspace(tmp_path):
        _ = 1 / 0
    assert not list(tmp_path.glob("winnow-*"))


def test_a_killed_processs_workspace_is_swept_and_a_living_ones_stays(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    photo = Path(other.stdout.readline().decode().strip()) / "photo.jpg"
    with workspace(tmp_path) as own:
        assert sweep(tmp_path) == 0
        assert photo.exists()
        other.kill()
        other.communicate()
        assert sweep(tmp_path) == 1
        assert not photo.exists()
        assert own.exists()


def test_what_is_not_a_workspace_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert sweep(tmp_path) == 0
    assert (tmp_path / "mine").exists()
    assert sweep(tmp_path / "nothing there") == 0
