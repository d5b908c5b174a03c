"""A wall of what an ingest has added, which fills while it reads; over our HTTP routes."""

from curator.app.components import TINT, component
from curator.app.guard import token_for


def wall(reviewer: str, job: int) -> None:
    """Draw the wall of an ingest, by its job's number. It asks for its photos itself; a rerun leaves it as it is."""
    component("wall")(
        key="wall",
        data={"job": job, "token": token_for(reviewer), "tint": TINT},
        on_renew_change=_nothing,
    )


def _nothing() -> None:
    """A callback makes this a trigger for Streamlit; nothing but the rerun itself is wanted."""
