"""Temporary folders go with their block, and those of killed processes are swept."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from db.errors import WinnowError
from db.workspaces import outside, sweep, workspace

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


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "system"))
    (tmp_path / "system").mkdir()
    return tmp_path / "system"


def test_the_folder_outside_of_a_home_is_its_users_only(system: Path) -> None:
    folder = outside()
    assert folder is not None
    assert (folder.parent, folder.stat().st_mode & 0o777) == (system, 0o700)
    assert outside() == folder
    with workspace(folder) as own:
        assert folder in own.parents


@pytest.mark.parametrize("planted", ["another's folder", "a folder for all", "a link", "a file"])
def test_a_folder_that_somebody_else_has_planted_is_not_touched(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "winnow-mine").mkdir(parents=True)
    (elsewhere / "winnow-mine" / "photo.jpg").write_bytes(b"a face")
    folder = system / f"winnow-{os.getuid()}"
    if planted == "a link":
        folder.symlink_to(elsewhere)
    elif planted == "a file":
        folder.write_bytes(b"")
    else:
        elsewhere.rename(folder)
        folder.chmod(0o700 if planted == "another's folder" else 0o777)
        if planted == "another's folder":
            folder.rename(system / "winnow-12345")
            monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert outside() is None
    assert sweep(outside()) == 0
    with workspace(outside()) as own:
        assert own.parent.parent == system
        assert own.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in tmp_path.rglob("*.jpg")] == ["photo.jpg"]
    assert not own.parent.exists()


def test_no_file_is_opened_in_a_folder_that_is_swept(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"verdicts")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / ".gate").symlink_to(tmp_path / "precious")
    assert sweep(tmp_path / "tmp") == 0
    with workspace(tmp_path / "tmp"):
        assert (tmp_path / "precious").read_bytes() == b"verdicts"


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o2770])
def test_the_folder_is_for_the_group_that_shares_the_home(tmp_path: Path, mode: int) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(mode)
    with workspace(home / "tmp") as own:
        assert (home / "tmp").stat().st_mode & 0o7777 == mode
        assert (home / "tmp").stat().st_gid == home.stat().st_gid
        assert own.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_another_user_has_closed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # these tests may run as root, whom nothing stops
    assert sweep(tmp_path) == 0
    with (
        pytest.raises(WinnowError, match=r"^Nothing can be unpacked in .*: it is another user's\. Ask them"),
        workspace(tmp_path),
    ):
        pass
