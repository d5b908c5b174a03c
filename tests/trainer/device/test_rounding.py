"""The run's network with rounded weights; names of operations; the first layer that differs."""

import keras
import numpy as np
import pytest

from tests.tiny_trainer import build
from trainer.device.rounding import first_difference, folded, layer_finder, rounded
from trainer.device.saved import StoredConvolution, stored_float


@pytest.fixture(scope="module")
def model():
    """The tiny network, whose batch normalisation has seen something."""
    keras.utils.set_random_seed(1)
    made = build(32, 4, 2).model
    rng = np.random.default_rng(1)
    made.get_layer("bn").set_weights([rng.uniform(0.5, 2, 4), rng.normal(size=4), rng.normal(size=4), rng.uniform(0.5, 2, 4)])
    return made


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(2).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)


def stored(model, kind=np.float32):
    """The network's weights as a file would hold them, under names as exporters make them."""
    return {
        f"hairmattenet_1/{name}_1/convolution": StoredConvolution(
            stored_float(each.kernel.astype(kind)), stored_float(each.bias.astype(kind))
        )
        for name, each in folded(model).items()
    }


def test_folding_changes_nothing_that_is_computed(model, image):
    expected = model(image, training=False)[..., 1].numpy()
    assert expected.std() > 0.01
    found = rounded(model, stored(model), "float32")
    assert found.wrong == []
    np.testing.assert_allclose(found.alpha(image), expected, atol=1e-6)


def test_rounded_weights_are_taken_over(model, image):
    found = rounded(model, stored(model, np.float16), "float16")
    assert found.wrong == []
    kernel = np.asarray(found.model.get_layer("conv").kernel)
    np.testing.assert_array_equal(kernel, kernel.astype(np.float16).astype(np.float32))
    assert 0 < np.abs(found.alpha(image) - model(image, training=False)[..., 1].numpy()).max() < 0.01


def test_another_precision_a_missing_layer_and_one_given_twice_are_wrong(model):
    given = stored(model, np.float16)
    assert rounded(model, given, "float32").wrong == ["conv", "depthwise", "last_conv"]
    first = next(iter(given))
    assert rounded(model, {name: each for name, each in given.items() if name != first}, "float16").wrong == ["conv"]
    twice = {**given, "hairmattenet_1/bn_1/again": given[first]}
    assert rounded(model, twice, "float16").wrong == ["conv"]


def test_a_convolution_without_a_layers_name_stands_for_the_layer_that_no_name_contains(model):
    given = stored(model)
    renamed = {"conv_0" if "last_conv" in name else name: each for name, each in given.items()}
    assert rounded(model, renamed, "float32").wrong == []


def test_weights_that_are_not_the_runs_are_left_as_in_the_run(model):
    given = stored(model)
    name = next(iter(given))
    kernel = given[name].kernel.values.copy()
    kernel[0, 0, 0, 0] += 1
    given[name] = StoredConvolution(stored_float(kernel), given[name].bias)
    found = rounded(model, given, "float32")
    assert found.wrong == ["conv"]
    np.testing.assert_allclose(found.model.get_layer("conv").kernel, folded(model)["conv"].kernel, rtol=1e-6)


@pytest.mark.parametrize(
    ("operation", "layer", "convolution"),
    [
        ("hairmattenet_1_bn_1_batchnorm_mul_1x_cast_fp16", "bn", "conv"),
        ("hairmattenet_1/bn_1/batchnorm/mul_1;hairmattenet_1/conv_1/convolution", "bn", "conv"),
        ("hairmattenet_1_last_conv_1_convolutionx", "last_conv", "last_conv"),
        ("hairmattenet_1/up_1/ResizeNearestNeighbor", "up", None),
        ("conv_0", None, None),
        ("another_1/conv_1/convolution", None, None),
    ],
)
def test_layers_are_found_in_the_names_of_operations(model, operation, layer, convolution):
    find = layer_finder(model)
    assert find(operation) == layer
    assert find(operation, among=["conv", "depthwise", "last_conv"]) == convolution


def test_the_first_layer_that_differs_is_named_and_fused_ones_are_passed_over(model, image):
    expected = rounded(model, stored(model), "float32").tensors(image[0])
    found = {f"hairmattenet_1/{name}_1/x": output.copy() for name, output in expected.items() if name != "bn"}
    find = layer_finder(model)
    assert first_difference(expected, found, find, 1e-4) is None
    found["hairmattenet_1/last_conv_1/x"] *= 2
    assert first_difference(expected, found, find, 1e-4) == "last_conv"
    found["hairmattenet_1/depthwise_1/x"][0, 0, 0] = np.nan
    assert first_difference(expected, found, find, 1e-4) == "depthwise"
