"""Whoever was erased is known by a keyed hash only, and is recognised by it."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from curator.formats import RawPair, Refused
from curator.ingest.bars import ERASED, Bars, admitted, allow_again, forget_lost_keys
from db.errors import WinnowError
from db.session import reading, writing
from db.tables import Bar, Erasure, Event
from tests.conftest import FakeClock

OURS, LOST = Bars(b"our secret"), Bars(b"a lost one")
TODAY = date(2026, 5, 31)


def erased(engine: Engine, bars: Bars, clock: FakeClock, request: str, *hashes: str) -> None:
    with writing(engine) as session:
        event = Event(at=clock(), who="Ada", what="erase", detail={})
        session.add(Erasure(request=request, event=event, bars=[Bar(keyed_hash=one, key=bars.key) for one in hashes]))


def pair(name: str, **said: object) -> RawPair:
    return RawPair(name, Path(name), Path(name), **said)  # type: ignore[arg-type]


def test_a_hash_tells_nothing_without_the_secret_and_is_the_same_for_every_spelling() -> None:
    assert OURS.hash("contributor", "Nora Quist") == OURS.hash("contributor", "NORA_quist ")
    assert OURS.hash("contributor", "Zoe\u0308") == OURS.hash("contributor", "Zoë")
    assert OURS.hash("contributor", "Nora") != OURS.hash("subject", "Nora") != LOST.hash("subject", "Nora")


def test_the_erased_and_those_whose_consent_has_ended_are_refused_before_they_are_read(
    engine: Engine, clock: FakeClock
) -> None:
    erased(engine, OURS, clock, "r", OURS.hash("contributor", "Nora Quist"), OURS.hash("subject", "Cy"))
    bo, damaged = pair("4.jpg", contributor="Bo", consent_expires=TODAY), Refused("5.jpg", "cut off")
    items = [
        pair("1.jpg", contributor="nora_quist"),
        pair("2.jpg", subject="Cy"),
        pair("3.jpg", consent_expires=date(2026, 5, 30)),
    ]
    assert list(admitted([*items, bo, damaged], OURS, engine, TODAY)) == [
        ERASED,
        ERASED,
        Refused("3.jpg", "the consent to use it ended on 2026-05-30."),
        bo,
        damaged,
    ]


def test_what_is_allowed_again_is_all_that_one_erasure_barred(engine: Engine, clock: FakeClock) -> None:
    nora, shared = OURS.hash("contributor", "Nora"), OURS.hash("photo", "0" * 64)
    erased(engine, OURS, clock, "one", nora, shared)
    erased(engine, OURS, clock, "two", shared, OURS.hash("subject", "Cy"))
    with writing(engine) as session:
        assert allow_again(session, ["unknown", nora]) == 2
        assert OURS.barred(session, {nora, shared}) == {shared}
        assert allow_again(session, ["two"]) == 2
        assert OURS.barred(session, {nora, shared}) == set()


def test_bars_of_a_lost_secret_are_said_and_can_be_forgotten(engine: Engine, clock: FakeClock) -> None:
    erased(engine, LOST, clock, "one", LOST.hash("contributor", "Nora"))
    erased(engine, OURS, clock, "two", OURS.hash("contributor", "Cy"))
    with reading(engine) as session, pytest.raises(WinnowError, match="Copy the file `secret` from that home into this one"):
        OURS.check_key(session)
    with writing(engine) as session:
        assert forget_lost_keys(session, OURS) == 1
        OURS.check_key(session)
        assert session.scalar(select(func.count()).select_from(Bar)) == 1
