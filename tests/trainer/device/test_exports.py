"""Both networks, exported for real: the file computes what the run computes, whatever its format and precision."""

import zipfile

import keras
import numpy as np
import pytest

from trainer.device import coreml, litert
from trainer.device.interpreter import CoreMlProgram
from trainer.device.litert_runtime import LiteRt
from trainer.device.verify import TOLERANCE
from trainer.models import build
from trainer.runs import TrainedRun

SIZE = 64


@pytest.fixture(scope="module", params=["hairmattenet", "hairsegnet"])
def untrained(request):
    """A network with lively random weights: a fresh one's matte is nearly flat, and flat mattes agree too easily."""
    keras.utils.set_random_seed(0)
    model = build(request.param, SIZE, 16).model
    last = model.get_layer("last_conv")
    last.set_weights([30 * last.get_weights()[0], last.get_weights()[1]])
    return TrainedRun(3, 2, request.param, SIZE, 1, "scratch", model)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)


# Every precision once, and the dilated network where most can go wrong: a conversion takes seconds.
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_core_ml_package_computes_what_the_run_computes(untrained, image, precision, tmp_path):
    file = coreml.export(untrained, "ab" * 32, precision, tmp_path)
    assert file.name == f"{untrained.name}.mlpackage.zip"
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path / "out")
    program = CoreMlProgram(tmp_path / "out" / f"{untrained.name}.mlpackage")
    expected = untrained.alpha(image[None])[0]
    assert expected.std() > 0.01
    assert program.output == "matte"
    assert np.abs(program.alpha(image) - expected).max() <= TOLERANCE[precision]


def test_core_ml_package_says_what_it_is(untrained, tmp_path):
    coreml.export(untrained, "ab" * 32, "float16", tmp_path)
    spec = coreml.ct.models.MLModel(str(tmp_path / f"{untrained.name}.mlpackage"), skip_model_load=True).get_spec()
    [taken], [given] = spec.description.input, spec.description.output
    colours = type(taken.type.imageType)
    assert (taken.name, taken.type.imageType.width, taken.type.imageType.colorSpace) == ("image", SIZE, colours.RGB)
    assert (given.name, given.type.imageType.height, given.type.imageType.colorSpace) == ("matte", SIZE, colours.GRAYSCALE)
    assert spec.specificationVersion == 7  # iOS 16
    metadata = spec.description.metadata
    assert dict(metadata.userDefined)["winnow.curated_set_sha256"] == "ab" * 32
    assert "from scratch" in metadata.license


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_litert_file_computes_what_the_run_computes(untrained, image, precision, tmp_path):
    model = LiteRt(litert.export(untrained, precision, tmp_path))
    assert model.size == SIZE
    assert np.abs(model.alpha(image) - untrained.alpha(image[None])[0]).max() <= TOLERANCE[precision]
