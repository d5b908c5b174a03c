"""How long a training will take, before it begins."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from curator.runs.forecast import Took, Work, forecast, took
from curator.runs.results import runs
from db.session import reading, writing
from db.store import Store
from db.tables import Split
from tests.conftest import FakeClock
from tests.examples import add_examples
from tests.trained import add_run, freeze_all

WORK = Work("hairmattenet", 224, train=100, validation=50)
FIRST = Took(3, WORK, seconds=60.0)


def test_without_an_earlier_run_it_is_a_guess_from_what_was_measured_elsewhere() -> None:
    found = forecast(WORK, [])
    # a step of four takes 330.5 ms; 200 images with their mirror images, and 100 that are validated on for .28 of the time
    assert found.epoch.total_seconds() == pytest.approx(0.3305 / 4 * (200 + 0.28 * 100))
    assert found.because.startswith("a guess")


def test_a_run_of_the_same_network_and_size_counts_by_its_examples() -> None:
    found = forecast(replace(WORK, train=200, validation=100), [replace(FIRST, work=replace(WORK, size=128)), FIRST])
    assert (found.epoch, found.because) == (timedelta(minutes=2), "from what run 3 took")


def test_another_size_or_network_counts_by_what_it_costs_elsewhere() -> None:
    smaller = forecast(replace(WORK, size=112), [FIRST])
    assert (smaller.epoch, smaller.because) == (
        timedelta(seconds=15),  # a quarter of the pixels
        "roughly, scaled from run 3, which had another input size",
    )
    other = forecast(replace(WORK, model="hairsegnet"), [FIRST])
    assert other.epoch.total_seconds() == pytest.approx(60 * 694 / 330.5)
    assert other.because == "roughly, scaled from run 3, which had another network"


def test_what_runs_took_is_the_median_of_their_epochs(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 3, Split.train) + add_examples(session, store, 2, Split.validation)
        add_run(session, store, freeze_all(session, examples, clock()), clock(), size=128)
        for number, epoch in enumerate(runs(session)[0].epochs):
            epoch.seconds = 10.0 * (number + 1)
    with reading(engine) as session:
        assert took(runs(session), {1: (3, 2)}) == [Took(1, Work("hairmattenet", 128, 3, 2), 20.0)]
