"""What runs came to, as pages show it."""

import pytest
from sqlalchemy import Engine

from curator import results
from curator.reviewers import reviewer_called
from curator.sets import freeze
from curator.verdicts import Given, new_client_id, record
from db.session import reading, writing
from db.store import Store
from db.tables import Decision, Epoch, Job, JobState, Measure, Preview, Run, Split
from tests.conftest import FakeClock
from tests.examples import add_examples

SHA = "0" * 64
F1 = [0.9, None, 0.5, 0.7]


@pytest.fixture
def examples(engine: Engine, store: Store, clock: FakeClock) -> list[int]:
    """A run of two epochs, the first the best, with a report on four test examples."""
    with writing(engine) as session:
        examples = add_examples(session, store, 4, Split.test)
        reviewer = reviewer_called(session, "ada").id
        record(session, reviewer, [Given(one, Decision.keep, None, new_client_id()) for one in examples], clock())
        freeze(session, "", clock())
        job = Job(kind="fit", arguments=[], state=JobState.done, created_at=clock(), heartbeat_at=clock())
        run = Run(
            set_id=1, job=job, model="hairmattenet", settings={}, encoder="scratch", parameters=1, created_at=clock()
        )  # fmt: skip
        losses = dict.fromkeys(
            ["loss", "mask_loss", "consistency_loss", "validation_mask_loss", "validation_consistency_loss"], 0.5
        )
        run.epochs = [
            Epoch(number=number, validation_loss=loss, best=number == 1, seconds=1.0, at=clock(), **losses)
            for number, loss in ((1, 0.4), (2, 0.6))
        ]
        session.add(run)
        session.flush()
        session.add_all(Preview(run_id=1, epoch=number, example_id=examples[0], matte_sha256=SHA) for number in (1, 2))
        session.add_all(
            Measure(
                run_id=1, split=Split.test, refine="none", example_id=example, f1=f1, accuracy=0.5,
                mask_sha256=SHA, matte_sha256=SHA,
            )
            for example, f1 in zip(examples, F1, strict=True)
        )  # fmt: skip
    return examples


def test_a_run_is_told_in_one_line_with_its_best_epoch_and_a_start_from_scratch(engine: Engine, examples: list[int]) -> None:
    with reading(engine) as session:
        (run,) = results.runs(session)
        line = results.title(run)
        assert [row["validation"] for row in results.history(run)] == [0.4, 0.6]
    assert line == "Run 1 · hairmattenet · set 1 · 2 epochs, best 1 · from scratch, without ImageNet weights"


def test_previews_are_the_newest_epochs(engine: Engine, examples: list[int]) -> None:
    with reading(engine) as session:
        epoch, found = results.previews(session, 1)
        assert (epoch, [example.id for _, example in found]) == (2, examples[:1])
        assert results.previews(session, 99) == (0, [])


def test_averages_leave_out_images_that_have_no_value(engine: Engine, examples: list[int]) -> None:
    with reading(engine) as session:
        (row,) = results.summary(session, 1)
    assert (row["split"], row["images"]) == ("test", 4)
    assert row["f1"] == pytest.approx(0.7)  # (0.9 + 0.5 + 0.7) / 3
    assert row["iou"] is None


def test_examples_come_best_first_and_those_without_hair_last(engine: Engine, examples: list[int]) -> None:
    with reading(engine) as session:
        found = results.examples(session, 1, Split.test)
    assert [one.example for one in found] == [examples[0], examples[3], examples[2], examples[1]]


def test_try_on_offers_faces_that_the_run_never_learned_from(engine: Engine, examples: list[int]) -> None:
    with reading(engine) as session:
        assert [one.id for one in results.tryon_examples(session, 1)] == examples
