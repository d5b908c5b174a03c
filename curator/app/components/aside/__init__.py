"""The tray of photos without a face: a person draws the square that is the crop, or discards; over our HTTP routes."""

from curator.app.components import component
from curator.app.guard import token_for


def aside(reviewer: str) -> None:
    """Draw the tray for a reviewer. It fetches its photos itself; a rerun of the page leaves it as it is."""
    component("aside")(
        key="aside",
        data={"reviewer": reviewer, "token": token_for(reviewer)},
        on_renew_change=_nothing,
    )


def _nothing() -> None:
    """Streamlit makes a trigger of what has a callback; the rerun itself is all that is wanted."""
