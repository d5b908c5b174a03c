"""The previews of an upload: what they show of each meaning, and that they go with the upload."""

from pathlib import Path

import numpy as np
import pytest

from curator.formats import Embedded, NotRead, RawPair, Refused
from curator.ingest import uploads
from curator.ingest.previews import COUNT, SIDE, load, make_previews, save
from curator.ingest.uploads import SentFile, append, begin, cancel, claim, finish, whole
from curator.pictures.meaning import Meaning
from db.settings import Limits
from tests.curator.encoded import noise, saved
from tests.curator.ingest.test_uploads import ZIP, sent
from tests.curator.ingest.test_workers import THREADS

LIMITS = Limits()
VALUES = (0, 1, 2, 255)
MASK = np.zeros((300, 480), np.uint8)
MASK[:100], MASK[100:150], MASK[150:200] = 2, 1, 255


def pair(number: int) -> RawPair:
    return RawPair(f"{number}.png", Embedded(saved(noise(300, 480))), Embedded(saved(MASK)))


def test_a_preview_shows_each_meaning_at_the_photos_shape() -> None:
    items = [Refused("x", "why"), *map(pair, range(9)), NotRead("y", "why"), RawPair("z", Embedded(b"no"), Embedded(b"no"))]
    found = make_previews(lambda: iter(items), VALUES, THREADS, LIMITS)
    assert len(found) == COUNT
    one = found[0]
    assert (one.photo.shape, one.values.shape) == ((150, SIDE, 3), (150, SIDE))
    assert (one.hair(Meaning(VALUES, (2,)), VALUES) == 255).mean() == pytest.approx(1 / 3, abs=0.01)
    assert (one.hair(Meaning(VALUES, (2, 1)), VALUES) == 255).mean() == pytest.approx(1 / 2, abs=0.01)
    assert (one.unknown(Meaning(VALUES, (2,), (), (255,)), VALUES) == 255).mean() == pytest.approx(1 / 6, abs=0.01)


def test_the_usual_meaning_and_its_inverse_are_shown() -> None:
    white = RawPair("a.png", Embedded(saved(noise(300, 480))), Embedded(saved(np.where(MASK == 2, 255, 0).astype(np.uint8))))
    (one,) = make_previews(lambda: [white], (0, 255), THREADS, LIMITS)
    assert (one.hair(Meaning((0, 255)), (0, 255)) == 255).mean() == pytest.approx(1 / 3, abs=0.01)
    assert (one.hair(Meaning((0, 255), inverted=True), (0, 255)) == 255).mean() == pytest.approx(2 / 3, abs=0.01)


def arrived(folder: Path) -> SentFile:
    file = sent()
    begin(folder, "ada", file, 2**30)
    append(folder, "ada", file, 0, ZIP)
    finish(folder, "ada", file, LIMITS)
    return file


def test_previews_lie_beside_an_upload_and_go_with_it(tmp_path: Path) -> None:
    file = arrived(tmp_path)
    waiting = whole(tmp_path, "ada", file)
    assert waiting is not None
    assert load(waiting.path) == []
    made = make_previews(lambda: [pair(0)], VALUES, THREADS, LIMITS)
    save(made, waiting.path)
    (again,) = load(waiting.path)
    assert (again.photo == made[0].photo).all()
    cancel(tmp_path, "ada", file)
    assert list(tmp_path.iterdir()) == []


def test_a_claimed_upload_takes_its_previews_away(tmp_path: Path) -> None:
    file = arrived(tmp_path)
    waiting = whole(tmp_path, "ada", file)
    assert waiting is not None
    save(make_previews(lambda: [pair(0)], VALUES, THREADS, LIMITS), waiting.path)
    claimed = claim(tmp_path, "ada", file)
    assert claimed is not None
    assert list(tmp_path.iterdir()) == [claimed.path]
    save([], claimed.path)
    uploads.discard(claimed.path)
    assert list(tmp_path.iterdir()) == []


def test_damaged_previews_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.previews").write_bytes(b"PK\3\4 and no more")
    assert load(tmp_path / "a.zip") == []
