"""Names that are spelled nearly like another: whoever erases somebody is asked whether these are the same person."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from curator.ingest.bars import Person
from db.people import folded
from db.tables import Contributor, Submission

ALIKE = 0.85  # share of two names' letters that are the same, in the same order
COMPARED = 60  # letters of a name, at most
LISTED = 20  # names that a sentence lists
# Letters that Unicode does not take apart into a letter and its accent.
PLAIN = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})


@dataclass(frozen=True)
class Near:
    """Somebody whose name is spelled nearly like one that was asked for."""

    name: str  # as it was spelled first
    photos: int


def is_near(one: str, other: str) -> bool:
    """Whether two names may be one person's: the same but for accents, punctuation and the order of words, or nearly so.

    Nearly: 85 % of their letters are the same. Numbers have to be equal, because they tell apart who is called by one.

    >>> is_near("Nora Quist", "quist, nora"), is_near("Nora Quist", "Nora Qvist"), is_near("person 1", "person 2")
    (True, True, False)
    """
    return _Wanted(one).is_near(other)


class _Wanted:
    """A name to which many others are compared."""

    def __init__(self, name: str) -> None:
        self._words = _words(name)
        self._numbers = _numbers(self._words)
        self._letters = SequenceMatcher(b=_letters(self._words), autojunk=False)

    def is_near(self, other: str) -> bool:
        words = _words(other)
        if sorted(words) == sorted(self._words):
            return True
        self._letters.set_seq1(_letters(words))
        # The first two never say less than the third, and cost next to nothing.
        alike = (self._letters.real_quick_ratio, self._letters.quick_ratio, self._letters.ratio)
        return all(ratio() >= ALIKE for ratio in alike) and _numbers(words) == self._numbers


def _words(name: str) -> list[str]:
    """The words of a name without case, accents and punctuation."""
    plain = folded(name).translate(PLAIN)
    letters = (letter for letter in unicodedata.normalize("NFKD", plain) if unicodedata.category(letter) != "Mn")
    return re.findall(r"[^\W_]+", "".join(letters))


def _letters(words: list[str]) -> str:
    return "".join(words)[:COMPARED]


def _numbers(words: list[str]) -> list[str]:
    return [number.lstrip("0") for word in words for number in re.findall(r"\d+", word)]


def subjects(session: Session) -> dict[str, list[str]]:
    """Every spelling of the people shown, by their folded names."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in session.scalars(select(Submission.subject).where(Submission.subject.is_not(None)).distinct()):
        if name is not None:
            found[folded(name)].append(name)
    return found


def named_nearly(session: Session, kind: Person, names: Collection[str]) -> list[Near]:
    """The contributors or the people shown who are called by one of these names or nearly so, those with most photos first."""
    wanted = [_Wanted(name) for name in names]
    everybody: Iterable[tuple[str, ColumnElement[bool]]]
    if kind == "contributor":
        rows = session.execute(select(Contributor.id, Contributor.name)).all()
        everybody = ((name, Submission.contributor_id == number) for number, name in rows)
    else:
        everybody = ((spelled[0], Submission.subject.in_(spelled)) for spelled in subjects(session).values())
    theirs = [(name, which) for name, which in everybody if any(each.is_near(name) for each in wanted)]
    counted = select(func.count()).select_from(Submission)
    found = [Near(name, session.scalar(counted.where(which)) or 0) for name, which in theirs]
    return sorted(found, key=lambda near: (-near.photos, near.name))


def in_words(near: Sequence[Near]) -> str:
    """The names with their numbers of photos, in a row.

    >>> in_words([Near("Nora Qvist", 3), Near("N\u00f3ra Quist", 1)])
    "'Nora Qvist' (3 photos), 'Nóra Quist' (1 photo)"
    """
    listed = [f"{one.name!r} ({one.photos:,} photo{'' if one.photos == 1 else 's'})" for one in near[:LISTED]]
    return ", ".join(listed) + (f" and {len(near) - LISTED:,} more" if len(near) > LISTED else "")
