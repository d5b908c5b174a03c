"""Pictures that are damaged, swapped or deleted behind Winnow's back: none leaves the house, and all that can be come back."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import pytest
from sqlalchemy import Engine, select
from starlette.applications import Starlette
from starlette.testclient import TestClient
from typer.testing import CliRunner

from curator.__main__ import app as commands
from curator.app import routes
from curator.app.routes import ROUTES
from curator.formats import RawPair, Refused, read_source
from curator.ingest.pipeline import IngestSummary, ingest
from curator.ingest.workers import Workers
from curator.sets.export import export_set
from curator.upkeep.check import check
from curator.upkeep.repair import Repairs, repair
from db.errors import DamagedError, WinnowError
from db.jobs import utc_now
from db.session import reading, writing
from db.settings import Limits, Settings
from db.store import Store
from db.tables import Example, Submission
from tests.conftest import FakeClock
from tests.examples import TOMORROW, drawn_mask, drawn_photo, png
from tests.trained import freeze_all

LIMITS = Limits()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> list[RawPair | Refused]:
    """Four drawn pairs, larger than a crop: so no crop has the bytes of what was received."""
    folder = tmp_path_factory.mktemp("drawn")
    for part, draw in (("images", drawn_photo), ("masks", drawn_mask)):
        (folder / part).mkdir()
        for number in range(4):
            (folder / part / f"{number}.png").write_bytes(png(cv2.resize(draw(number), (600, 600))))
    return list(read_source("folder", folder, folder, LIMITS))


class House:
    """A home with the source in it, whose pictures can be broken."""

    def __init__(self, engine: Engine, store: Store, clock: FakeClock, source: list[RawPair | Refused]) -> None:
        self.engine, self.store, self.clock, self.source = engine, store, clock, source
        self.bring()

    def bring(self) -> IngestSummary:
        """Ingest the source, in this process."""
        return ingest(
            self.source, adapter="folder", location="crowd.zip", engine=self.engine, store=self.store,
            workers=Workers(ThreadPoolExecutor, 2, self.store.url), clock=self.clock, limits=LIMITS, secret=b"", cut="whole",
        )  # fmt: skip

    def example(self, place: int) -> Example:
        with reading(self.engine) as session:
            return session.scalars(select(Example).order_by(Example.id).offset(place).limit(1)).one()

    def photo_of(self, example: Example) -> Submission:
        with reading(self.engine) as session:
            return session.get_one(Submission, example.submission_id)

    def flip(self, sha256: str) -> None:
        """Change one bit in the middle of a picture's file."""
        data = bytearray(self.store.path(sha256).read_bytes())
        data[len(data) // 2] ^= 1
        self.store.path(sha256).write_bytes(bytes(data))

    def swap(self, one: str, other: str) -> None:
        """Swap two pictures' files."""
        first, second = (self.store.path(sha256).read_bytes() for sha256 in (one, other))
        self.store.path(one).write_bytes(second)
        self.store.path(other).write_bytes(first)

    def broken(self) -> set[str]:
        """What `check` finds missing or damaged."""
        with reading(self.engine) as session:
            found = check(session, self.store, TOMORROW)
        return {one.sha256 for one in found.missing} | set(found.damaged)

    def repair(self) -> Repairs:
        with reading(self.engine) as session:
            left, done = repair(session, self.store, LIMITS, check(session, self.store, TOMORROW))
        assert {one.sha256 for one in left.missing} | set(left.damaged) == self.broken()
        return done


@pytest.fixture
def house(engine: Engine, store: Store, clock: FakeClock, source: list[RawPair | Refused]) -> House:
    return House(engine, store, clock, source)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, engine: Engine, store: Store) -> TestClient:
    monkeypatch.setattr(routes, "engine", lambda: engine)
    monkeypatch.setattr(routes, "store", lambda: store)
    return TestClient(Starlette(routes=ROUTES), base_url="http://localhost")


def test_swapped_and_damaged_pictures_are_not_exported(house: House, tmp_path: Path) -> None:
    with writing(house.engine) as session:
        numbers = list(session.scalars(select(Example.id)))
        set_number = freeze_all(session, numbers, utc_now())
    first, second = house.example(0), house.example(1)
    for attack in (
        lambda: house.swap(first.mask_sha256, second.mask_sha256),
        lambda: house.flip(second.image_sha256),
    ):
        attack()
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        with reading(house.engine) as session, pytest.raises(DamagedError, match="is damaged"):
            export_set(session, house.store, set_number, folder, "folder", utc_now().date())
        assert not (folder / "splits.csv").exists()
        house.repair()
        assert house.broken() == set()


def test_a_damaged_picture_is_not_served_and_its_answer_is_not_kept(house: House, client: TestClient) -> None:
    example = house.example(0)
    sound = client.get(f"/pictures/{example.image_sha256}")
    house.flip(example.image_sha256)
    house.flip(house.example(1).mask_sha256)
    for path in (
        example.image_sha256,
        f"{example.image_sha256}?side=192",
        f"superpixels/{example.image_sha256}",
        house.example(1).mask_sha256,
    ):
        answer = client.get(f"/pictures/{path}")
        assert (answer.status_code, answer.headers["cache-control"]) == (422, "no-store")
        assert "is damaged: its bytes are not those that were stored" in answer.text
        assert str(house.store.root) not in answer.text
    house.repair()
    healed = client.get(f"/pictures/{example.image_sha256}")
    assert (healed.status_code, healed.content) == (200, sound.content)
    assert "immutable" in healed.headers["cache-control"]


def test_ingesting_a_source_again_heals_photos_masks_and_crops(house: House) -> None:
    before = {sha256: house.store.get(sha256) for sha256 in house.store.all()}
    assert (house.bring().already, house.bring().healed) == (4, 0)
    photo, crop, gone, both = (house.example(place) for place in range(4))
    house.flip(house.photo_of(photo).photo_sha256)
    house.flip(crop.mask_sha256)
    house.store.delete(gone.image_sha256)
    house.store.delete(house.photo_of(gone).mask_sha256)
    house.swap(both.image_sha256, house.photo_of(both).photo_sha256)
    summary = house.bring()
    assert (summary.added, summary.already, summary.healed, summary.refused) == (0, 4, 4, [])
    assert {sha256: house.store.get(sha256) for sha256 in house.store.all()} == before
    assert house.bring().healed == 0


def test_check_repairs_crops_and_says_what_to_ingest_again_and_what_is_lost(house: House) -> None:
    crop, photo = house.example(0), house.example(1)
    with writing(house.engine) as session:  # a mask that a person painted, or another version of Winnow cut
        session.get_one(Example, house.example(2).id).mask_sha256 = house.store.put(b"painted by a person")
    painted = house.example(2).mask_sha256
    submission = house.photo_of(photo)
    house.flip(crop.image_sha256)
    house.store.delete(crop.mask_sha256)
    house.flip(submission.photo_sha256)
    house.flip(photo.image_sha256)
    house.flip(painted)
    done = house.repair()
    assert set(done.healed) == {crop.image_sha256, crop.mask_sha256}
    assert [(one.location, one.photos) for one in done.ingest_again] == [("crowd.zip", [submission.photo_name])]
    assert [(one.sha256, one.named_by) for one in done.from_backup] == [(painted, ["example.mask_sha256"])]
    assert house.broken() == {submission.photo_sha256, photo.image_sha256, painted}
    assert house.bring().healed == 1
    assert house.broken() == {painted}


def test_skin_and_unknown_pixels_that_are_gone_come_back_with_their_source(house: House) -> None:
    with writing(house.engine) as session:
        example = session.get_one(Example, house.example(0).id)
        crop, file = example.unknown_sha256, example.submission.unknown_sha256 = "1" * 64, "2" * 64
        skin = session.get_one(Example, house.example(1).id).submission.skin_sha256 = "3" * 64
    assert house.broken() == {crop, file, skin}
    done = house.repair()
    names = sorted(house.photo_of(house.example(place)).photo_name for place in (0, 1))
    assert [one.photos for one in done.ingest_again] == [names]
    assert (done.healed, done.from_backup) == ([], [])


def test_the_command_repairs_prints_what_is_left_and_exits_1_until_all_is_sound(
    house: House, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINNOW_HOME", str(settings.home))
    example = house.example(0)
    submission = house.photo_of(example)
    house.flip(example.image_sha256)
    house.flip(submission.mask_sha256)
    run = CliRunner().invoke
    told = run(commands, ["check", "--repair"])
    assert told.exit_code == 1
    assert "0 pictures were made again" in told.output
    assert f"1 photos are broken; to heal them, ingest crowd.zip again (folder):\n  {submission.photo_name}" in told.output
    house.bring()
    house.flip(example.image_sha256)
    found = json.loads(run(commands, ["check", "--repair", "--json"]).stdout)
    assert (found["sound"], found["healed"]) == (True, [example.image_sha256])
    assert json.loads(run(commands, ["check", "--repair", "--json"]).stdout)["sound"] is True


def test_storing_a_picture_again_mends_a_flipped_bit_and_a_cut(store: Store) -> None:
    sha256 = store.put(b"a picture")
    for broken in (b"a pictorE", b"a pic", b""):
        store.path(sha256).write_bytes(broken)
        assert not store.intact(sha256)
        with pytest.raises(WinnowError, match="is damaged"):
            store.get(sha256)
        store.put(b"a picture")
        assert store.get(sha256) == b"a picture"
