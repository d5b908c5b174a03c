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
from trainer.device.verify import verify, verify_file
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
    assert result["mean_abs_diff"] <= result["max_abs_diff"] <= result["tolerance"] == 1e-4
    assert result["intact"] is True
    assert result["differs_at"] is None
    assert all(abs(result[name]) < 0.05 for name in ("cost_f1", "cost_iou", "cost_gradient_consistency"))
    [proof] = proofs(engine)
    assert proof.passed
    assert proof.cost_f1 == result["cost_f1"]


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
    assert verify(engine, store, settings, 1, clock)["passed"] is False
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


@pytest.mark.parametrize("format_", ["coreml", "litert"])
def test_a_lost_file_is_reported(trained, engine, store, settings, clock, format_):
    Path(export(engine, settings, trained, format_, None, clock)["file"]).unlink()
    with pytest.raises(WinnowError, match="Export the run again"):
        verify(engine, store, settings, 1, clock)
    assert proofs(engine) == []


@pytest.mark.parametrize("format_", ["coreml", "litert"])
def test_a_damaged_file_does_not_pass_and_the_next_proof_counts(trained, engine, store, settings, clock, format_):
    file = Path(export(engine, settings, trained, format_, None, clock)["file"])
    intact = file.read_bytes()
    file.write_bytes(intact[:400])
    found = verify(engine, store, settings, 1, clock)
    assert (found["passed"], found["images"], found["max_abs_diff"], found["cost_f1"]) == (False, 0, None, None)
    assert "was run" in found["outcome"]
    file.write_bytes(intact)
    verify(engine, store, settings, 1, clock)
    assert [proof.passed for proof in proofs(engine)] == [False, True]


def test_an_export_from_before_files_had_hashes_has_to_be_made_again(trained, engine, store, settings, clock):
    export(engine, settings, trained, "litert", None, clock)
    with writing(engine) as session:
        session.get_one(Export, 1).file_hash = None
    with pytest.raises(WinnowError, match="made before files had hashes"):
        verify(engine, store, settings, 1, clock)


def test_a_copy_elsewhere_is_proven_by_its_path(trained, engine, store, settings, clock, tmp_path):
    export(engine, settings, trained, "litert", None, clock)
    package = Path(export(engine, settings, trained, "coreml", None, clock)["file"])
    copy = shutil.copyfile(package, tmp_path / "copy.zip")
    with zipfile.ZipFile(package) as archive:
        archive.extractall(tmp_path / "unzipped")
    folder = tmp_path / "unzipped" / "hairmattenet.mlpackage"
    for path, run in ((copy, None), (folder, None), (folder, 1)):
        found = verify_file(engine, store, settings, path, run, clock)
        assert (found["export"], found["passed"], found["images"]) == (2, True, 2)
    assert [proof.export_id for proof in proofs(engine)] == [2, 2, 2]


def test_a_changed_copy_is_compared_with_the_runs_most_similar_export(trained, engine, store, settings, clock, tmp_path):
    for precision in ("float32", "float16"):
        package = Path(export(engine, settings, trained, "coreml", precision, clock)["file"])
        with zipfile.ZipFile(package) as archive:
            archive.extractall(tmp_path / precision)
    folder = tmp_path / "float32" / "hairmattenet.mlpackage"
    weights = next(folder.rglob("weight.bin"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(WinnowError, match="Name its run with --run"):
        verify_file(engine, store, settings, folder, None, clock)
    found = verify_file(engine, store, settings, folder, 1, clock)
    assert (found["export"], found["passed"], found["images"]) == (1, False, 0)
    assert found["differs_at"] == "Data/com.apple.CoreML/weights/weight.bin has changed"
    assert proofs(engine) == []  # the export's own file is another one
    with pytest.raises(WinnowError, match="There is no run 9"):
        verify_file(engine, store, settings, folder, 9, clock)
    with pytest.raises(WinnowError, match="There is no file"):
        verify_file(engine, store, settings, tmp_path / "none.zip", 1, clock)
    with pytest.raises(WinnowError, match="no export in this format"):
        verify_file(engine, store, settings, Path(shutil.copyfile(weights, tmp_path / "a.tflite")), 1, clock)


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
