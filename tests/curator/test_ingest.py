"""From a source to examples: drawn portraits, real dlib, a real store and database."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine, func, select

from curator.crop import SIDE
from curator.ingest import Summary, ingest
from curator.pictures import Limits, decode_mask, decode_photo
from curator.sample import write_sample
from curator.sources import RawPair, Refused, read
from db.jobs import Cancelled
from db.session import reading
from db.store import Store
from db.tables import Example, Refusal, Split, Submission
from tests.conftest import FakeClock


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen drawn pictures with their manifest; two show no face."""
    folder = tmp_path_factory.mktemp("drawn")
    write_sample(folder, 18, seed=3)
    return folder


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


class Ingest:
    """An ingest of a folder into a fresh home, as often as a test likes."""

    def __init__(self, engine: Engine, store: Store, executor: Executor, clock: FakeClock, tmp_path: Path) -> None:
        self.engine, self.store, self.executor, self.clock, self.tmp_path = engine, store, executor, clock, tmp_path

    def __call__(self, items: list[RawPair | Refused], **options: object) -> Summary:
        return ingest(
            items, adapter="folder", location="here", engine=self.engine, store=self.store, executor=self.executor,
            clock=self.clock, limits=Limits(), **options,
        )  # type: ignore[arg-type]  # fmt: skip

    def read(self, folder: Path) -> list[RawPair | Refused]:
        return list(read("manifest" if (folder / "manifest.csv").exists() else "folder", folder, self.tmp_path, Limits()))

    def count(self, table: type[Submission] | type[Example] | type[Refusal]) -> int:
        with reading(self.engine) as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def bring(engine: Engine, store: Store, executor: Executor, clock: FakeClock, tmp_path: Path) -> Ingest:
    return Ingest(engine, store, executor, clock, tmp_path)


def test_portraits_become_examples_and_the_rest_is_kept_aside(bring: Ingest, drawn: Path) -> None:
    summary = bring(bring.read(drawn))
    assert (summary.seen, summary.added, summary.already, summary.no_face, summary.refused) == (18, 18, 0, 2, [])
    with reading(bring.engine) as session:
        examples = list(session.scalars(select(Example)))
        assert len(examples) == 16
        for example in examples:
            image = decode_photo(bring.store.get(example.image_sha256))
            mask = decode_mask(bring.store.get(example.mask_sha256))
            assert image.shape == (SIDE, SIDE, 3)
            assert mask.shape == (SIDE, SIDE)
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


def test_a_contributor_is_in_one_split_only(bring: Ingest, drawn: Path) -> None:
    bring(bring.read(drawn))
    with reading(bring.engine) as session:
        rows = session.execute(select(Submission.contributor_id, Example.split).join(Example))
        splits: dict[int | None, set[Split]] = {}
        for contributor, split in rows:
            splits.setdefault(contributor, set()).add(split)
    assert len(splits) > 3
    assert all(len(found) == 1 for found in splits.values())


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
    monkeypatch.setattr("curator.ingest.BATCH", 4)
    pairs = bring.read(drawn)[:7]

    def stop(summary: Summary) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        bring(pairs, told=stop)
    assert bring.count(Submission) == 4
    rest = bring(pairs)
    assert (rest.already, rest.added) == (4, 3)
    assert bring.count(Submission) == 7


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
