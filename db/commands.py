"""What every command shares at its edge: errors as one line on stderr, results as text or as one JSON object."""

import errno
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any

import typer

from db.environment import opencv_fault
from db.errors import WinnowError
from db.jobs import Cancelled

FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
STOPPED = "Stopped. Finished work is kept; run the same command again to continue."


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"Winnow {version('winnow')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print Winnow's version and exit.")
]


@contextmanager
def exit_on_error(stopped: str = STOPPED) -> Iterator[None]:
    """Exit with code 1 and one line on stderr: the text of a WinnowError, or `stopped` after Ctrl-C or the Stop button.

    A broken OpenCV is such an error too, before the block begins; so is a file or folder that this user may not write or read.
    """
    try:
        _check_opencv()
        yield
    except WinnowError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from None
    except (Cancelled, KeyboardInterrupt):
        typer.echo(stopped, err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        if error.errno not in FORBIDDEN or error.filename is None:
            raise
        typer.secho(f"{error.filename}: {error.strerror}. Check who may read and write it.", fg="red", err=True)
        raise typer.Exit(1) from None


def _check_opencv() -> None:
    import cv2  # takes 0.1 s, so not for `--help`

    if fault := opencv_fault(cv2):
        raise WinnowError(fault)


def print_result(result: Mapping[str, Any] | None, text: str, *, as_json: bool) -> None:
    """Print a command's result on stdout: exactly one JSON object, or text for a person."""
    typer.echo(json.dumps(result) if as_json else text)


@contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """A function that shows a line of progress on stderr, each time in place of the previous one, until the block ends.

    It does nothing if stderr is not a terminal.
    """
    if not sys.stderr.isatty():
        yield lambda words: None
        return

    def show(words: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        typer.echo(f"\r\x1b[K{words[:width]}", nl=False, err=True)

    try:
        yield show
    finally:
        show("")
