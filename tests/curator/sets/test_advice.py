"""What a set holds is told before anybody trains on it, and what of it is too little."""

from datetime import date

import pytest
from sqlalchemy import Engine, update

from curator.sets.advice import Holdings, approved_holdings, cautions, set_holdings, why_not_train
from db.session import reading, writing
from db.store import Store
from db.tables import Example, MaskOrigin, SetMember, Split, Submission
from tests.conftest import FakeClock
from tests.examples import add_examples
from tests.trained import freeze_all


def holdings(train: int, validation: int, test: int, untouched: int = 0) -> Holdings:
    return Holdings({Split.train: train, Split.validation: validation, Split.test: test}, untouched)


def test_a_set_that_is_large_and_touched_up_needs_no_caution() -> None:
    assert cautions(holdings(1500, 500, 500)) == []


def test_what_is_too_little_is_told_with_what_it_means() -> None:
    assert cautions(holdings(38, 25, 16, untouched=12)) == [
        "38 training examples: enough for a try. The figures in our docs come from 1,500.",
        "25 validation examples: the best epoch is chosen by their mean F1, which is known to ± 0.09 only.",
        "16 test examples: the report’s F1 will be known to ± 0.11 only.",  # 1.96 x .22 / 4
        "12 test masks not touched up: a matte that is finer than its mask scores lower for it.",
    ]
    (only,) = cautions(holdings(1500, 500, 0))
    assert only.startswith("No test examples: the run is measured on those by which its best epoch is chosen")


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (holdings(1, 1, 0), None),
        (holdings(0, 0, 0), "It holds no example that may be used."),
        (holdings(0, 9, 9), "It holds no training example"),
        (holdings(9, 0, 9), "It holds no validation example"),
    ],
)
def test_nobody_can_train_without_training_and_validation_examples(held: Holdings, why: str | None) -> None:
    found = why_not_train(held)
    assert found is None if why is None else found is not None and found.startswith(why)


def test_what_is_approved_holds_what_a_set_of_it_holds(engine: Engine, store: Store, clock: FakeClock) -> None:
    today = clock().date()
    with writing(engine) as session:
        examples = add_examples(session, store, 3, Split.train) + add_examples(session, store, 4, Split.test)
        number = freeze_all(session, examples, clock())
    with reading(engine) as session:
        assert approved_holdings(session, today) == set_holdings(session, number) == holdings(3, 0, 4, untouched=4)
    with writing(engine) as session:
        ended = {"consent_basis": "form", "consent_expires": date(2001, 1, 1)}
        submission = session.get_one(Example, examples[0]).submission_id
        session.execute(update(Submission).where(Submission.id == submission).values(ended))
        session.execute(update(SetMember).where(SetMember.example_id == examples[3]).values(mask_origin=MaskOrigin.refinement))
        session.execute(update(SetMember).where(SetMember.example_id == examples[4]).values(example_id=None))  # erased
    with reading(engine) as session:
        assert approved_holdings(session, today) == holdings(2, 0, 4, untouched=4)
        assert set_holdings(session, number) == holdings(3, 0, 3, untouched=2)
