"""The edge of every command: one clear line for a person, or one JSON object for a script."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from db.errors import WinnowError
from db.jobs import Cancelled

STOPPED = "Stopped. What was done until now is kept; start the command again to go on."


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
