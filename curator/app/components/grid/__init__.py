"""The review grid: forty examples at a glance, one commit for all of them; over our HTTP routes, like the deck."""

from collections.abc import Callable, Mapping
from typing import Any

from curator.app.components import REVIEWING, component
from curator.app.guard import token_for


def grid(reviewer: str, wanted: Mapping[str, Any], clear: Callable[[], None], *, lead: bool = False) -> None:
    """Draw the grid for a reviewer, with what they want to see of `/api/deck`'s `wanted`; None is the queue.

    It fetches its cards itself; a rerun of the page leaves it as it is, unless something else is wanted. A lead settles
    disputes.
    """
    component("grid")(
        key="grid",
        data={"reviewer": reviewer, "token": token_for(reviewer), "wanted": dict(wanted), "lead": lead, **REVIEWING},
        on_renew_change=_nothing,
        on_clear_change=clear,
    )


def _nothing() -> None:
    """A callback makes this a trigger for Streamlit; nothing but the rerun itself is wanted."""
