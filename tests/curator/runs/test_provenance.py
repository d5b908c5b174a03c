"""The provenance of a run, in numbers without names."""

import dataclasses

import pytest
from sqlalchemy import Engine, select

from curator.runs.provenance import provenance
from curator.upkeep.erase import erase_contributor
from db.errors import WinnowError
from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Contributor, Example, Source, Split, Submission
from tests.conftest import FakeClock
from tests.examples import add_examples, drawn_mask, png
from tests.trained import add_run, freeze_all


@pytest.fixture
def run(engine: Engine, store: Store, clock: FakeClock) -> int:
    """A run on 3 training, 2 validation and 2 test examples: two contributors, one licence, a source in somebody's folder."""
    with writing(engine) as session:
        examples = [
            number
            for split, count in zip(Split, (3, 2, 2), strict=True)
            for number in add_examples(session, store, count, split)
        ]
        session.scalars(select(Source)).first().location = "/home/ada/selfies"
        people = [Contributor(name="Ada Byron"), Contributor(name="Bo Diddley")]
        session.add_all(people)
        for at, submission in enumerate(session.scalars(select(Submission).order_by(Submission.id))):
            submission.drawn = False
            submission.licence = "CC-BY-4.0" if at < 4 else None
            submission.contributor = people[at] if at < 2 else None
        return add_run(session, store, freeze_all(session, examples, clock()), clock(), consistency=0.25)


def test_provenance_counts_sources_licences_and_contributors(engine: Engine, run: int) -> None:
    with reading(engine) as session:
        told = provenance(session, run)
    assert told.splits == {"train": 3, "validation": 2, "test": 2}
    assert told.licences == {"CC-BY-4.0": 4, "not recorded": 3}
    assert (told.contributors, told.anonymous, told.drawn, told.erased, told.touched_up) == (2, 5, 0, 0, 0)
    assert (told.sources["selfies"], sum(told.sources.values())) == (3, 7)
    assert (told.best_epoch, told.epochs, told.settings["consistency"]) == (2, 3, 0.25)
    said = str(dataclasses.asdict(told))
    assert not any(word in said for word in ("Ada", "Bo ", "/home", "head-0"))


def test_an_erased_contributor_is_only_counted(
    engine: Engine, store: Store, settings: Settings, clock: FakeClock, run: int
) -> None:
    erase_contributor(engine, store, settings, "Ada Byron", "lea", clock())
    with reading(engine) as session:
        told = provenance(session, run)
    assert (told.erased, told.contributors, sum(told.licences.values())) == (1, 1, 6)
    assert told.splits["train"] == 3  # its place in the set stays


def test_a_test_mask_that_is_not_its_examples_own_was_touched_up(
    engine: Engine, store: Store, clock: FakeClock, run: int
) -> None:
    with writing(engine) as session:
        repaired = store.put(png(drawn_mask(3)))
        session.scalars(select(Example).where(Example.split == Split.test)).first().mask_sha256 = repaired
    with reading(engine) as session:
        assert provenance(session, run).touched_up == 1


def test_a_run_that_does_not_exist_is_refused_with_a_sentence(engine: Engine) -> None:
    with reading(engine) as session, pytest.raises(WinnowError, match=r"^There is no run 7\.$"):
        provenance(session, 7)
