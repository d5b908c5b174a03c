"""The live part of the navigation: fresh counts, the jobs that run, and news of those that have ended."""

from curator.app.components import component
from curator.app.guard import token_for


def bar(title: str, reviewer: str) -> None:
    """Draw it for a reviewer on the page of that title. It asks `/api/navigation` itself, so that a refresh reruns nothing."""
    component("bar")(key="bar", data={"title": title, "token": token_for(reviewer)})
