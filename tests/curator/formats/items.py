"""A format's photos and refusals, without the lists that it says it read."""

from collections.abc import Callable, Iterator
from typing import Any

from curator.formats.pairs import Item, ListRead


def without_lists(read: Callable[..., Iterator[Item]]) -> Callable[..., Any]:
    """The same function, whose items are only photos and refusals."""
    return lambda *given, **named: (item for item in read(*given, **named) if not isinstance(item, ListRead))
