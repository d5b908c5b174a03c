"""The painter: a photo, its mask, a brush, an eraser, and the server's clock."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from curator.app.components import TINT, component
from curator.app.guard import token_for
from db.tables import CROP_SIDE


def painter(
    reviewer: str,
    lead: bool,
    seconds: int,
    waiting: Sequence[dict[str, Any]],
    waits: int,
    done: Sequence[dict[str, Any]],
    show_more: Callable[[], None] | None,
) -> None:
    """Draw the painter with the next of all `waits` waiting masks and, below it, those that are done. It saves over our routes.

    It asks for a rerun (`ended`) when a touch-up is over and (`renew`) when its token has grown too old. Its button "Show more"
    calls `show_more` and reruns; without one, it has no such button.
    """
    component("painter")(
        key="painter",
        data={
            "reviewer": reviewer,
            "lead": lead,
            "token": token_for(reviewer),
            "seconds": seconds,
            "side": CROP_SIDE,
            "tint": TINT,
            "waiting": list(waiting),
            "waits": waits,
            "done": [{name: _plain(value) for name, value in item.items()} for item in done],
            "more": show_more is not None,
        },
        on_ended_change=_nothing,
        on_renew_change=_nothing,
        on_more_change=show_more or _nothing,
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _nothing() -> None:
    """A callback makes this a trigger for Streamlit; nothing but the rerun itself is wanted."""
