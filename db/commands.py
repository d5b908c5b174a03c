"""The edge of every command: one clear line for a person, or one JSON object for a script."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from db.errors import WinnowError
from db.jobs import Cancelled

_out, _err = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)


@contextmanager
def one_clear_line() -> Iterator[None]:
    """Exit 1 with the sentence of a WinnowError on stderr; a stop that was asked for says so and exits 1 too."""
    try:
        yield
    except WinnowError as error:
        _err.print(f"[red]{escape(str(error))}[/red]")
        raise typer.Exit(1) from None
    except (Cancelled, KeyboardInterrupt):
        _err.print("Stopped. What was done until now is kept; start the command again to go on.")
        raise typer.Exit(1) from None


def answer(result: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print a command's result: exactly one JSON object, or text for a person."""
    if as_json:
        typer.echo(json.dumps(result))
    else:
        _out.print(text)
