"""Two pictures of one example under a line that a range input moves: what is left of it is the first, the rest the second."""

from dataclasses import dataclass

from curator.app.components import component


@dataclass(frozen=True)
class Side:
    """A stored picture and what to call it."""

    name: str
    sha256: str


def wipe(key: str, first: Side, second: Side) -> None:
    """Draw the two pictures; `key` tells one pair of the page from another."""
    component("wipe")(
        key=key,
        data={"first": {"name": first.name, "sha256": first.sha256}, "second": {"name": second.name, "sha256": second.sha256}},
    )
