"""The tray of photos without a face: a person draws the crop or discards the photo, over our HTTP routes."""

from curator.app.components import TINT, component
from curator.app.guard import token_for
from curator.ingest.aside import MAX_CROP_SIDES, MIN_CROP_SIDE


def aside(reviewer: str) -> None:
    """Draw the tray for a reviewer. It fetches its photos itself; a rerun of the page leaves it as it is."""
    component("aside")(
        key="aside",
        data={
            "reviewer": reviewer,
            "token": token_for(reviewer),
            "tint": TINT,
            "limits": {"least": MIN_CROP_SIDE, "most": MAX_CROP_SIDES},
        },
        on_renew_change=_nothing,
    )


def _nothing() -> None:
    """A callback makes this a trigger for Streamlit; nothing but the rerun itself is wanted."""
