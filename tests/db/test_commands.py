"""What every command does with an error, a stop and its result."""

import errno
import json
import os
import sys
from importlib.metadata import version

import cv2
import pytest
import typer

from db.commands import STOPPED, Version, exit_on_error, print_result, progress_line
from db.errors import WinnowError
from db.jobs import Cancelled


def failed(error: BaseException, capsys: pytest.CaptureFixture[str], *stopped: str) -> str:
    """What stderr shows when a command raises an error; stdout shows nothing, and the exit code is 1."""
    with pytest.raises(typer.Exit) as exit_, exit_on_error(*stopped):
        raise error
    assert exit_.value.exit_code == 1
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_an_error_for_people_is_one_line_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert failed(WinnowError("There is no run 7."), capsys) == "There is no run 7.\n"


@pytest.mark.parametrize("stop", [Cancelled(), KeyboardInterrupt()])
def test_a_stop_says_how_to_continue(stop: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert failed(stop, capsys) == f"{STOPPED}\n"
    assert failed(stop, capsys, "Resume it.") == "Resume it.\n"


def test_a_file_that_may_not_be_written_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for number in (errno.EACCES, errno.EPERM, errno.EROFS):
        error = OSError(number, os.strerror(number), "/data/store")
        assert failed(error, capsys) == f"/data/store: {os.strerror(number)}. Check who may read and write it.\n"
    with pytest.raises(FileNotFoundError), exit_on_error():  # a fault of ours
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "/data/store")


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), exit_on_error():
        _ = 1 / 0


def test_a_damaged_opencv_stops_every_command_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(cv2.img_hash, "pHash")
    began = False
    with pytest.raises(typer.Exit) as exit_, exit_on_error():
        began = True
    assert (exit_.value.exit_code, began) == (1, False)
    error = capsys.readouterr().err
    assert error.startswith("OpenCV lacks its contrib modules (img_hash): ")
    assert error.count("\n") == 1


def test_a_result_is_text_or_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    print_result({"run": 1}, "Run 1 is done.", as_json=False)
    assert capsys.readouterr().out == "Run 1 is done.\n"
    print_result({"run": 1}, "Run 1 is done.", as_json=True)
    assert json.loads(capsys.readouterr().out) == {"run": 1}


def test_progress_is_one_line_on_a_terminal_which_is_empty_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_line() as show:
        show("1 of 2")
        show("2 of 2, and more than fits")
    assert capsys.readouterr() == ("", "\r\x1b[K1 of 2\r\x1b[K2 of 2, a\r\x1b[K")


def test_progress_is_not_shown_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_line() as show:
        show("1 of 2")
    assert capsys.readouterr() == ("", "")


def test_the_version_is_printed_only_when_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()

    @app.command()
    def command(version: Version = False) -> None:
        typer.echo("done")

    for arguments, said in ([], "done\n"), (["--version"], f"Winnow {version('winnow')}\n"):
        app(arguments, standalone_mode=False)
        assert capsys.readouterr().out == said
