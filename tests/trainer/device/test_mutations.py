"""A hundred seeded mutations of exported files, and of an exporter's work: none passes for the run."""

import io
import random
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from db.session import reading, writing
from db.tables import Export
from trainer import runs
from trainer.device import coreml, litert
from trainer.device.export import export
from trainer.device.integrity import fingerprint
from trainer.device.verify import verify
from trainer.runs import TrainedRun

pytestmark = pytest.mark.slow

FILES = [(format_, precision) for format_ in ("coreml", "litert") for precision in ("float32", "float16", "int8")]


# --- the file, after it was exported ----------------------------------------------------------------------------------


def flip_a_bit(data: bytes, random: random.Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def zero_some(data: bytes, random: random.Random) -> bytes:
    at = next(at for at in iter(lambda: random.randrange(len(data) - 200), None) if any(data[at : at + 200]))
    return data[:at] + bytes(200) + data[at + 200 :]


def cut_short(data: bytes, random: random.Random) -> bytes:
    return data[: random.randrange(1, len(data))]


def append(data: bytes, random: random.Random) -> bytes:
    return data + random.randbytes(8)


def in_package(change: Callable[[dict[str, bytes], random.Random], None]) -> Callable[[bytes, random.Random], bytes]:
    """A mutation of the files in a zipped package."""

    def mutate(data: bytes, random: random.Random) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        change(members, random)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name, coreml.EARLIEST), content)
        return out.getvalue()

    return mutate


def named(members: dict[str, bytes], ending: str) -> str:
    return next(name for name in members if name.endswith(ending))


@in_package
def flip_a_weights_bit(members: dict[str, bytes], random: random.Random) -> None:
    name = named(members, "weight.bin")
    members[name] = flip_a_bit(members[name], random)


@in_package
def alter_the_metadata(members: dict[str, bytes], random: random.Random) -> None:
    name = named(members, ".mlmodel")
    members[name] = members[name].replace(b"run 1, epoch", b"run 2, epoch")


@in_package
def rename_the_output(members: dict[str, bytes], random: random.Random) -> None:
    name = named(members, ".mlmodel")
    members[name] = members[name].replace(b"matte", b"maske")


@in_package
def add_a_file(members: dict[str, bytes], random: random.Random) -> None:
    members["hairmattenet.mlpackage/Data/extra.bin"] = random.randbytes(16)


@in_package
def remove_the_manifest(members: dict[str, bytes], random: random.Random) -> None:
    del members[named(members, "Manifest.json")]


BYTES = (flip_a_bit, flip_a_bit, zero_some, cut_short, append)
PACKAGE = (flip_a_weights_bit, flip_a_weights_bit, alter_the_metadata, rename_the_output, add_a_file, remove_the_manifest)


@pytest.mark.parametrize(("format_", "precision"), FILES)
def test_no_altered_file_passes_and_nothing_of_it_is_run(trained, engine, store, settings, clock, format_, precision):
    """9 or 15 mutations of each of the six files: 72."""
    file = Path(export(engine, settings, trained, format_, precision, clock)["file"])
    intact = file.read_bytes()
    seeded = random.Random(f"{format_} {precision}")
    for mutate in [*BYTES, *BYTES[:4], *(PACKAGE if format_ == "coreml" else ())]:
        data = mutate(intact, seeded)
        assert data != intact
        file.write_bytes(data)
        found = verify(engine, store, settings, 1, clock)
        assert (found["passed"], found["intact"], found["images"]) == (False, False, 0), mutate
    file.write_bytes(intact)
    assert verify(engine, store, settings, 1, clock)["outcome"].startswith("Every byte is as exported")


@pytest.mark.parametrize("format_", ["coreml", "litert"])
def test_a_file_of_another_precision_does_not_pass_in_its_place(trained, engine, store, settings, clock, format_):
    """6 mutations."""
    made = [Path(export(engine, settings, trained, format_, each, clock)["file"]) for each in ("float32", "float16", "int8")]
    contents = [file.read_bytes() for file in made]
    for shift in (1, 2):
        for number, file in enumerate(made, 1):
            file.write_bytes(contents[(number - 1 + shift) % 3])
            assert not verify(engine, store, settings, number, clock)["passed"]


# --- an exporter that goes wrong: the row has the hashes of what it wrote ---------------------------------------------


def copied(model: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def swap_channels(model: keras.Model) -> keras.Model:
    kernel = np.array(model.get_layer("conv").kernel)
    model.get_layer("conv").kernel.assign(kernel[..., ::-1])
    return model


def reverse_colours(model: keras.Model) -> keras.Model:
    model.get_layer("conv").kernel.assign(np.array(model.get_layer("conv").kernel)[:, :, ::-1])
    return model


def scale_a_layer(model: keras.Model) -> keras.Model:
    model.get_layer("depthwise").kernel.assign(1.01 * model.get_layer("depthwise").kernel)
    return model


def lose_a_bias(model: keras.Model) -> keras.Model:
    model.get_layer("bn").beta.assign(model.get_layer("bn").beta + 0.01)
    return model


def change_one_weight(model: keras.Model) -> keras.Model:
    kernel = np.array(model.get_layer("last_conv").kernel)
    kernel.flat[3] *= 1 + 2**-8
    model.get_layer("last_conv").kernel.assign(kernel)
    return model


def shift_by_a_pixel(model: keras.Model) -> keras.Model:
    image = keras.Input(model.input.shape[1:], name="image")
    x = layers.Cropping2D(((0, 1), (0, 0)), name="crop")(layers.ZeroPadding2D(((1, 0), (0, 0)), name="move")(image))
    for layer in model.layers[1:]:
        x = layer(x)
    return keras.Model(image, x, name=model.name)


def exported(engine, settings, clock, trained: TrainedRun, format_: str, precision: str, scratch: Path) -> int:
    """What an exporter wrote, with its row; the export's number."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    if format_ == "coreml":
        made = coreml.export(trained, "ab" * 32, precision, scratch)
    else:
        made = litert.export(trained, precision, scratch)
    name = f"runs/1/exports/wrong/{made.name}"
    settings.exported(name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, settings.exported(name))
    printed = fingerprint(made)
    with writing(engine) as session:
        row = Export(
            run_id=1, format=format_, precision=precision, file=name, bytes=1, created_at=clock(),
            file_hash=printed.file, parts=printed.parts,
        )  # fmt: skip
        session.add(row)
    return row.id


@pytest.mark.parametrize(
    ("mutate", "where"),
    [
        (swap_channels, "the weights of conv"),
        (reverse_colours, "the weights of conv"),
        (scale_a_layer, "the weights of depthwise"),
        (lose_a_bias, "the weights of conv"),
        (change_one_weight, "the weights of last_conv"),
        (shift_by_a_pixel, "the layer bn"),
    ],
)
@pytest.mark.parametrize(("format_", "precision"), [("coreml", "float16"), ("litert", "float32"), ("litert", "float16")])
def test_no_wrong_export_passes_and_the_first_wrong_layer_is_named(
    trained, engine, store, settings, clock, tmp_path, format_, precision, mutate, where
):
    """18 mutations."""
    with reading(engine) as session:
        right = runs.load(session, settings, 1)
    wrong = replace(right, model=mutate(copied(right.model)))
    number = exported(engine, settings, clock, wrong, format_, precision, tmp_path / "scratch")
    found = verify(engine, store, settings, number, clock)
    assert (found["passed"], found["intact"], found["images"]) == (False, True, 2)
    assert found["differs_at"].startswith(where)


@pytest.mark.parametrize(("format_", "precision"), FILES)
def test_files_in_another_precision_than_their_row_says_do_not_pass(
    trained, engine, store, settings, clock, tmp_path, format_, precision
):
    """Up to 6 mutations: the tiny network's kernels are too small for int8, so its int8 file has floats, as it should."""
    with reading(engine) as session:
        right = runs.load(session, settings, 1)
    number = exported(engine, settings, clock, right, format_, precision, tmp_path / "scratch")
    assert verify(engine, store, settings, number, clock)["differs_at"] is None
    claimed = {"float32": "float16", "float16": "float32", "int8": "float16" if format_ == "litert" else "float32"}[precision]
    with writing(engine) as session:
        session.get_one(Export, number).precision = claimed
    found = verify(engine, store, settings, number, clock)
    assert (found["passed"], found["intact"]) == (False, True)
    assert found["differs_at"].startswith("the weights of conv")
