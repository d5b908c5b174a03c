"""What a set holds by split, whether a training can use it, and where it holds too little: told before anybody trains on it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from math import sqrt
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from curator.consent import Consent, stands
from curator.plural import pluralise
from curator.review.current_mask import current_mask_columns, with_current_mask
from curator.review.standing import approved
from db.tables import Example, MaskOrigin, SetMember, Split, Submission

# A tenth of LFW Parts' 1,500, which the figures of docs/results.md are trained on: with fewer, they are no guide to the result.
FEW_TO_LEARN_FROM = 150
# As in a model card. With fewer, the mean F1 of the report is known to half a tenth at best.
FEW_TO_MEASURE = 100
F1_SPREAD = 0.22  # standard deviation of F1 over photos: docs/results.md has .807 (.778 to .833) over 250


@dataclass(frozen=True)
class Holdings:
    """How many examples of each split a set holds, and how many of its test masks are as their contributors painted them."""

    examples: dict[Split, int]
    untouched: int


def approved_holdings(session: Session, today: date) -> Holdings:
    """What a set would hold that were frozen now: the approved examples but for those whose consent has ended by `today`."""
    _, origin, _ = current_mask_columns()
    usable = (
        with_current_mask(approved())
        .with_only_columns(Example.split, origin.label("origin"))
        .join(Submission, Submission.id == Example.submission_id)
        .where(case((stands(Consent.ended, today), 1), else_=0) == 0)  # where nothing is recorded, the condition is NULL
        .order_by(None)
        .subquery()
    )
    kinds = (usable.c.split, usable.c.origin)
    return _holdings(session.execute(select(*kinds, func.count()).group_by(*kinds)))


def set_holdings(session: Session, number: int) -> Holdings:
    """What a curated set holds, without what was erased since."""
    kinds = (SetMember.split, SetMember.mask_origin)
    wanted = select(*kinds, func.count()).where(SetMember.set_id == number, SetMember.example_id.is_not(None))
    return _holdings(session.execute(wanted.group_by(*kinds)))


def _holdings(rows: Iterable[Any]) -> Holdings:
    """From rows of a split, the origin of its masks, and their number."""
    examples = dict.fromkeys(Split, 0)
    untouched = 0
    for split, origin, count in rows:
        examples[split] += count
        untouched += count if (split, origin) == (Split.test, MaskOrigin.contributor) else 0
    return Holdings(examples, untouched)


def why_not_train(held: Holdings) -> str | None:
    """Why nobody can train on such a set, in a sentence for people; None if one can."""
    if not any(held.examples.values()):
        return "It holds no example that may be used."
    if not held.examples[Split.train]:
        return "It holds no training example, so there is nothing to learn from."
    if not held.examples[Split.validation]:
        return "It holds no validation example, by which the best epoch is chosen."
    return None


def cautions(held: Holdings) -> list[str]:
    """What of a set is too little for a good run, or for a report that says much: a sentence each.

    >>> cautions(Holdings({Split.train: 200, Split.validation: 100, Split.test: 100}, untouched=0))
    []
    """
    train, validation, test = (held.examples[split] for split in (Split.train, Split.validation, Split.test))
    told = []
    if 0 < train < FEW_TO_LEARN_FROM:
        told.append(f"{pluralise(train, 'training example')}: enough for a try. The figures in our docs come from 1,500.")
    if 0 < validation < FEW_TO_MEASURE:
        told.append(
            f"{pluralise(validation, 'validation example')}: the best epoch is chosen by {_their(validation)} mean F1, which "
            f"is known to ± {_half_interval(validation):.2f} only."
        )
    if not test:
        told.append("No test examples: the run is measured on those by which its best epoch is chosen, which flatters it.")
    elif test < FEW_TO_MEASURE:
        told.append(f"{pluralise(test, 'test example')}: the report’s F1 will be known to ± {_half_interval(test):.2f} only.")
    if held.untouched:
        told.append(
            f"{pluralise(held.untouched, 'test mask')} not touched up: a matte that is finer than its mask scores lower for it."
        )
    return told


def _half_interval(examples: int) -> float:
    """Half the 95 % interval of a mean F1 over so many examples."""
    return 1.96 * F1_SPREAD / sqrt(examples)


def _their(number: int) -> str:
    return "its" if number == 1 else "their"
