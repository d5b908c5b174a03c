"""Both networks, really exported: the file computes the same as the run, in each format."""

import zipfile

import keras
import numpy as np
import pytest

from trainer.device import coreml, litert
from trainer.device.copy import NearestUpsampling, for_device
from trainer.device.formats import DEFAULT_PRECISION, EXPORT_PRECISIONS, FORMAT_TITLES, FORMATS, TOLERANCE
from trainer.device.interpreter import CoreMlProgram
from trainer.device.litert_runtime import LiteRt
from trainer.models import build
from trainer.runs import TrainedRun

pytestmark = pytest.mark.slow

SIZE = 64
PRECISION = {"hairmattenet": "float32", "hairsegnet": "int8"}  # a conversion takes seconds, so each network has one


@pytest.fixture(scope="module", params=sorted(PRECISION))
def untrained(request):
    """A network with large random weights: the matte of an untrained one is nearly flat, and flat mattes agree too easily."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = build(request.param, SIZE, 16).model
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.set_weights([rng.normal(0, 0.4, layer.kernel.shape)])
        elif isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(1.65 * layer.kernel)  # each ReLU halves the variance
    return TrainedRun(3, 2, request.param, SIZE, 1, "scratch", model)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def expected(untrained, image):
    alpha = untrained.alpha(image[None])[0]
    assert alpha.std() > 0.01
    return alpha


@pytest.fixture(scope="module")
def package(untrained, tmp_path_factory):
    """A Core ML package, unpacked from the zip for download."""
    folder = tmp_path_factory.mktemp(untrained.network)
    file = coreml.export(untrained, "ab" * 32, PRECISION[untrained.network], folder)
    assert file.name == f"{untrained.network}.mlpackage.zip"
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / "out")
    return folder / "out" / f"{untrained.network}.mlpackage"


def test_every_format_has_a_title_and_a_default_and_every_precision_a_tolerance():
    assert tuple(FORMAT_TITLES) == tuple(DEFAULT_PRECISION) == FORMATS
    assert tuple(TOLERANCE) == EXPORT_PRECISIONS


def test_core_ml_package_computes_what_the_run_computes(untrained, package, image, expected):
    difference = np.abs(CoreMlProgram(package).alpha(image) - expected)
    assert difference.max() <= TOLERANCE[PRECISION[untrained.network]]


def test_core_ml_package_says_what_it_is(package):
    spec = coreml.ct.models.MLModel(str(package), skip_model_load=True).get_spec()
    [taken], [given] = spec.description.input, spec.description.output
    colours = type(taken.type.imageType)
    assert (taken.name, taken.type.imageType.width, taken.type.imageType.colorSpace) == ("image", SIZE, colours.RGB)
    assert (given.name, given.type.imageType.height, given.type.imageType.colorSpace) == ("matte", SIZE, colours.GRAYSCALE)
    assert spec.specificationVersion == 7  # iOS 16
    assert dict(spec.description.metadata.userDefined)["winnow.curated_set_sha256"] == "ab" * 32
    assert "from scratch" in spec.description.metadata.license


def test_litert_file_computes_what_the_run_computes(untrained, image, expected, tmp_path):
    precision = PRECISION[untrained.network]
    model = LiteRt(litert.export(untrained, precision, tmp_path))
    assert model.size == SIZE
    assert np.abs(model.alpha(image) - expected).max() <= TOLERANCE[precision]


def test_the_copy_for_devices_is_the_same_network(untrained, image, expected):
    copy = for_device(untrained.model)
    assert not any(isinstance(layer, keras.layers.UpSampling2D) for layer in copy.layers)
    assert sum(isinstance(layer, NearestUpsampling) for layer in copy.layers) in (3, 5)
    alpha = copy(image[None].astype(np.float32) / 127.5 - 1, training=False).numpy()[0, ..., 1]
    np.testing.assert_allclose(alpha, expected, atol=1e-5)


def test_what_only_the_fcn_has_is_run_too(image, tmp_path):
    """Pooling and bilinear upsampling, in a small network; the hair channel of three classes is used."""
    keras.utils.set_random_seed(2)
    taken = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.MaxPooling2D(2)(keras.layers.Conv2D(4, 3, strides=2, padding="same")(taken))
    x = keras.layers.UpSampling2D(4, interpolation="bilinear")(x)
    x = keras.layers.Softmax()(3 * keras.layers.Conv2D(3, 1)(x))
    run = TrainedRun(1, 1, "fcn-vgg16", SIZE, 1, "scratch", keras.Model(taken, x))
    expected = run.alpha(image[None])[0]
    assert expected.std() > 0.01
    assert np.abs(LiteRt(litert.export(run, "float32", tmp_path)).alpha(image) - expected).max() < 1e-4
    with zipfile.ZipFile(coreml.export(run, "ab" * 32, "float32", tmp_path)) as archive:
        archive.extractall(tmp_path / "out")
    assert np.abs(CoreMlProgram(tmp_path / "out" / "fcn-vgg16.mlpackage").alpha(image) - expected).max() < 1e-4
