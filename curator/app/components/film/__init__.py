"""The film strip: a run's validation examples, one row each, and their mattes, one column per epoch; each can be enlarged."""

from dataclasses import asdict

from curator.app.components import component
from curator.runs.film import Strip


def film(run: int, strip: Strip) -> None:
    """Draw the strip of a run, the newest epoch in view; a rerun with more epochs adds them and leaves the rest as it is."""
    component("film")(key=f"film-{run}", data=asdict(strip))
