"""The words that identify somebody who is erased: what they look like, and which columns of the schema may hold them.

The columns are read from the schema, so that no erasure forgets a new table: every text that can be longer than a name of ours
(`mask_origin`, `coreml`, a sha256), and every JSON value, but for the few that are listed here with their reason.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import JSON, Column, Engine, Enum, String, Table, UniqueConstraint, and_, delete, select, update
from sqlalchemy.orm import Session

from db.session import in_batches, reading, writing
from db.tables import (
    Base,
    Contributor,
    Erasure,
    Event,
    Export,
    Job,
    Proof,
    Refusal,
    Remark,
    Reviewer,
    Run,
    Source,
    Submission,
    Suspicion,
)

REPLACEMENT = "(erased)"
VOCABULARY = 64  # characters; a shorter text column holds a word of ours or a hash
CHUNK = 100  # rows that are redacted in a transaction
STEP = 1000  # rows or words that are searched before others hear of it, and may stop it
JOINT = r"(?:[\s_.+-]|%20)+"  # what may stand between the words of a name

Strike = Callable[[str], str]  # replaces words in a text
OnStep = Callable[[], None]
T = TypeVar("T")

# Names of people. Somebody else may be called alike, so these are reported, never redacted.
NAMES_OF_PEOPLE = (Contributor.name, Submission.subject, Reviewer.name, Event.who, Job.started_by)
# Written by Winnow alone, from no word of a source. A run is resumed by its settings, a file found by its path.
WORDS_OF_OURS = (Source.meaning, Run.settings, Export.file, Export.parts, Proof.differs_at, Suspicion.reasons, Erasure.task)
# Of others' photos: only a person's name is redacted there, because photos of many people are called IMG_0001.jpg.
OF_OTHERS = (Submission, Remark)


def _no_report() -> None:
    pass


@dataclass(frozen=True)
class Words:
    """Where somebody is named: by their names, and by the names of their photos, each with the number of its source."""

    names: tuple[str, ...]
    photos: frozenset[tuple[int, str]] = frozenset()

    @cached_property
    def telling(self) -> tuple[str, ...]:
        """The names that identify somebody; a single letter or a number does not."""
        return tuple(name for name in self.names if re.search(r"[^\W\d]{2}", name))

    @cached_property
    def person(self) -> re.Pattern[str]:
        """Matches the names, however their words are joined: whole words only."""
        return re.compile(rf"{_START}(?:{self._joined()}){_END}(?:\.\w+)?", re.IGNORECASE)

    @cached_property
    def person_anywhere(self) -> re.Pattern[str]:
        """Matches the names also inside longer words, as in a database's file, where texts stand side by side."""
        return re.compile(self._joined(), re.IGNORECASE)

    def without_person(self, text: str) -> str:
        """A text with every match of `person` replaced."""
        return self.person.sub(REPLACEMENT, text)

    def struck(self, text: str, on_words: OnStep = _no_report) -> str:
        """A text with the names, and the names of the photos with any extension, replaced; whole words only.

        `on_words` is called every thousand words, and may raise an exception to stop.

        It may strike a file of a namesake too: too much is redacted then, never too little. A bare number ("0001") or a plain
        word ("photo") would match everybody: it counts only with its folder, the word also with an extension.
        """
        return self.without_person(self._photo_names.struck(text, on_words))

    @cached_property
    def _photo_names(self) -> "_FileNames":
        files = [PurePosixPath(name) for _, name in self.photos]
        stems = {file.stem for file in files if re.search(r"[^\W\d]{2}", file.stem)}
        paths = {str(file.with_suffix("")) for file in files if len(file.parts) > 1}
        with_extension = {stem for stem in stems if not re.search(r"\d|[\s_-]", stem)}
        return _FileNames(paths | (stems - with_extension), with_extension - paths)

    def _joined(self) -> str:
        spelled = {
            each: [word for word in re.split(r"[\s_.-]+", each) if word]
            for name in self.telling
            for form in ("NFC", "NFD")
            for each in [unicodedata.normalize(form, name)]
        }
        return (
            "|".join(
                JOINT.join(_in_any_code(word) for word in words) for _, words in sorted(spelled.items(), key=_longest_first)
            )
            or _NOTHING
        )


class _FileNames:
    """Many names of files, found in a text by looking up its words: an alternation of them all would take minutes a megabyte.

    `alone` are found as whole words with any extension or none, `with_extension` only with one. Lengths are in characters.
    """

    def __init__(self, alone: Iterable[str], with_extension: Iterable[str]) -> None:
        self._alone = {name.casefold() for name in alone}
        self._with_extension = {name.casefold() for name in with_extension}
        # By the first word of a name: where that is in the name, and how long the name is.
        places: dict[str, set[tuple[int, int]]] = {}
        for name in (*alone, *with_extension):
            if first := _WORD.search(name):
                places.setdefault(first[0].casefold(), set()).add((first.start(), len(name)))
        self._places = {word: sorted(found, key=lambda place: -place[1]) for word, found in places.items()}

    def struck(self, text: str, on_words: OnStep) -> str:
        """The text with every name replaced, the longest at each place, with its extension."""
        if not self._places:
            return text
        kept, done = [], 0
        for number, word in enumerate(_WORD.finditer(text)):
            if number % STEP == 0:
                on_words()
            for before, length in self._places.get(word[0].casefold(), ()):
                start = word.start() - before
                if start >= done and (end := self._end(text, start, start + length)):
                    kept += [text[done:start], REPLACEMENT]
                    done = end
                    break
        return "".join([*kept, text[done:]])

    def _end(self, text: str, start: int, end: int) -> int:
        """Where the name from `start` to `end` ends with its extension; 0 if there is none."""
        name = text[start:end].casefold()
        extension = _EXTENSION.match(text, end)
        if name in self._with_extension:
            end = extension.end() if extension else 0
        elif name not in self._alone or not _AN_END.match(text, end):
            return 0
        return (extension.end() if extension else end) if _A_START.match(text, start) else 0


_NOTHING = r"(?!)"
# A script without spaces has no whole words: there a name is found wherever it stands.
_SPACELESS = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
_START = rf"(?:(?<![^\W_])|(?={_SPACELESS}))"
_END = rf"(?:(?![^\W_])|(?<={_SPACELESS}))"
_A_START, _AN_END, _EXTENSION = re.compile(_START), re.compile(_END), re.compile(r"\.\w+")
_WORD = re.compile(rf"{_SPACELESS}|(?:(?!{_SPACELESS})[^\W_])+")


def _longest_first(item: tuple[str, list[str]]) -> int:
    return -len(item[0])


def _in_any_code(word: str) -> str:
    """A word as itself, as JSON escapes it, or as a URL does."""
    spellings = (word, json.dumps(word)[1:-1], quote(word))
    return "(?:" + "|".join(dict.fromkeys(map(re.escape, spellings))) + ")"


def text_columns() -> list[Column[Any]]:
    """Every column of the schema that may hold words from a source or a person, but for `WORDS_OF_OURS`."""
    ours = {attribute.property.columns[0] for attribute in WORDS_OF_OURS}
    return [column for column in all_text_columns() if column not in ours and not _is_vocabulary(column)]


def all_text_columns() -> list[Column[Any]]:
    """Every column of the schema with text or JSON."""
    every = [column for table in Base.metadata.sorted_tables for column in table.columns]
    return [one for one in every if isinstance(one.type, JSON | String) and not isinstance(one.type, Enum)]


def _is_vocabulary(column: Column[Any]) -> bool:
    return isinstance(column.type, String) and column.type.length is not None and column.type.length <= VOCABULARY


def tables_with_words() -> list[Table]:
    """The tables from which words may have to go, also the one that holds what is left to do."""
    return list(dict.fromkeys([*(column.table for column in text_columns()), Base.metadata.tables["erasure"]]))


def redact(value: Any, strike: Strike) -> Any:
    """A text or a JSON value with every text struck."""
    if isinstance(value, str):
        return strike(value)
    if isinstance(value, list):
        return [redact(each, strike) for each in value]
    if isinstance(value, dict):
        return {key: redact(each, strike) for key, each in value.items()}
    return value


def delete_refusals(engine: Engine, words: Words, on_rows: OnStep = _no_report) -> int:
    """Delete the refusals that identify the person; returns how many.

    A refusal has no contributor. It is theirs if its file or reason names them or a file of theirs, or if it has the name of a
    photo of theirs in the same source.
    """
    wanted = select(Refusal.id, Refusal.source_id, Refusal.file, Refusal.reason).execution_options(yield_per=1000)
    with reading(engine) as session:
        theirs = [
            number
            for number, source, file, reason in _each(session.execute(wanted), on_rows)
            if (source, file) in words.photos or any(words.struck(text) != text for text in (file, reason))
        ]
    for chunk in in_batches(theirs, CHUNK):
        with writing(engine) as session:
            session.execute(delete(Refusal).where(Refusal.id.in_(chunk)))
    return len(theirs)


def redact_rows(engine: Engine, words: Words, on_rows: OnStep = _no_report) -> int:
    """Replace the words in all rows, but for the names of other people; returns how many rows were changed.

    Rows are searched outside the transactions that change them, so nobody waits. `on_rows` is called every thousand rows that
    are searched, and may raise an exception to stop.
    """
    people = {attribute.property.columns[0] for attribute in NAMES_OF_PEOPLE}
    redacted = 0
    for table in tables_with_words():
        if columns := [column for column in text_columns() if column.table is table and column not in people]:
            strike = words.without_person if table in [each.__table__ for each in OF_OTHERS] else words.struck
            for keys in in_batches(_rows_with(engine, table, columns, strike, on_rows), CHUNK):
                with writing(engine) as session:
                    redacted += sum(_redact_row(session, table, columns, key, strike) for key in keys)
    return redacted


def _rows_with(
    engine: Engine, table: Table, columns: list[Column[Any]], strike: Strike, on_rows: OnStep
) -> list[tuple[Any, ...]]:
    """The primary keys of the rows that hold a word to strike."""
    keys = list(table.primary_key)
    with reading(engine) as session:
        rows = _each(session.execute(select(*keys, *columns).execution_options(yield_per=1000)), on_rows)
        return [tuple(row[: len(keys)]) for row in rows if any(redact(each, strike) != each for each in row[len(keys) :])]


def _each(rows: Iterable[T], on_rows: OnStep) -> Iterator[T]:
    for number, row in enumerate(rows):
        if number % STEP == 0:
            on_rows()
        yield row


def _redact_row(session: Session, table: Table, columns: list[Column[Any]], key: tuple[Any, ...], strike: Strike) -> int:
    this = and_(*(column == value for column, value in zip(table.primary_key, key, strict=True)))
    row = session.execute(select(*columns).where(this).with_for_update()).one_or_none()  # it may be gone, or changed
    changed: dict[str, Any] = {}
    for column, value in zip(columns, row or (), strict=row is not None):
        if (new := redact(value, strike)) != value:
            changed[column.name] = _fitting(column, new, key)
    if changed:
        session.execute(update(table).where(this).values(changed))
    return bool(changed)


def _fitting(column: Column[Any], new: Any, key: tuple[Any, ...]) -> Any:
    """The redacted value within its column's length, and different from others' where the column has to be."""
    if not isinstance(new, str) or not isinstance(column.type, String):
        return new
    unique = any(column in list(rule.columns) for rule in column.table.constraints if isinstance(rule, UniqueConstraint))
    end = f" {'-'.join(map(str, key))}" if unique else ""
    return new[: (column.type.length or len(new) + len(end)) - len(end)] + end


def columns_with(
    engine: Engine, pattern: re.Pattern[str], columns: Iterable[Column[Any]], on_rows: OnStep = _no_report
) -> dict[str, int]:
    """How many rows hold a match, by table.column."""
    found: dict[str, int] = {}
    with reading(engine) as session:
        for column in columns:
            values = session.scalars(select(column).where(column.is_not(None)).execution_options(yield_per=1000))
            found_in = (pattern.search(json.dumps(value, ensure_ascii=False)) for value in _each(values, on_rows))
            if number := sum(match is not None for match in found_in):
                found[f"{column.table.name}.{column.name}"] = number
    return found
