"""The consent to use a photo, as its source states it: how it stands on a day, in words and as SQL conditions.

A portrait that Winnow drew shows nobody, so it needs no consent: it is not counted among those without.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from db.people import folded
from db.tables import CONSENT_RECORDED, Example, SetMember, Submission

SOON = timedelta(days=30)
NOT_RECORDED = "not recorded"
NOT_STATED = "not stated"  # what a recorded consent rests on
OTHERS = "others"
MOST_BASES = 20  # that are counted apart: a source may number its forms


class Consent(StrEnum):
    """How a photo's consent stands on a day. What ends soon is recorded, too; the other three exclude each other."""

    recorded = "recorded"
    none = "none"
    ends_soon = "ends-soon"
    ended = "ended"


@dataclass(frozen=True)
class Terms:
    """On what terms a photo may be used. `expires` is the last day; None is what the source does not say."""

    licence: str | None
    basis: str | None
    given: date | None
    expires: date | None
    drawn: bool

    @property
    def recorded(self) -> bool:
        """Whether the source says anything about consent."""
        return (self.basis, self.given, self.expires) != (None, None, None)


TERMS = (
    Submission.licence,
    Submission.consent_basis,
    Submission.consent_date,
    Submission.consent_expires,
    Submission.drawn,
)  # the columns of `Terms`, in its order


def terms_in_words(terms: Terms, today: date, *, lead: bool) -> str:
    """One line about consent and licence; empty if neither is recorded. Only a lead reads the basis, which may name people.

    What matters most comes first: a narrow page cuts the line off.

    >>> terms_in_words(Terms("CC0", "form 7", None, date(2028, 2, 29), False), date(2026, 1, 1), lead=True)
    'Consent ends on 2028-02-29 · licence CC0 · form 7'
    """
    words = []
    if terms.expires is not None:
        words.append(f"Consent {'ended' if terms.expires < today else 'ends'} on {terms.expires}")
    elif terms.recorded:
        words.append("Consent recorded")
    elif terms.licence and not terms.drawn:
        words.append("No consent recorded")
    if terms.licence:
        words.append(f"{'licence' if words else 'Licence'} {terms.licence}")
    if lead and terms.basis:
        words.append(terms.basis)
    if lead and terms.given:
        words.append(f"given on {terms.given}")
    return " · ".join(words)


@dataclass(frozen=True)
class TermsCounts:
    """How many photos may be used on which terms: for a set, an export, a run."""

    licences: dict[str, int]
    consent: dict[str, int]  # those with recorded consent, by what it rests on; the rarest together
    ends: dict[date, int]  # those whose consent ends, by the last day, the earliest first
    no_consent: int  # those of people without recorded consent

    @property
    def recorded(self) -> int:
        """The photos with recorded consent."""
        return sum(self.consent.values())

    def ended(self, today: date) -> int:
        """The photos whose consent has ended before that day."""
        return sum(number for last, number in self.ends.items() if last < today)


def count_terms(found: Iterable[Terms]) -> TermsCounts:
    """Count photos by their terms, the most frequent first."""
    licences, bases, ends, no_consent = Counter[str](), Counter[str](), Counter[date](), 0
    for terms in found:
        licences[terms.licence or NOT_RECORDED] += 1
        no_consent += not (terms.recorded or terms.drawn)
        if terms.recorded:
            bases[terms.basis or NOT_STATED] += 1
        if terms.expires is not None:
            ends[terms.expires] += 1
    consent = dict(bases.most_common(MOST_BASES))
    if rest := bases.total() - sum(consent.values()):
        consent[OTHERS] = consent.get(OTHERS, 0) + rest
    return TermsCounts(dict(licences.most_common()), consent, dict(sorted(ends.items())), no_consent)


def ended_in_words(photos: int) -> str:
    """The warning about photos whose consent has ended, and what to do."""
    return f"The consent to use {photos:,} photo{'' if photos == 1 else 's'} has ended: `winnow expire --erase` erases them."


def without_names(basis: str | None, *names: str | None) -> str | None:
    """What a consent rests on without these people's names, whatever their spelling and however their words are joined.

    This is for what leaves the house.

    >>> without_names("form of nora_quist", "Nora Quist", None)
    'form of …'
    """
    plain = unicodedata.normalize("NFKC", basis or "")
    without = plain
    for spelling in (each for name in names if name for each in (unicodedata.normalize("NFKC", name), folded(name))):
        if words := re.findall(r"[^\W_]+", spelling):
            joined = r"[\W_]*".join(map(re.escape, words))
            without = re.sub(rf"(?<![^\W_]){joined}(?![^\W_])", "…", without, flags=re.IGNORECASE)
    return basis if without == plain else without


# --- conditions on a `Submission` ------------------------------------------------------------------------------------


def stands(consent: Consent, today: date) -> ColumnElement[bool]:
    """The SQL condition that a submission's consent stands so on that day. All but `none` are looked up in an index."""
    expires = Submission.consent_expires
    conditions = {
        Consent.recorded: and_(CONSENT_RECORDED, or_(expires.is_(None), expires >= today)),
        Consent.none: and_(~CONSENT_RECORDED, Submission.drawn.is_(False)),
        Consent.ends_soon: and_(CONSENT_RECORDED, expires >= today, expires <= today + SOON),
        Consent.ended: and_(CONSENT_RECORDED, expires < today),
    }
    return conditions[consent]


def any_recorded(session: Session) -> bool:
    """Whether the consent of any submission is recorded."""
    return session.scalar(select(Submission.id).where(CONSENT_RECORDED).limit(1)) is not None


@dataclass(frozen=True)
class ConsentCounts:
    """How many submissions' consent stands how. The fields are keys of `status --json`.

    `recorded` includes those that end within thirty days. Drawn portraits without consent are not counted.
    """

    recorded: int
    none: int
    ended: int
    ends_in_30_days: int


def consent_counts(session: Session, today: date) -> ConsentCounts:
    """Count the submissions by their consent. Costs as much as there is consent recorded, but for `none`."""

    def number(*which: ColumnElement[bool]) -> int:
        return session.scalar(select(func.count()).select_from(Submission).where(*which)) or 0

    return ConsentCounts(
        recorded=number(stands(Consent.recorded, today)),
        none=number(Submission.drawn.is_(False)) - number(CONSENT_RECORDED, Submission.drawn.is_(False)),
        ended=count_ended(session, today),
        ends_in_30_days=number(stands(Consent.ends_soon, today)),
    )


def count_ended(session: Session, today: date) -> int:
    """How many submissions' consent has ended; costs as much as they are many."""
    ended = select(func.count()).select_from(Submission).where(stands(Consent.ended, today))
    return session.scalar(ended) or 0


def ended_in_sets(session: Session, today: date) -> dict[int, int]:
    """How many members of each curated set are of photos whose consent has ended; without the sets that have none."""
    rows = (
        select(SetMember.set_id, func.count())
        .join(Example, Example.id == SetMember.example_id)
        .join(Submission, Submission.id == Example.submission_id)
        .where(stands(Consent.ended, today))
        .group_by(SetMember.set_id)
    )
    return dict(session.execute(rows).all())
