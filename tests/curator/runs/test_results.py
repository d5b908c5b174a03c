"""The results of runs, as pages show them."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, update

from curator.runs import results
from curator.runs.results import ReportRow
from db.session import reading, writing
from db.store import Store
from db.tables import Measure, Run, Source, Split
from tests.conftest import FakeClock
from tests.examples import add_examples
from tests.trained import add_run, freeze_all
from trainer.measures import MEASURES

F1, *_, GRADIENT = MEASURES


@pytest.fixture
def examples(engine: Engine, store: Store, clock: FakeClock) -> list[int]:
    """A run of three epochs, the second the best, with reports on two validation and four test examples."""
    with writing(engine) as session:
        examples = add_examples(session, store, 2, Split.validation) + add_examples(session, store, 4, Split.test)
        add_run(session, store, freeze_all(session, examples, clock()), clock(), encoder="scratch")
    return examples


def only_run(engine: Engine) -> Run:
    with reading(engine) as session:
        (run,) = results.runs(session)
    return run


def test_the_title_of_a_run_has_its_best_epoch_and_a_start_from_scratch(engine: Engine, examples: list[int]) -> None:
    line = results.title(only_run(engine))
    assert line == "Run 1 · hairmattenet · set 1 · 3 epochs, best 2 · from scratch, without ImageNet weights"


def test_a_curve_has_two_rows_an_epoch(engine: Engine, examples: list[int]) -> None:
    rows = results.curve(only_run(engine), "mask_loss")
    assert [(row["epoch"], row["examples"]) for row in rows[:3]] == [(1, "training"), (1, "validation"), (2, "training")]
    assert [row["value"] for row in rows[:2]] == pytest.approx([0.4, 0.5])  # tests.trained: 0.8 x 1/2, 1/2


# --- reports ----------------------------------------------------------------------------------------------------------


def test_reports_are_named_by_split_and_refinement_in_order(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        add_run(session, store, 1, clock(), refine="superpixel")
        session.execute(update(Measure).where(Measure.run_id == 2).values(run_id=1))
    with reading(engine) as session:
        assert results.reports(session, 1) == {
            Split.validation: ["none", "superpixel"],
            Split.test: ["none", "superpixel"],
        }
        assert results.reports(session, 2) == {}


def test_a_run_can_be_measured_on_the_splits_of_its_set_that_it_did_not_learn_from(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        more = add_examples(session, store, 2, Split.train)
        add_run(session, store, freeze_all(session, more, clock()), clock())
    with reading(engine) as session:
        assert results.held_out_splits(session, 1) == results.held_out_splits(session, 2) == [Split.validation, Split.test]
        assert results.held_out_splits(session, 99) == []


def test_examples_come_by_split_and_number_with_all_that_was_measured(engine: Engine, examples: list[int]) -> None:
    with reading(engine) as session:
        found = results.examples(session, 1)
        only = results.examples(session, 1, Split.test, "none")
    assert [one.example for one in found] == examples
    assert [one.example for one in only] == examples[2:]
    assert {"f1", "leak", "sad", "class_accuracy", "hair_share", "hair_brightness"} <= set(only[0].values)
    assert only[1].values["f1"] == pytest.approx(0.54)  # tests.trained: 0.5 + 0.04 k


def test_the_headline_report_is_the_test_report_or_else_the_validation_report(engine: Engine, examples: list[int]) -> None:
    with reading(engine) as session:
        found = results.examples(session, 1)
    assert {one.split for one in results.headline_rows(found)} == {Split.test}
    assert {one.split for one in results.headline_rows(found[:2])} == {Split.validation}
    assert results.headline_rows([]) == []


def seen(example: int, **values: float | None) -> ReportRow:
    return ReportRow(example, "a.jpg", "set.zip", Split.test, "none", "image", "mask", "matte", values)


def test_best_first_follows_the_measures_own_direction_and_leaves_out_who_has_no_value() -> None:
    found = [
        seen(1, f1=0.5, gradient_consistency=0.1),
        seen(2, f1=None, gradient_consistency=0.3),
        seen(3, f1=0.9, gradient_consistency=0.2),
        seen(4, f1=0.9, gradient_consistency=None),
    ]
    assert [one.example for one in results.best_first(found, F1)] == [3, 4, 1]
    assert [one.example for one in results.best_first(found, GRADIENT)] == [1, 3, 2]


def test_a_report_is_old_without_errors_of_alpha_or_with_those_of_another_size() -> None:
    assert not results.is_old([])
    assert not results.is_old([seen(1, sad=1.5), seen(2, sad=None)])
    assert results.is_old([seen(1, sad=None), seen(2, sad=None)])
    assert results.is_old([replace(seen(1, sad=1.5), alpha_side=224)])


def test_a_source_is_named_by_its_last_part_with_its_number_if_two_are_the_same(engine: Engine, clock: FakeClock) -> None:
    places = ["/home/ada/photos/", "C:\\photos\\set.zip", "drawn, seed 0", "/srv/photos", "/"]
    with writing(engine) as session:
        session.add_all(Source(adapter="folder", location=place, added_at=clock()) for place in places)
    with reading(engine) as session:
        names = results.source_names(session)
    assert list(names.values()) == ["photos (source 1)", "set.zip", "drawn, seed 0", "photos (source 4)", "/"]


def test_try_on_offers_faces_that_the_run_never_learned_from_test_first(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        later = add_examples(session, store, 2, Split.test) + add_examples(session, store, 1, Split.train)
        add_run(session, store, freeze_all(session, later, clock()), clock())
    with reading(engine) as session:
        validation, test = examples[:2], examples[2:]
        assert [one.id for one in results.tryon_examples(session, 1)] == [*test, *validation]
        assert [one.id for one in results.tryon_examples(session, 2)] == [*test, *later[:2], *validation]
