"""Which part of a file is not as it was exported."""

import zipfile

import pytest

from db.errors import WinnowError
from trainer.device.integrity import Fingerprint, fingerprint, first_change, likeness

PARTS = {
    "Manifest.json": b"{}",
    "Data/com.apple.CoreML/model.mlmodel": b"program",
    "Data/com.apple.CoreML/weights/weight.bin": b"w",
}


@pytest.fixture
def folder(tmp_path):
    package = tmp_path / "net.mlpackage"
    for name, content in PARTS.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes(content)
    return package


@pytest.fixture
def zipped(folder):
    file = folder.with_name("net.mlpackage.zip")
    with zipfile.ZipFile(file, "w") as archive:
        for name in PARTS:
            archive.write(folder / name, f"net.mlpackage/{name}")
    return file


def test_a_zip_and_its_folder_have_the_same_parts(zipped, folder):
    made, unzipped = fingerprint(zipped), fingerprint(folder)
    assert made.parts == unzipped.parts
    assert set(made.parts) == set(PARTS)
    assert (made.file is None, unzipped.file) == (False, None)
    assert first_change(made, fingerprint(zipped)) is first_change(made, unzipped) is None
    assert likeness(made.parts, unzipped.parts) == 3


def test_the_part_that_differs_is_named(zipped, folder):
    made = fingerprint(zipped)
    (folder / "Manifest.json").write_bytes(b"[]")
    assert first_change(made, fingerprint(folder)) == "Manifest.json has changed"
    (folder / "Manifest.json").unlink()
    assert first_change(made, fingerprint(folder)) == "Manifest.json is missing"
    (folder / "Manifest.json").write_bytes(b"{}")
    (folder / "A.txt").write_bytes(b"")
    assert first_change(made, fingerprint(folder)) == "A.txt was added"


def test_a_zip_with_the_same_parts_but_other_bytes_has_changed(zipped):
    made = fingerprint(zipped)
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.comment = b"more"
    assert first_change(made, fingerprint(zipped)) == "the file has changed"


def test_what_cannot_be_unzipped_says_so(zipped):
    made = fingerprint(zipped)
    data = bytearray(zipped.read_bytes())
    data[40:60] = bytes(20)
    zipped.write_bytes(data)
    assert first_change(made, fingerprint(zipped)) == "the file cannot be read"


def test_a_file_without_parts_is_compared_whole(tmp_path):
    file = tmp_path / "net.tflite"
    file.write_bytes(b"TFL3")
    made = fingerprint(file)
    assert made.parts == {}
    assert first_change(made, fingerprint(file)) is None
    file.write_bytes(b"TFL4")
    assert first_change(made, fingerprint(file)) == "the file has changed"
    assert first_change(made, Fingerprint(None, {})) == "the file has changed"  # an empty folder
    with pytest.raises(WinnowError, match="There is no file"):
        fingerprint(tmp_path / "none")
