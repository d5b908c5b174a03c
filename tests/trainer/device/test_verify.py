"""Exports and their proofs: rows, files, and that a file with changed weights does not pass."""

import shutil
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from db.errors import WinnowError
from db.files import write
from db.session import reading, writing
from db.tables import Example, Export, Proof
from trainer.device.export import export
from trainer.device.litert_runtime import LiteRt, matte_from_file
from trainer.device.verify import verify
from trainer.runs import BEST

pytestmark = pytest.mark.slow


def proofs(engine) -> list[Proof]:
    with reading(engine) as session:
        return session.query(Proof).order_by(Proof.id).all()


@pytest.mark.parametrize(
    ("format_", "precision", "name"),
    [("coreml", "float16", "hairmattenet.mlpackage.zip"), ("litert", "float32", "hairmattenet.tflite")],
)
def test_an_export_and_its_proof(trained, engine, store, settings, clock, format_, precision, name):
    made = export(engine, settings, trained, format_, None, clock)
    file = Path(made["file"])
    assert (made["export"], made["precision"], file.name) == (1, precision, name)
    assert made["bytes"] == file.stat().st_size
    with reading(engine) as session:
        assert session.get_one(Export, 1).file == f"runs/1/exports/{sha256(file.read_bytes()).hexdigest()[:12]}/{name}"
    result = verify(engine, store, settings, 1, clock)
    assert result["passed"] is True
    assert result["images"] == 2  # the test split
    assert result["mean_abs_diff"] <= result["max_abs_diff"] <= result["tolerance"]
    assert proofs(engine)[0].passed


def test_a_second_export_leaves_the_first_one_alone(trained, engine, settings, clock):
    first = export(engine, settings, trained, "litert", "float32", clock)
    before = Path(first["file"]).read_bytes()
    second = export(engine, settings, trained, "litert", "float16", clock)
    assert first["file"] != second["file"]
    assert Path(first["file"]).read_bytes() == before
    assert not list((settings.runs / "1" / "exports").rglob(".part-*"))


def test_exporting_again_mends_a_damaged_file(trained, engine, store, settings, clock):
    first = export(engine, settings, trained, "litert", None, clock)
    Path(first["file"]).write_bytes(b"damaged")
    second = export(engine, settings, trained, "litert", None, clock)
    assert first["file"] == second["file"]
    assert verify(engine, store, settings, 1, clock)["passed"] is True


@pytest.mark.parametrize("format_", ["coreml", "litert"])
def test_runs_behind_a_url_are_exported_proven_and_tried_on(trained, engine, store, settings, clock, format_):
    from curator.runs.tryon import recolour_photo

    moved = settings.model_copy(update={"runs_url": f"memory://moved-{format_}"})
    write(moved.runs / "1" / BEST, (settings.runs / "1" / BEST).read_bytes())
    shutil.rmtree(settings.runs)
    made = export(engine, moved, trained, format_, None, clock)
    assert made["file"].startswith(f"{moved.runs}/1/exports/")
    assert verify(engine, store, moved, 1, clock)["passed"] is True
    assert not settings.runs.exists()
    with reading(engine) as session:
        file = moved.exported(session.get_one(Export, 1).file)
    if format_ == "litert":
        tried = recolour_photo(file, np.full((64, 64, 3), 120, np.uint8), "#8a2be2", 1.0, cropped=True)
        assert tried.matte.shape == (64, 64)
    file.unlink()
    with pytest.raises(WinnowError) as error:
        verify(engine, store, moved, 1, clock)
    assert str(error.value) == f"The file of export 1 is gone ({file}). Export the run again."
    with pytest.raises(WinnowError) as error:
        recolour_photo(file, np.full((64, 64, 3), 120, np.uint8), "#8a2be2", 1.0, cropped=True)
    assert str(error.value) == f"The exported file {file} is gone. Export the run again."


def tampered(file: Path) -> None:
    """Flip bits of the package's weights in the zip."""
    with zipfile.ZipFile(file) as archive:
        inner = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    [weights] = [name for name in inner if name.endswith("weight.bin")]
    data = bytearray(inner[weights])
    data[-64:] = bytes(byte ^ 0x40 for byte in data[-64:])
    inner[weights] = bytes(data)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in inner.items():
            archive.writestr(name, content)


def test_tampered_weights_do_not_pass(trained, engine, store, settings, clock):
    made = export(engine, settings, trained, "coreml", "float32", clock)
    assert verify(engine, store, settings, 1, clock)["passed"] is True
    tampered(Path(made["file"]))
    result = verify(engine, store, settings, 1, clock)
    assert result["passed"] is False
    assert result["max_abs_diff"] > result["tolerance"]
    assert [proof.passed for proof in proofs(engine)] == [True, False]


@pytest.mark.parametrize("damage", ["cut short", "gone"])
@pytest.mark.parametrize("format_", ["coreml", "litert"])
def test_a_damaged_or_lost_file_is_reported(trained, engine, store, settings, clock, format_, damage):
    file = Path(export(engine, settings, trained, format_, None, clock)["file"])
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:400])
    with pytest.raises(WinnowError, match="Export the run again"):
        verify(engine, store, settings, 1, clock)
    assert proofs(engine) == []


def test_erased_test_examples_leave_the_validation_ones_to_compare_on(trained, engine, store, settings, clock):
    export(engine, settings, trained, "litert", None, clock)
    with writing(engine) as session:
        for number in (5, 6):
            session.delete(session.get_one(Example, number))
    assert verify(engine, store, settings, 1, clock)["images"] == 2


def test_what_there_is_none_of_is_reported(trained, engine, store, settings, clock):
    for arguments, said in [
        ((9, "coreml", None), "There is no run 9. The newest is run 1."),
        ((1, "onnx", None), "There is no format onnx. Choose one of: coreml, litert."),
        ((1, "coreml", "int4"), "There is no precision int4. Choose one of: float32, float16, int8."),
    ]:
        with pytest.raises(WinnowError) as error:
            export(engine, settings, *arguments, clock)
        assert str(error.value) == said
    with pytest.raises(WinnowError) as error:
        verify(engine, store, settings, 2, clock)
    assert str(error.value) == "There is no export 2. Make one with `python -m trainer export`."


def test_the_runtime_makes_mattes_of_photos_of_any_shape(trained, engine, settings, clock):
    file = Path(export(engine, settings, trained, "litert", None, clock)["file"])
    alpha = matte_from_file(file, np.full((50, 80, 3), 120, np.uint8))
    assert (alpha.shape, alpha.dtype) == ((50, 80), np.float32)
    assert LiteRt(file).size == 32
