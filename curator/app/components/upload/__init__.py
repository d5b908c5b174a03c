"""The place to drop a folder, files or a zip: sent to our own routes in pieces, on after a reload or a lost connection."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from curator.app.components import component
from curator.app.guard import token_for
from curator.ingest.uploads import SentFile

KEY = "upload"


@dataclass(frozen=True)
class Arrived:
    """A file that is here completely, and the name that its page gave this upload."""

    id: str
    file: SentFile


def upload(reviewer: str, most: int, files: int, heard: Arrived | None, *, waits: bool, on_arrival: Callable[[], None]) -> None:
    """Draw the place for a reviewer's uploads of at most `most` bytes and `files` files. A rerun leaves it as it is.

    `on_arrival` is called before the page reruns because a file is here; it finds the file with `arrived`. `heard` is the one
    that the page heard of last; as long as somebody may ingest it, it `waits`, and the place shows it.
    """
    component("upload")(
        key=KEY,
        data={
            "reviewer": reviewer,
            "token": token_for(reviewer),
            "most": most,
            "files": files,
            "heard": None if heard is None else {"id": heard.id, "waits": waits},
        },
        on_whole_change=on_arrival,
        on_renew_change=_nothing,
    )


def arrived() -> Arrived | None:
    """The file that the browser says is here. It is a stranger's word: `claim` looks whether it is true."""
    told = st.session_state[KEY].get("whole")
    try:
        return Arrived(str(told["id"])[:64], SentFile(str(told["name"])[:1000], int(told["size"]), int(told["modified"])))
    except (TypeError, KeyError, ValueError, OverflowError):
        return None


def _nothing() -> None:
    """A callback makes this a trigger for Streamlit; nothing but the rerun itself is wanted."""
