"""Both networks, really exported: the file computes the same as the run, in each format."""

import zipfile
from dataclasses import replace

import keras
import numpy as np
import pytest

from trainer.device import coreml, litert
from trainer.device.copy import NearestUpsampling, for_device
from trainer.device.formats import DEFAULT_PRECISION, EXPORT_PRECISIONS, FORMAT_TITLES, FORMATS, INPUT_TOLERANCE, TOLERANCE
from trainer.device.interpreter import CoreMlProgram
from trainer.device.litert_program import LiteRtProgram
from trainer.device.litert_runtime import LiteRt
from trainer.device.rounding import first_difference, layer_finder, rounded
from trainer.models import build
from trainer.runs import TrainedRun, network_input

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


def test_every_format_has_a_title_and_a_default_and_every_precision_a_limit_for_its_input():
    assert tuple(FORMAT_TITLES) == tuple(DEFAULT_PRECISION) == FORMATS
    assert tuple(INPUT_TOLERANCE) == EXPORT_PRECISIONS


def check_program(program, run, image, precision):
    """The program computes what the run's network computes with the weights rounded alike; layer by layer, too."""
    trace = program.trace(image)
    reference = rounded(run.model, program.convolutions(), precision)
    assert reference.wrong == []
    assert np.abs(trace.network_input - network_input(image).numpy()).max() <= INPUT_TOLERANCE[precision]
    assert np.abs(trace.float_alpha - reference.alpha(trace.network_input[None])[0]).max() <= TOLERANCE
    layers = reference.tensors(trace.network_input)
    assert first_difference(layers, trace.tensors, layer_finder(run.model), TOLERANCE) is None
    compared = {layer_finder(run.model)(operation) for operation in trace.tensors}
    middle = [name for name in layers if name in compared][len(compared) // 2]
    wrong = {name: output + 1 if name == middle else output for name, output in layers.items()}
    assert first_difference(wrong, trace.tensors, layer_finder(run.model), TOLERANCE) == middle


def test_core_ml_package_computes_what_the_run_computes(untrained, package, image):
    check_program(CoreMlProgram(package), untrained, image, PRECISION[untrained.network])


def test_core_ml_package_says_what_it_is(package):
    spec = coreml.ct.models.MLModel(str(package), skip_model_load=True).get_spec()
    [taken], [given] = spec.description.input, spec.description.output
    colours = type(taken.type.imageType)
    assert (taken.name, taken.type.imageType.width, taken.type.imageType.colorSpace) == ("image", SIZE, colours.RGB)
    assert (given.name, given.type.imageType.height, given.type.imageType.colorSpace) == ("matte", SIZE, colours.GRAYSCALE)
    assert spec.specificationVersion == 7  # iOS 16
    assert dict(spec.description.metadata.userDefined)["winnow.curated_set_sha256"] == "ab" * 32
    assert "from scratch" in spec.description.metadata.license


def test_litert_file_computes_what_the_run_computes(untrained, image, tmp_path):
    precision = PRECISION[untrained.network]
    file = litert.export(untrained, precision, tmp_path)
    program = LiteRtProgram(file)
    assert program.size == LiteRt(file).size == SIZE
    check_program(program, untrained, image, precision)
    np.testing.assert_array_equal(program.trace(image).alpha, LiteRt(file).alpha(image))


def test_weights_are_stored_as_the_precision_says_and_a_scaled_layer_is_found(untrained, package):
    precision = PRECISION[untrained.network]
    stored = CoreMlProgram(package).convolutions()
    as_it_says = [name for name, each in stored.items() if each.kernel.storage == precision]
    assert len(as_it_says) > 20
    name = as_it_says[5]
    kernel = stored[name].kernel
    stored[name] = replace(stored[name], kernel=replace(kernel, values=1.01 * kernel.values))
    [wrong] = rounded(untrained.model, stored, precision).wrong
    assert layer_finder(untrained.model)(name, among=[wrong]) == wrong


def test_weights_that_are_almost_0_are_those_of_the_run(tmp_path):
    taken = keras.Input((SIZE, SIZE, 3))
    convolution = keras.layers.Conv2D(4, 3, padding="same", name="almost")
    made = keras.layers.Softmax()(keras.layers.Conv2D(2, 1, name="last")(convolution(taken)))
    kernel = np.random.default_rng(4).normal(size=(3, 3, 3, 4))
    kernel[0, 0, 0] = [2e-8, -2e-8, 4e-8, 0]
    convolution.set_weights([kernel, np.array([1e-8, -1e-8, 1e-3, 0])])
    run = TrainedRun(1, 1, "almost", SIZE, 1, "scratch", keras.Model(taken, made))
    coreml.export(run, "ab" * 32, "float16", tmp_path)
    stored = CoreMlProgram(tmp_path / "almost.mlpackage").convolutions()
    [(name, almost)] = [(name, each) for name, each in stored.items() if each.bias.values.shape == (4,)]
    smallest = np.float32(2.0**-24)
    found = almost.bias.values
    np.testing.assert_array_equal(found, [smallest, -smallest, np.float16(1e-3), 0])  # the nearest to the first two is 0
    assert rounded(run.model, stored, "float16").wrong == []
    for at, value in [(0, 0), (0, -smallest), (0, 2 * smallest), (3, smallest)]:  # the nearest is right, too; nothing else is
        bias = found.copy()
        bias[at] = value
        changed = stored | {name: replace(almost, bias=replace(almost.bias, values=bias))}
        assert rounded(run.model, changed, "float16").wrong == ([] if value == 0 else ["almost"])


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
    x = keras.layers.Softmax()(keras.layers.Conv2D(3, 1, kernel_initializer=keras.initializers.RandomNormal(stddev=3))(x))
    run = TrainedRun(1, 1, "fcn-vgg16", SIZE, 1, "scratch", keras.Model(taken, x))
    expected = run.alpha(image[None])[0]
    assert expected.std() > 0.01
    coreml.export(run, "ab" * 32, "float32", tmp_path)
    for program in (LiteRtProgram(litert.export(run, "float32", tmp_path)), CoreMlProgram(tmp_path / "fcn-vgg16.mlpackage")):
        assert np.abs(program.trace(image).alpha - expected).max() < 1e-4
        assert rounded(run.model, program.convolutions(), "float32").wrong == []
