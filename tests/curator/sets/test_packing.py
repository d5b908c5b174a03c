"""A set packed to be downloaded: by whoever asked, for an hour, and not past an erasure."""

import os
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from curator.formats import WRITERS
from curator.sets import packing
from db.errors import WinnowError
from db.jobs import Cancelled, running_job
from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Contributor, Split, Submission
from tests.erasing import erase_contributor
from tests.examples import add_examples
from tests.trained import freeze_all

NOW = datetime.now(UTC)


@pytest.fixture
def packed(engine: Engine, store: Store, settings: Settings) -> int:
    """A set of three, packed in the COCO format for Ada: the number of the job."""
    with writing(engine) as session:
        number = freeze_all(session, add_examples(session, store, 3, Split.train), NOW)
    return pack(engine, store, settings, number)


def pack(engine: Engine, store: Store, settings: Settings, number: int, format: str = "coco") -> int:
    with running_job(engine, packing.KIND, packing.arguments(number, format, "Ada"), None) as progress:
        progress.result = packing.pack(
            engine, store, settings, number, format, progress.number, NOW.date(), lambda share, words: None
        )
    return progress.number


def there(engine: Engine, settings: Settings, job: int, reviewer: str = "Ada", now: datetime = NOW) -> packing.Packed | None:
    with reading(engine) as session:
        return packing.packed(session, settings, job, reviewer, now)


def test_the_zip_is_the_exported_folder_and_is_there_for_whoever_asked_alone(
    engine: Engine, settings: Settings, packed: int
) -> None:
    found = there(engine, settings, packed)
    assert found is not None
    assert found.name == "winnow-set-1-coco.zip"
    assert found.file.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(found.file) as read:
        assert read.testzip() is None
        names = read.namelist()
    assert "winnow-set-1-coco/croissant.json" in names
    assert len([name for name in names if "/images/" in name]) == 3
    assert there(engine, settings, packed, "Bo") is None
    assert there(engine, settings, packed + 1) is None
    assert list(settings.temporary.iterdir()) == []


def test_it_is_gone_after_an_hour(engine: Engine, settings: Settings, packed: int) -> None:
    file = settings.downloads / f"{packed}.zip"
    made = (NOW - timedelta(minutes=59)).timestamp()
    os.utime(file, (made, made))
    assert packing.delete_downloads(settings.downloads, NOW) == 0
    assert there(engine, settings, packed) is not None
    assert there(engine, settings, packed, now=NOW + timedelta(minutes=2)) is None
    assert packing.delete_downloads(settings.downloads, NOW + timedelta(minutes=2)) == 1
    assert not file.exists()


def test_an_erasure_deletes_it_at_once(engine: Engine, store: Store, settings: Settings, packed: int) -> None:
    with writing(engine) as session:
        session.get_one(Submission, 2).contributor = Contributor(name="Cy Young")
    erase_contributor(engine, store, settings, "Cy Young", "ada", NOW)
    assert list(settings.downloads.iterdir()) == []
    assert there(engine, settings, packed) is None


def test_a_set_that_does_not_exist_and_a_stop_leave_nothing(
    engine: Engine, store: Store, settings: Settings, packed: int
) -> None:
    with pytest.raises(WinnowError, match="There is no curated set 9"):
        pack(engine, store, settings, 9)

    def stop(share: float, words: str) -> None:
        if share > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        packing.pack(engine, store, settings, 1, next(iter(WRITERS)), 77, NOW.date(), stop)
    assert [file.name for file in settings.downloads.iterdir()] == [f"{packed}.zip"]
    assert list(settings.temporary.iterdir()) == []
