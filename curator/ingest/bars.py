"""Who was erased and may not come in again: people and photos, known only by keyed hashes."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from sqlalchemy import ColumnElement, Engine, delete, func, select
from sqlalchemy.orm import Session

from curator.formats import NotRead, RawPair, Refused
from db.errors import WinnowError
from db.people import folded
from db.session import in_batches, reading
from db.tables import Bar, Erasure

Person = Literal["contributor", "subject"]
Kind = Person | Literal["photo"]

# A refusal is kept and shown, so it must not bring the name of the erased back: files are often named after people.
ERASED = Refused(
    "(erased)",
    "It is a photo, or by or of a person, that was erased here. A lead can allow it again: `python -m curator erase` with the "
    "same words as then, and `--allow-again`.",
)


@dataclass(frozen=True)
class Bars:
    """Makes the keyed hashes of a home, with its secret, and asks which of them are barred."""

    secret: bytes

    @cached_property
    def key(self) -> str:
        """Tells this secret from others, and tells nothing else about it."""
        return hashlib.sha256(b"bars:" + self.secret).hexdigest()[:16]

    def hash(self, kind: Kind, name: str) -> str:
        """The keyed hash of a person's name, whatever its spelling and however its words are joined, or of a photo's sha256.

        >>> Bars(b"s").hash("subject", "Nora Quist") == Bars(b"s").hash("subject", "nora_quist")
        True
        """
        return self.request_hash(f"{kind}:{_joined(folded(name))}")

    def hashes(self, kind: Kind, name: str) -> set[str]:
        """`hash`, and the one that earlier versions made of this spelling: what they barred stays barred."""
        return {self.hash(kind, name), self.request_hash(f"{kind}:{_joined(unicodedata.normalize('NFKC', name).casefold())}")}

    def request_hash(self, words: str) -> str:
        """The keyed hash of any words, as they are."""
        return hmac.new(self.secret, words.encode(), hashlib.sha256).hexdigest()

    def of(self, pair: RawPair, photo: str | None = None) -> set[str]:
        """The hashes under which a pair may be barred; its photo's sha256 is not known before the file is read."""
        named: list[tuple[Kind, str | None]] = [("contributor", pair.contributor), ("subject", pair.subject), ("photo", photo)]
        return {one for kind, name in named if name for one in self.hashes(kind, name)}

    def check_key(self, session: Session) -> None:
        """Raises WinnowError if something was barred with another home's secret: it would come in again unnoticed."""
        if session.scalar(select(Bar.id).where(Bar.key != self.key).limit(1)):
            raise WinnowError(
                "People were erased from another home folder, so this one cannot recognise them. Copy the file `secret` from "
                "that home into this one. If it is lost, `python -m curator erase --allow-again` forgets who may not come in."
            )

    def barred(self, session: Session, hashes: Collection[str]) -> set[str]:
        """Those of the hashes that are barred."""
        return {
            found
            for batch in in_batches(hashes)
            for found in session.scalars(select(Bar.keyed_hash).where(Bar.keyed_hash.in_(batch)))
        }


def admitted(
    items: Iterable[RawPair | Refused | NotRead], bars: Bars, engine: Engine, today: date
) -> Iterator[RawPair | Refused | NotRead]:
    """The items, with a refusal in place of each pair whose contributor or subject is barred, or whose consent has ended.

    Such a pair's files are not read. A barred photo is known only by its bytes: whoever has read them asks `Bars.barred`.
    """
    known: dict[str, bool] = {}
    for item in items:
        if not isinstance(item, RawPair):
            yield item
            continue
        hashes = bars.of(item)
        if new := hashes - known.keys():
            with reading(engine) as session:
                found = bars.barred(session, new)
            known |= {one: one in found for one in new}
        if any(known[one] for one in hashes):
            yield ERASED
        elif item.consent_expires is not None and item.consent_expires < today:
            yield Refused(item.name, f"the consent to use it ended on {item.consent_expires}.")
        else:
            yield item


def allow_again(session: Session, hashes: Sequence[str]) -> int:
    """Lift what was barred by erasures that were asked for in these words, or barred these hashes; returns how many bars."""
    asked = select(Erasure.id).where(Erasure.request.in_(hashes))
    barred = select(Bar.erasure_id).where(Bar.keyed_hash.in_(hashes))
    return _lift(session, Bar.erasure_id.in_(asked.union(barred)))


def forget_lost_keys(session: Session, bars: Bars) -> int:
    """Lift what was barred with another secret than this home's; returns how many bars."""
    return _lift(session, Bar.key != bars.key)


def _lift(session: Session, which: ColumnElement[bool]) -> int:
    number = session.scalar(select(func.count()).select_from(Bar).where(which)) or 0
    session.execute(delete(Bar).where(which))
    return number


def _joined(name: str) -> str:
    return " ".join(word for word in re.split(r"[\s_.-]+", name) if word)
