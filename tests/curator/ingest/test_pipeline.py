"""From a source to examples: drawn portraits, real dlib, a real store and database."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import ColumnElement, Engine, func, select
from sqlalchemy.orm import Session

from curator.formats import NotRead, RawPair, Refused, read_source
from curator.ingest.groups import leave_groups
from curator.ingest.likeness import PictureHash
from curator.ingest.pipeline import (
    AlreadyStored,
    Examined,
    IngestSummary,
    _add_batch,
    cutting_in_words,
    examine,
    ingest,
    spooled,
)
from curator.ingest.workers import Workers, processes
from curator.pictures.codec import decode_mask, decode_photo
from curator.pictures.masks import is_soft
from curator.pictures.pair import Pair, read_pair
from curator.review.standing import wrongly_standing
from curator.sample import draw_portrait, write_sample
from db.blobs import named_blobs
from db.errors import DiskFullError
from db.jobs import Cancelled
from db.session import reading, writing
from db.settings import Limits, Settings
from db.store import Store
from db.tables import CROP_SIDE, Base, Example, Likeness, Refusal, Remark, Source, Split, Standing, State, Submission
from tests.conftest import FakeClock, on_both_servers
from tests.outside import OutsideTransactions


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen drawn pictures with their manifest; two show no face."""
    folder = tmp_path_factory.mktemp("drawn")
    write_sample(folder, 18, seed=3)
    return folder


class Ingest:
    """An ingest of a folder into a fresh home, as often as a test likes."""

    def __init__(self, engine: Engine, store: Store, clock: FakeClock, tmp_path: Path) -> None:
        self.engine, self.store, self.clock, self.tmp_path = engine, store, clock, tmp_path
        self.workers = Workers(ThreadPoolExecutor, 2, store.url)

    def __call__(self, items: list[RawPair | Refused | NotRead], **options: object) -> IngestSummary:
        return ingest(
            items, adapter="folder", location="here", engine=self.engine, store=self.store, workers=self.workers,
            clock=self.clock, limits=Limits(), secret=b"a secret", **options,
        )  # type: ignore[arg-type]  # fmt: skip

    def read(self, folder: Path) -> list[RawPair | Refused]:
        return list(
            read_source("manifest" if (folder / "manifest.csv").exists() else "folder", folder, self.tmp_path, Limits())
        )

    def count(self, table: type[Base], *which: ColumnElement[bool]) -> int:
        with reading(self.engine) as session:
            return session.scalar(select(func.count()).select_from(table).where(*which)) or 0


@pytest.fixture
def bring(engine: Engine, store: Store, clock: FakeClock, tmp_path: Path) -> Ingest:
    return Ingest(engine, store, clock, tmp_path)


def test_portraits_become_examples_and_the_rest_is_kept_aside(bring: Ingest, drawn: Path) -> None:
    summary = bring(bring.read(drawn))
    assert (summary.seen, summary.added, summary.already, summary.no_face, summary.refused) == (18, 18, 0, 2, [])
    with reading(bring.engine) as session:
        examples = list(session.scalars(select(Example)))
        assert len(examples) == 16
        for example in examples:
            image = decode_photo(bring.store.get(example.image_sha256))
            mask = decode_mask(bring.store.get(example.mask_sha256))
            assert image.shape == (CROP_SIDE, CROP_SIDE, 3)
            assert mask.shape == (CROP_SIDE, CROP_SIDE)
            assert set(np.unique(mask)) <= {0, 255}
            assert {signal.name for signal in example.signals} >= {"hair_share", "on_face", "edge_disagreement"}
            assert example.suspicion is not None
            assert example.submission.drawn


def test_photos_can_come_in_whole_with_a_face_or_without(bring: Ingest, drawn: Path) -> None:
    summary = bring(bring.read(drawn), cut="whole")
    assert (summary.added, summary.no_face) == (18, 0)
    with reading(bring.engine) as session:
        examples = list(session.scalars(select(Example)))
        for example in examples:
            submission = example.submission
            side = max(submission.height, submission.width)
            assert (example.crop_top, example.crop_left, example.crop_side) == (
                (submission.height - side) / 2, (submission.width - side) / 2, side,
            )  # fmt: skip
            names = {signal.name for signal in example.signals}
            assert ("on_face" in names) == (example.face_top is not None)
        assert sum(example.face_top is None for example in examples) == 2


def test_the_skin_of_class_colours_is_cut_and_kept(bring: Ingest, drawn: Path, tmp_path: Path) -> None:
    photo = cv2.imread(str(next((drawn / "images").iterdir())))
    classes = np.zeros_like(photo)
    classes[:, : photo.shape[1] // 2] = (0, 0, 255)  # OpenCV's order: the left half red
    classes[:, photo.shape[1] // 2 :] = (0, 255, 0)
    for name, picture in (("images/a.png", photo), ("masks/a.png", classes)):
        (tmp_path / "pairs" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "pairs" / name), picture)
    bring(bring.read(tmp_path / "pairs"), cut="whole")
    with reading(bring.engine) as session:
        example = session.scalars(select(Example)).one()
        assert example.skin_sha256 is not None
        hair, skin = (decode_mask(bring.store.get(sha)) > 0 for sha in (example.mask_sha256, example.skin_sha256))
    top, left, bottom, right = example.inside_top, example.inside_left, example.inside_bottom, example.inside_right
    part = np.s_[top + 2 : bottom - 2, left + 2 : right - 2]
    assert (hair[part] ^ skin[part]).mean() > 0.99
    assert hair[part][:, :50].all()
    assert skin[part][:, -50:].all()


def test_running_it_again_adds_nothing_twice(bring: Ingest, drawn: Path) -> None:
    first = bring(bring.read(drawn))
    again = bring(bring.read(drawn))
    assert (again.seen, again.added, again.already, again.no_face) == (18, 0, 18, 0)
    assert bring.count(Submission) == first.added


def test_what_is_received_is_kept_as_it_was(bring: Ingest, drawn: Path) -> None:
    bring(bring.read(drawn)[:4])
    with reading(bring.engine) as session:
        for submission in session.scalars(select(Submission)):
            assert bring.store.get(submission.photo_sha256) == (drawn / submission.photo_name).read_bytes()


def test_bad_files_are_refused_with_their_reason_and_the_good_ones_come_in(bring: Ingest, drawn: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    good = next(item for item in bring.read(drawn) if isinstance(item, RawPair))
    assert isinstance(good.mask, Path)
    (folder / "images/good.jpg").write_bytes(good.photo.read_bytes())
    (folder / "masks/good.png").write_bytes(good.mask.read_bytes())
    (folder / "images/text.jpg").write_text("this is not a picture")
    (folder / "masks/text.png").write_bytes(good.mask.read_bytes())
    (folder / "images/alone.jpg").write_bytes(good.photo.read_bytes())
    (folder / "masks/orphan.png").write_bytes(good.mask.read_bytes())
    (folder / "images/other.jpg").write_bytes(good.photo.read_bytes())
    (folder / "masks/other.png").write_bytes(cv2.imencode(".png", np.zeros((900, 300), np.uint8))[1].tobytes())
    summary = bring(bring.read(folder))
    assert (summary.seen, summary.added) == (5, 1)
    reasons = {item["file"]: item["reason"] for item in summary.refused}
    assert set(reasons) == {"images/text.jpg", "images/alone.jpg", "masks/orphan.png", "images/other.jpg"}
    assert "not a picture" in reasons["images/text.jpg"]
    assert "900" in reasons["images/other.jpg"]
    again = bring(bring.read(folder))
    assert (again.added, again.already, len(again.refused)) == (0, 1, 4)
    assert bring.count(Refusal) == 4


def test_what_was_odd_about_a_pair_is_said_of_what_was_examined(store: Store, tmp_path: Path) -> None:
    mask = np.zeros((150, 120), np.uint8)
    mask[:50] = 255
    for name, pixels in (("photo.png", np.full((300, 240, 3), 128, np.uint8)), ("mask.png", mask)):
        (tmp_path / name).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    pair = RawPair("photo.png", tmp_path / "photo.png", tmp_path / "mask.png")
    found = examine(pair, store_url=store.url, limits=Limits(), cut="face")
    assert isinstance(found, Examined)
    assert (found.crop, found.remarks) == (None, ["the mask was resized from 120 x 150 to the photo's 240 x 300."])


def test_a_contributor_is_in_one_split_only(bring: Ingest, drawn: Path) -> None:
    bring(bring.read(drawn))
    with reading(bring.engine) as session:
        rows = session.execute(select(Submission.contributor_id, Example.split).join(Example))
        splits: dict[int | None, set[Split]] = {}
        for contributor, split in rows:
            splits.setdefault(contributor, set()).add(split)
    assert len(splits) > 3
    assert all(len(found) == 1 for found in splits.values())


def test_the_same_picture_is_one_group_in_one_split_and_one_of_it_is_open(bring: Ingest, drawn: Path, tmp_path: Path) -> None:
    one, other = (item for item in bring.read(drawn)[:2] if isinstance(item, RawPair))
    assert isinstance(one.photo, Path)
    smaller, worse = tmp_path / "smaller.jpg", empty_mask(one.photo, tmp_path / "worse.png")
    photo = cv2.imread(str(one.photo))
    assert photo is not None
    smaller.write_bytes(
        cv2.imencode(".jpg", cv2.resize(photo, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA))[1].tobytes()
    )
    bring([RawPair("a.jpg", one.photo, one.mask, split=Split.train), RawPair("b.jpg", other.photo, other.mask)])
    said = bring([RawPair("smaller.jpg", smaller, one.mask, split=Split.test), RawPair("c.jpg", one.photo, worse)])
    assert (said.added, said.refusals) == (2, 0)
    with reading(bring.engine) as session:
        found = {example.submission.photo_name: example for example in session.scalars(select(Example))}
        first = found["a.jpg"]
        assert {name: example.group_id for name, example in found.items()} == {
            "a.jpg": first.id, "smaller.jpg": first.id, "c.jpg": first.id, "b.jpg": None,
        }  # fmt: skip
        assert {found[name].split for name in ("smaller.jpg", "c.jpg")} == {Split.train}
        states = {name: example.standing.state for name, example in found.items()}
        assert sorted(states.values()) == [State.open, State.open, State.waiting, State.waiting]
        assert states["c.jpg"] is State.waiting  # an empty mask is the most doubtful
        words = session.scalars(select(Remark.words).join(Submission).where(Submission.photo_name == "smaller.jpg")).all()
        assert "put in train, not in test as its source states: the same picture is already here." in words
        assert wrongly_standing(session) == []


def test_of_three_in_one_batch_two_may_look_like_the_first_and_not_like_each_other(
    bring: Ingest, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = iter([(0, 0, 0, 0), (0b11, 0, 0, 0), (0b1100, 0, 0, 0)])  # two bits off the first, four off each other
    monkeypatch.setattr("curator.ingest.pipeline.hash_picture", lambda photo: PictureHash(next(parts), "0" * 64))
    bring.workers = Workers(ThreadPoolExecutor, 1, bring.store.url)
    bring([item for item in bring.read(drawn) if isinstance(item, RawPair)][:3], cut="whole")
    with reading(bring.engine) as session:
        examples = session.scalars(select(Example).order_by(Example.id)).all()
        assert [example.group_id for example in examples] == [examples[0].id] * 3
        assert sum(example.standing.state is State.open for example in examples) == 1


def empty_mask(photo: Path, into: Path) -> Path:
    """A mask of the photo's size that says nothing is hair."""
    pixels = cv2.imread(str(photo))
    assert pixels is not None
    into.write_bytes(cv2.imencode(".png", np.zeros(pixels.shape[:2], np.uint8))[1].tobytes())
    return into


def test_a_picture_that_would_part_its_contributor_is_refused_and_leaves_no_row(
    bring: Ingest, drawn: Path, tmp_path: Path
) -> None:
    one, other = (item for item in bring.read(drawn)[:2] if isinstance(item, RawPair))
    bring(
        [RawPair("a.jpg", one.photo, one.mask, "ada", Split.train), RawPair("b.jpg", other.photo, other.mask, "bo", Split.test)]
    )
    assert isinstance(one.photo, Path)
    third = RawPair("c.jpg", one.photo, empty_mask(one.photo, tmp_path / "empty.png"), "bo")
    said = bring([third])
    assert (said.added, said.refused[0]["file"]) == (0, "c.jpg")
    assert "already in train, but the contributor's other examples are in test" in said.refused[0]["reason"]
    with reading(bring.engine) as session:
        for table in (Submission, Example, Standing, Likeness):
            assert session.scalar(select(func.count()).select_from(table)) == 2
    again = bring([third])
    assert (again.seen, again.refusals) == (1, 1)


@pytest.fixture
def conflict(bring: Ingest, drawn: Path, tmp_path: Path) -> RawPair:
    """A pair that is refused: its picture is in train already, and its contributor, Bo, in test."""
    one, other = (item for item in bring.read(drawn)[:2] if isinstance(item, RawPair))
    assert isinstance(one.photo, Path)
    bring(
        [RawPair("a.jpg", one.photo, one.mask, "ada", Split.train), RawPair("b.jpg", other.photo, other.mask, "bo", Split.test)]
    )
    return RawPair("c.jpg", one.photo, empty_mask(one.photo, tmp_path / "empty.png"), "bo")


def test_a_pair_that_is_refused_leaves_no_pictures(bring: Ingest, conflict: RawPair) -> None:
    before = set(bring.store.all())
    assert bring([conflict]).refusals == 1
    assert set(bring.store.all()) == before
    with pytest.raises(Cancelled):
        bring([replace(conflict, contributor="cy"), conflict], split=Split.test, on_progress=cancel)
    assert bring.count(Example) == 3  # Cy's picture is in train, and Cy nowhere yet
    with reading(bring.engine) as session:
        assert set(bring.store.all()) == {sha256 for sha256, _ in named_blobs(session)}


def cancel(_summary: IngestSummary) -> None:
    raise Cancelled


def test_a_pair_that_no_split_is_right_for_is_decoded_once_until_an_example_is_deleted(
    bring: Ingest, conflict: RawPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[bytes] = []

    def noting(photo: bytes, mask: object, limits: Limits, *more: object, **others: object) -> Pair:
        decoded.append(photo)
        return read_pair(photo, mask, limits, *more, **others)  # type: ignore[arg-type]

    monkeypatch.setattr("curator.ingest.pipeline.read_pair", noting)
    summaries = [bring([conflict]) for _ in range(3)]
    assert summaries[0] == summaries[1] == summaries[2]
    assert (len(decoded), bring.count(Refusal)) == (1, 1)
    bring([replace(conflict, contributor="dee")])  # another contributor: it comes in
    assert (len(decoded), bring.count(Example)) == (2, 3)
    with reading(bring.engine) as session:
        bos = session.scalars(select(Example).join(Submission).where(Submission.photo_name == "b.jpg")).one()
    with writing(bring.engine) as session:
        leave_groups(session, select(Example.id).where(Example.id == bos.id))  # as before it is deleted
    assert bring([conflict]).already == 1  # Dee's is the same pair of files
    assert len(decoded) == 2


def test_nobodys_verdict_waits_for_the_pictures_of_an_ingest(
    bring: Ingest, conflict: RawPair, drawn: Path, settings: Settings
) -> None:
    bring.store = store = OutsideTransactions(settings)
    assert bring([*bring.read(drawn)[2:4], conflict]).seen == 3
    assert store.used > 8


def test_pictures_survive_a_power_cut_before_their_rows_are_committed(
    bring: Ingest, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[str] = set()
    monkeypatch.setattr(Store, "sync", lambda _store, pictures: synced.update(pictures))

    def afterwards(session: Session, batch: list[Examined], *rest: object) -> object:
        assert synced == {sha256 for one in batch for sha256 in one.pictures}
        return _add_batch(session, batch, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("curator.ingest.pipeline._add_batch", afterwards)
    assert bring(bring.read(drawn)[:3]).added == 3
    with reading(bring.engine) as session:
        assert synced == {sha256 for sha256, _ in named_blobs(session)}


def test_an_ingest_stores_again_what_was_deleted_before_its_commit(
    bring: Ingest, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when somebody is erased who had painted the same mask."""
    pairs = [item for item in bring.read(drawn) if isinstance(item, RawPair)][:2]

    def masks_deleted(session: Session, batch: list[Examined], *rest: object) -> object:
        for one in batch:
            assert one.crop is not None
            bring.store.delete(one.crop.mask)
        return _add_batch(session, batch, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("curator.ingest.pipeline._add_batch", masks_deleted)
    assert bring(pairs).added == 2
    with reading(bring.engine) as session:
        assert {sha256 for sha256, _ in named_blobs(session)} == set(bring.store.all())


def test_what_is_odd_becomes_a_remark_once(bring: Ingest, drawn: Path, tmp_path: Path) -> None:
    one = next(item for item in bring.read(drawn) if isinstance(item, RawPair))
    photo = cv2.imread(str(one.photo))
    assert photo is not None
    half = tmp_path / "half.png"
    half.write_bytes(cv2.imencode(".png", np.zeros((photo.shape[0] // 2, photo.shape[1] // 2), np.uint8))[1].tobytes())
    for _ in range(2):
        bring([RawPair("a.jpg", one.photo, half)])
    with reading(bring.engine) as session:
        found = session.scalars(select(Remark.words)).all()
    assert len(found) == 2
    assert any("the mask was resized from" in words for words in found)
    assert any("shows no hair" in words for words in found)


def test_a_faint_haze_over_a_photo_is_no_painted_hair(store: Store, tmp_path: Path) -> None:
    photo = draw_portrait(np.random.default_rng(3)).photo
    elsewhere = np.zeros(photo.shape[:2], np.uint8)
    elsewhere[-60:, :60] = 255
    hazy = np.maximum(cv2.GaussianBlur(elsewhere, (0, 0), 8), 20)
    for name, pixels in (("photo.png", photo[:, :, ::-1]), ("mask.png", hazy)):
        (tmp_path / name).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    pair = RawPair("photo.png", tmp_path / "photo.png", tmp_path / "mask.png")
    found = examine(pair, store_url=store.url, limits=Limits(), cut="face")
    assert isinstance(found, Examined)
    assert found.remarks == ["the painted hair does not lie around the face."]
    assert found.crop is not None
    assert is_soft(decode_mask(store.get(found.crop.mask)))


def test_a_pair_whose_rows_were_lost_between_store_and_commit_comes_in_when_it_is_started_again(
    bring: Ingest, drawn: Path
) -> None:
    pairs = bring.read(drawn)[:3]
    for pair in pairs:
        assert isinstance(examine(pair, store_url=bring.store.url, limits=Limits(), cut="face"), Examined)
        assert isinstance(examine(pair, store_url=bring.store.url, limits=Limits(), cut="face"), AlreadyStored)
    summary = bring(pairs)
    assert (summary.seen, summary.added, summary.already) == (3, 3, 0)


def examine_or_die(item: RawPair, **options: object) -> object:
    if item.name == "killer.jpg":
        os.kill(os.getpid(), signal.SIGKILL)
    return examine(item, **options)  # type: ignore[arg-type]


def test_a_picture_that_crashes_its_worker_is_refused_and_the_others_are_added(
    bring: Ingest, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curator.ingest.pipeline.examine", examine_or_die)
    bring.workers = processes(bring.store.url, 2)
    one, other = (item for item in bring.read(drawn)[:2] if isinstance(item, RawPair))
    summary = bring([one, RawPair("killer.jpg", one.photo, other.mask), other])
    assert (summary.seen, summary.added) == (3, 2)
    assert [item["file"] for item in summary.refused] == ["killer.jpg"]
    assert "crashed the worker twice" in summary.refused[0]["reason"]


@on_both_servers
def test_two_ingests_of_one_source_at_once_do_no_harm(bring: Ingest, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curator.ingest.pipeline.BATCH", 3)  # many commits, so that they cross
    items = bring.read(drawn)
    refused = Refused("images/x.jpg", "it has no mask.")
    summaries: list[IngestSummary] = []
    both = threading.Barrier(2)

    def go(mine: list[RawPair | Refused]) -> None:
        both.wait()
        summaries.append(bring([refused, *mine]))

    threads = [threading.Thread(target=go, args=[mine]) for mine in (items, items[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(summary.added for summary in summaries) == 18
    assert sum(summary.already for summary in summaries) == 18
    assert (bring.count(Submission), bring.count(Example), bring.count(Source)) == (18, 16, 1)
    assert bring.count(Refusal, Refusal.not_read.is_(False)) == 1
    with reading(bring.engine) as session:
        assert wrongly_standing(session) == []


def test_a_full_disk_ends_an_ingest_in_words_and_what_was_told_before_is_in(
    engine: Engine, clock: FakeClock, drawn: Path, full_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curator.ingest.pipeline.BATCH", 1)
    store = Store(str(full_disk / "store"))
    bring = Ingest(engine, store, clock, tmp_path)
    bring.workers = Workers(ThreadPoolExecutor, 1, store.url)  # one pair after the other: the first has room
    pairs, told = bring.read(drawn)[:5], []
    with pytest.raises(DiskFullError, match="disk is full"):
        bring(pairs, on_progress=lambda summary: told.append(summary.added))
    assert 0 < bring.count(Submission) < 5
    assert bring.count(Submission) == told[-1]
    (full_disk / "filler").unlink()
    rest = bring(pairs)
    assert (rest.added + told[-1], bring.count(Submission)) == (5, 5)


def test_a_source_is_spooled_and_counted(drawn: Path, bring: Ingest) -> None:
    items = [*bring.read(drawn), Refused("x", "why")]
    with spooled(iter(items)) as (number, again):
        assert (number, list(again()), list(again())) == (len(items), items, items)
    with spooled([]) as (number, again):
        assert (number, list(again())) == (0, [])


def test_the_progress_line_says_how_far_it_is_and_what_is_saved_so_far() -> None:
    summary = IngestSummary(seen=1200, added=1100, already=97, refusals=3)
    assert cutting_in_words(1213, 2000, summary) == (
        "Cutting crops: 1,213 of 2,000; saved so far: 1,100 added, 97 already here, 3 refused"
    )
    assert cutting_in_words(4, 5, IngestSummary()) == "Cutting crops: 4 of 5"


def test_progress_moves_with_every_photo_and_not_with_what_belongs_to_none(bring: Ingest, drawn: Path) -> None:
    told: list[int] = []
    bring([NotRead("notes.txt", "no photo"), *bring.read(drawn)[:3], Refused("x.jpg", "no mask")], on_examined=told.append)
    assert told == [0, 1, 2, 3, 4]


def test_the_same_photo_with_another_mask_stays_in_its_split(bring: Ingest, drawn: Path, tmp_path: Path) -> None:
    pairs = [item for item in bring.read(drawn) if isinstance(item, RawPair)][:3]
    bring([RawPair(one.name, one.photo, one.mask) for one in pairs], split=Split.test)
    other = tmp_path / "other.png"
    assert isinstance(pairs[0].mask, Path)
    mask = cv2.imread(str(pairs[0].mask), cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    other.write_bytes(cv2.imencode(".png", 255 - mask)[1].tobytes())
    bring([RawPair(pairs[0].name, pairs[0].photo, other, split=Split.train)])  # whatever its source says
    with reading(bring.engine) as session:
        assert set(session.scalars(select(Example.split))) == {Split.test}


def test_stopping_in_the_middle_keeps_what_is_in_and_starting_again_goes_on(
    bring: Ingest, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curator.ingest.pipeline.BATCH", 4)
    pairs = bring.read(drawn)[:7]

    def stop(summary: IngestSummary) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        bring(pairs, on_progress=stop)
    assert bring.count(Submission) == 4
    rest = bring(pairs)
    assert (rest.already, rest.added) == (4, 3)
    assert bring.count(Submission) == 7


def test_a_wish_to_stop_is_heard_while_no_result_comes(bring: Ingest, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()
    monkeypatch.setattr("curator.ingest.pipeline.examine", lambda *given, **named: asked.wait(20))

    def stop(summary: IngestSummary) -> None:
        asked.set()
        raise Cancelled

    with pytest.raises(Cancelled):
        bring(bring.read(drawn)[:1], while_waiting=stop)


def test_doubt_ranks_bad_masks_over_good_ones(bring: Ingest, drawn: Path) -> None:
    bring(bring.read(drawn))
    kinds = dict(line.split(",")[0::6] for line in (drawn / "manifest.csv").read_text().splitlines()[1:])
    with reading(bring.engine) as session:
        doubts: dict[bool, list[float]] = {True: [], False: []}
        for example in session.scalars(select(Example)):
            assert example.suspicion is not None
            doubts[kinds[example.submission.photo_name] == "good"].append(example.suspicion.value)
    assert len(doubts[False]) >= 2
    assert np.mean(doubts[False]) > np.mean(doubts[True]) + 0.2


def test_a_lying_portrait_stands_upright_in_its_crop_and_a_remark_says_so(bring: Ingest, tmp_path: Path) -> None:
    portrait = draw_portrait(np.random.default_rng(1))
    hair = np.where(portrait.alpha > 0.5, np.uint8(255), np.uint8(0))
    for folder, picture in (("images", portrait.photo), ("masks", hair)):
        (tmp_path / "lying" / folder).mkdir(parents=True)
        lying = np.rot90(picture, k=-1)
        cv2.imwrite(str(tmp_path / "lying" / folder / "a.png"), lying[..., ::-1] if lying.ndim == 3 else lying)
    assert bring(bring.read(tmp_path / "lying")).added == 1
    with reading(bring.engine) as session:
        example = session.scalars(select(Example)).one()
        assert 60 <= example.crop_rotation <= 90
        words = f"the face is tilted; the photo was turned by {example.crop_rotation:.0f} degrees."
        assert words in session.scalars(select(Remark.words)).all()
        mask = decode_mask(bring.store.get(example.mask_sha256))
    rows = np.nonzero(mask)[0]
    assert rows.mean() < CROP_SIDE / 2  # hair is above the face again
