"""What consent has ended for, listed and erased."""

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, select

from curator.ingest.bars import Bars
from curator.upkeep import erase
from curator.upkeep.expire import LISTED, Expiring, expire_key, expired, expiring, expiring_text, expiring_values
from db.secret import home_secret
from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Contributor, Source, Submission
from tests.conftest import FakeClock, on_both_servers
from tests.examples import LONG_AGO, add_examples

TODAY = date(2026, 5, 31)


@pytest.fixture
def photos(engine: Engine, store: Store) -> list[int]:
    """Five photos: of two of them consent has ended, of one it ends today, of one in ten days; of one nothing is recorded."""
    days = (-40, 10, -1, 0, None)
    with writing(engine) as session:
        add_examples(session, store, len(days))
        bo = Contributor(name="Bo Berg")
        submissions = list(session.scalars(select(Submission).order_by(Submission.id)))
        for submission, left in zip(submissions, days, strict=True):
            submission.drawn, submission.contributor = False, bo if left == -40 else None
            submission.consent_expires = None if left is None else TODAY + timedelta(days=left)
        session.scalars(select(Source)).one().location = "selfies.zip"
        return [submission.id for submission in submissions]


def listed(engine: Engine, within: int | None = None) -> list[Expiring]:
    with reading(engine) as session:
        return expiring(session, TODAY, within)


@on_both_servers
def test_what_has_ended_is_listed_and_what_ends_soon_if_wanted(engine: Engine, photos: list[int]) -> None:
    assert listed(engine) == [
        Expiring(photos[0], "head-000.png", "selfies.zip", "Bo Berg", date(2026, 4, 21)),
        Expiring(photos[2], "head-002.png", "selfies.zip", None, date(2026, 5, 30)),
    ]
    assert [one.submission for one in listed(engine, 0)] == [photos[0], photos[2], photos[3]]
    assert [one.submission for one in listed(engine, 10)] == [photos[0], photos[2], photos[3], photos[1]]


def test_the_list_counts_by_source_and_contributor(engine: Engine, photos: list[int]) -> None:
    values = expiring_values(listed(engine, 10), TODAY)
    assert (values["ended"], values["ending"]) == (2, 2)
    assert values["sources"] == {"selfies.zip": 4}
    assert values["contributors"] == {"not named": 3, "Bo Berg": 1}
    assert values["photos"][2] == {
        "submission": photos[3], "photo": "head-003.png", "source": "selfies.zip", "contributor": None,
        "expires": "2026-05-31", "ended": False,
    }  # fmt: skip
    text = expiring_text(listed(engine, 10), TODAY, 10, asks=True)
    assert text.startswith("The consent to use 2 photos has ended.\nWithin 10 days it ends for 2 more.\n")
    assert "By contributor: not named 3, Bo Berg 1" in text
    assert text.endswith("Nothing was changed. `winnow expire --erase` erases what has ended.")


def test_the_text_lists_some_and_says_how_many_more() -> None:
    many = [Expiring(number, f"{number}.jpg", "here", None, TODAY - timedelta(days=1)) for number in range(LISTED + 3)]
    assert "  and 3 more (--json lists all)" in expiring_text(many, TODAY, None, asks=False).splitlines()
    assert expiring_text([], TODAY, None, asks=True) == "The consent to use 0 photos has ended."


@on_both_servers
def test_only_what_has_ended_is_erased_and_does_not_come_in_again(
    engine: Engine, store: Store, settings: Settings, photos: list[int], clock: FakeClock
) -> None:
    bars = Bars(home_secret(settings.home.resolve()))
    with reading(engine) as session:
        gone = list(session.scalars(select(Submission.photo_sha256).where(Submission.id.in_([photos[0], photos[2]]))))
    receipt = erase.erase(engine, store, settings, expired(expire_key(bars), TODAY), "Lea", LONG_AGO)
    assert (receipt.complete, receipt.submissions) == (True, 2)
    with reading(engine) as session:
        assert list(session.scalars(select(Submission.id).order_by(Submission.id))) == [photos[1], photos[3], photos[4]]
        assert session.scalar(select(Contributor.id)) is None
        assert len(bars.barred(session, [bars.hash("photo", sha256) for sha256 in gone])) == 2
    assert listed(engine) == []
    assert not any(store.path(sha256).exists() for sha256 in gone)


def test_an_erasure_that_broke_off_is_found_by_its_key(
    engine: Engine, store: Store, settings: Settings, photos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = expire_key(Bars(home_secret(settings.home.resolve())))

    def broken(*_: object) -> int:
        raise OSError("the disk went")

    with monkeypatch.context() as broken_off:
        broken_off.setattr(erase, "redact_rows", broken)
        with pytest.raises(OSError, match="the disk went"):
            erase.erase(engine, store, settings, expired(key, TODAY), "Lea", LONG_AGO)
    with reading(engine) as session:
        (number,) = erase.unfinished(session, key)
    assert erase.resume(engine, store, settings, number, (), LONG_AGO).complete
