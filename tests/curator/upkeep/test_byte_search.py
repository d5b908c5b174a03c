"""Names, hashes and photos are found in any file, also where two chunks meet; words in a picture's noise are not."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from curator.upkeep import byte_search
from curator.upkeep.byte_search import Sought, search_bytes
from curator.upkeep.words import Words

PHOTO = b"the bytes of a photo"
SHA256 = hashlib.sha256(PHOTO).hexdigest()
SOUGHT = Sought(Words(("Nora Quist",)), SHA256.__eq__)


def found(tmp_path: Path, data: bytes, sought: Sought = SOUGHT, *, side_by_side: bool = False) -> list[str]:
    (tmp_path / "file").write_bytes(data)
    searched = search_bytes([tmp_path / "file", tmp_path / "gone"], sought, side_by_side=side_by_side)
    assert (searched.files, searched.bytes) == (1, len(data))
    return [what for _, what in searched.found]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\0\1\2NORA_QUIST\0\xff", ["the name"]),
        (b'{"who": "nora-quist"}', ["the name"]),
        (b"Nora%20Quist", ["the name"]),
        (b"Nora_Quistmann", []),
        (PHOTO, ["a photo"]),
        (f"0{SHA256}f".encode(), ["the hash of a photo"]),
        (b"a quist", []),
    ],
)
def test_what_is_in_a_file_is_found(tmp_path: Path, data: bytes, what: list[str]) -> None:
    assert found(tmp_path, data) == what


def test_in_a_database_a_name_may_touch_other_text(tmp_path: Path) -> None:
    assert found(tmp_path, b"folderNora Quistform 7", side_by_side=True) == ["the name"]


@pytest.mark.parametrize("name", ["Zoë Núñez", "李明"])
def test_other_scripts_are_found_as_text_as_json_and_as_a_url(tmp_path: Path, name: str) -> None:
    sought = Sought(Words((name,)))
    for data in (name, ascii(name).replace("\\x", "\\u00"), name.upper()):
        assert found(tmp_path, f"by {data} and Bo".encode(), sought) == ["the name"], data


def test_a_name_is_found_where_two_chunks_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_search, "CHUNK", 2**13)
    for at in range(2**13 - 12, 2**13 + 2):
        assert found(tmp_path, b" " * at + b"Nora Quist" + b" " * 9000) == ["the name"], at


def test_a_short_word_in_a_pictures_noise_is_no_name(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, 2**20, np.uint8).tobytes()
    assert b"bo" in noise.lower()
    assert found(tmp_path, noise, Sought(Words(("Bo",)))) == []
    assert found(tmp_path, noise + b"\0\0\0Artist: Bo\0\0\0" + noise, Sought(Words(("Bo",)))) == ["the name"]


def test_a_files_own_name_counts(tmp_path: Path) -> None:
    (tmp_path / "Nora_Quist_1.npy").write_bytes(b"")
    assert search_bytes([tmp_path / "Nora_Quist_1.npy"], SOUGHT).found == [(tmp_path / "Nora_Quist_1.npy", "its name")]
