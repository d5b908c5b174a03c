"""The film strip: which epochs have a column, and whose mattes are in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from curator.runs.film import film_strip, shown_epochs
from db.session import reading, writing
from db.store import Store
from db.tables import Preview, Split
from tests.conftest import FakeClock
from tests.examples import add_examples
from tests.trained import add_run, freeze_all


@given(st.integers(1, 3000), st.integers(2, 60), st.data())
def test_a_long_strip_keeps_first_best_and_newest_and_stays_about_as_long_as_it_may(
    epochs: int, limit: int, data: st.DataObject
) -> None:
    best = data.draw(st.integers(1, epochs))
    columns = shown_epochs(range(1, epochs + 1), best, limit)
    assert columns == sorted(set(columns))
    assert {1, best, epochs} <= set(columns)
    assert len(columns) <= limit + 3  # the three above come on top
    assert epochs > limit or columns == list(range(1, epochs + 1))


def test_of_fifty_epochs_every_second_is_shown() -> None:
    assert shown_epochs(range(1, 51), 47) == [1, *range(2, 47, 2), 47, 48, 50]  # 50 / 2 fits into 40 columns


def test_a_strip_has_eight_rows_in_the_sets_order_and_a_matte_for_each_epoch(
    engine: Engine, store: Store, clock: FakeClock
) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 2, Split.train) + add_examples(session, store, 9, Split.validation)
        run = add_run(session, store, freeze_all(session, examples, clock()), clock(), epochs=4)
    with reading(engine) as session:
        made = film_strip(session, run)
    assert (made.epochs, made.best) == ([1, 2, 3, 4], 3)
    assert [row.example for row in made.rows] == examples[2:10]
    mattes = [sha256 for row in made.rows for sha256 in row.mattes]
    assert len(set(mattes)) == 8 * 4
    assert None not in mattes


def test_a_matte_that_is_gone_leaves_its_place_empty(engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 1, Split.validation)
        run = add_run(session, store, freeze_all(session, examples, clock()), clock(), epochs=3)
        session.execute(delete(Preview).where(Preview.epoch == 2))
    with reading(engine) as session:
        (row,) = film_strip(session, run).rows
    assert [matte is None for matte in row.mattes] == [False, True, False]


@pytest.mark.parametrize("run", [1, 99])
def test_a_run_without_an_epoch_has_an_empty_strip(run: int, engine: Engine, store: Store, clock: FakeClock) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 1, Split.validation)
        add_run(session, store, freeze_all(session, examples, clock()), clock(), epochs=0)
    with reading(engine) as session:
        made = film_strip(session, run)
    assert (made.epochs, made.best, made.rows) == ([], None, [])
