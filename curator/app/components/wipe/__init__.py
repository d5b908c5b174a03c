"""Two pictures of one example, with a line between them that moves: the first to its left, the second to its right."""

from dataclasses import dataclass

from curator.app.components import component


@dataclass(frozen=True)
class Side:
    """A stored picture and what to call it."""

    name: str
    sha256: str


def wipe(key: str, first: Side, second: Side) -> None:
    """Draw the two pictures; `key` identifies the pair on its page."""
    component("wipe")(
        key=key,
        data={"first": {"name": first.name, "sha256": first.sha256}, "second": {"name": second.name, "sha256": second.sha256}},
    )
