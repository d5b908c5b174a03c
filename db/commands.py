"""The edge of every command: one clear line for a person, or one JSON object for a script."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any

import typer

from db.errors import WinnowError
from db.jobs import Cancelled

STOPPED = "Stopped. What was done until now is kept; start the command again to go on."


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"Winnow {version('winnow')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print Winnow's version and exit.")
]


@contextmanager
def one_clear_line(stopped: str = STOPPED) -> Iterator[None]:
    """Exit 1 with one line on stderr: the sentence of a WinnowError, or `stopped` after a stop that was asked for."""
    try:
        yield
    except WinnowError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from None
    except (Cancelled, KeyboardInterrupt):
        typer.echo(stopped, err=True)
        raise typer.Exit(1) from None


def answer(result: Mapping[str, Any] | None, text: str, *, as_json: bool) -> None:
    """Print a command's result on stdout: exactly one JSON object, or text for a person."""
    typer.echo(json.dumps(result) if as_json else text)


@contextmanager
def one_line() -> Iterator[Callable[[str], None]]:
    """Shows how work goes, each time in the place of the time before; on a terminal alone, and gone when the work is done."""
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
