"""The review deck: pictures and verdicts go over our HTTP routes, so that a verdict reruns nothing."""

from collections.abc import Callable, Mapping
from typing import Any

from curator.app.components import REVIEWING, component
from curator.app.guard import token_for


def deck(reviewer: str, wanted: Mapping[str, Any], clear: Callable[[], None], *, lead: bool = False) -> None:
    """Draw the deck for a reviewer, with what they want to see of `/api/deck`'s `wanted`; None is the queue.

    It fetches its cards itself; a rerun of the page leaves it as it is, unless something else is wanted. A lead may settle
    disputes, and make answers known.
    """
    # A new token on every run: the deck asks for a rerun (`renew`) when its own has grown too old.
    component("deck")(
        key="deck",
        data={"reviewer": reviewer, "token": token_for(reviewer), "wanted": dict(wanted), "lead": lead, **REVIEWING},
        on_renew_change=_nothing,
        on_clear_change=clear,
    )


def _nothing() -> None:
    """A callback makes this a trigger for Streamlit; nothing but the rerun itself is wanted."""
