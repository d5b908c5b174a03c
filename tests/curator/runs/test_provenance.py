"""The provenance of a run, in numbers without names."""

import dataclasses
from datetime import date

import pytest
from sqlalchemy import Engine, select, update

from curator.review.reviewers import reviewer_called
from curator.runs.provenance import Masks, masks_of_set, provenance
from db.errors import WinnowError
from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Contributor, Example, MaskOrigin, SetMember, Source, Split, Submission, TouchUp, TouchUpSave
from tests.conftest import FakeClock, on_both_servers
from tests.erasing import erase_contributor
from tests.examples import add_examples
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
    assert told.terms.licences == {"CC-BY-4.0": 4, "not recorded": 3}
    assert (told.contributors, told.anonymous, told.drawn, told.erased) == (2, 5, 0, 0)
    assert told.masks == {"train": Masks(3), "validation": Masks(2), "test": Masks(2)}
    assert (told.sources["selfies"], sum(told.sources.values())) == (3, 7)
    assert (told.best_epoch, told.epochs, told.settings["consistency"]) == (2, 3, 0.25)
    said = str(dataclasses.asdict(told))
    assert not any(word in said for word in ("Ada", "Bo ", "/home", "head-0"))


def test_consent_is_counted_without_anybodys_name(engine: Engine, run: int) -> None:
    with writing(engine) as session:
        first, second, third, *_ = session.scalars(select(Submission).order_by(Submission.id))
        first.consent_basis, first.consent_expires = "form of ada_byron", date(2026, 3, 1)
        second.subject, second.consent_basis, second.consent_expires = "Cy Twombly", "form, Cy Twombly", date(2026, 2, 1)
        third.consent_date, third.drawn = date(2026, 1, 1), False
        session.scalars(select(Submission).order_by(Submission.id.desc())).first().drawn = True
    with reading(engine) as session:
        told = provenance(session, run).terms
    assert told.consent == {"form of …": 1, "form, …": 1, "not stated": 1}
    assert list(told.ends.items()) == [(date(2026, 2, 1), 1), (date(2026, 3, 1), 1)]
    assert told.no_consent == 3


def test_an_erased_contributor_is_only_counted(
    engine: Engine, store: Store, settings: Settings, clock: FakeClock, run: int
) -> None:
    erase_contributor(engine, store, settings, "Ada Byron", "lea", clock())
    with reading(engine) as session:
        told = provenance(session, run)
    assert (told.erased, told.contributors, sum(told.terms.licences.values())) == (1, 1, 6)
    assert told.splits["train"] == 3  # its place in the set stays


@on_both_servers
def test_masks_are_counted_by_who_made_them_with_the_time_that_repairs_took(
    engine: Engine, store: Store, settings: Settings, clock: FakeClock
) -> None:
    """A repair is one of any split; the mask of somebody who was erased is of nobody."""
    with writing(engine) as session:
        numbers = [*add_examples(session, store, 2), *add_examples(session, store, 4, Split.test)]
        erased = session.get_one(Example, numbers[4])
        erased.submission.contributor = Contributor(name="Ada Byron")
        for number, seconds in ((numbers[1], 30.0), (numbers[2], 61.0), (numbers[3], 119.0), (numbers[4], 5.0)):
            touch_up = TouchUp(
                example_id=number, reviewer_id=1, mask_before_sha256="0" * 64, started_at=clock(), seconds_shown=120
            )
            saves = [(seconds - 1, False), (seconds, True)]
            touch_up.saves = [
                TouchUpSave(mask_after_sha256=f"{number}" * 64, seconds_used=used, finished=done, at=clock())
                for used, done in saves
            ]
            session.add_all([touch_up, reviewer_called(session, "ada")])
            session.flush()
        frozen = freeze_all(session, numbers, clock())
        session.execute(update(SetMember).where(SetMember.example_id == numbers[0]).values(mask_origin=MaskOrigin.refinement))
        partly = SetMember.example_id.in_([numbers[0], numbers[2], numbers[3], numbers[4]])
        session.execute(update(SetMember).where(partly).values(unknown_sha256="f" * 64))
    erase_contributor(engine, store, settings, "Ada Byron", "lea", clock())
    with reading(engine) as session:
        assert masks_of_set(session, frozen) == {
            "train": Masks(touch_up=1, refinement=1, seconds=30.0, median_seconds=30.0, unknown=1),
            "test": Masks(contributor=1, touch_up=2, seconds=180.0, median_seconds=90.0, unknown=2),
        }
        gone = session.scalars(select(SetMember).where(SetMember.example_id.is_(None))).one()
        assert (gone.mask_origin, gone.touch_up_save_id) == (MaskOrigin.touch_up, None)


def test_a_run_that_does_not_exist_is_refused_with_a_sentence(engine: Engine) -> None:
    with reading(engine) as session, pytest.raises(WinnowError, match=r"^There is no run 7\.$"):
        provenance(session, 7)
