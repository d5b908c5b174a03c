"""The MobileNet encoder: Keras' weights fit it, and dilation changes only the output's resolution."""

import keras
import numpy as np
import pytest

from db.errors import WinnowError
from trainer.encoder import DILATION, MOBILENET, VGG16, Application, encoder, imagenet


@pytest.fixture(scope="module")
def both():
    """A plain and a dilated encoder with the same random weights, including moving averages."""
    keras.utils.set_random_seed(1)
    plain, dilated = encoder(64, dilated=False), encoder(64, dilated=True)
    rng = np.random.default_rng(1)
    weights = [
        w * np.float32(1.5) + rng.uniform(0, 0.02, w.shape).astype(np.float32) * (w.ndim == 1) for w in plain.get_weights()
    ]
    plain.set_weights(weights)
    dilated.set_weights(weights)
    return plain, dilated


def outputs(model: keras.Model, layer: str, image: np.ndarray) -> np.ndarray:
    return keras.Model(model.input, model.get_layer(layer).output)(image, training=False).numpy()


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(2).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)


def test_shapes(both):
    plain, dilated = both
    assert plain.output.shape == (None, 2, 2, 1024)
    assert dilated.output.shape == (None, 8, 8, 1024)
    assert encoder(224, dilated=True).output.shape == (None, 28, 28, 1024)


def test_dilations_follow_the_strides_that_are_gone(both):
    assert DILATION == {
        "conv_dw_6": 1,
        "conv_dw_7": 2,
        "conv_dw_8": 2,
        "conv_dw_9": 2,
        "conv_dw_10": 2,
        "conv_dw_11": 2,
        "conv_dw_12": 2,
        "conv_dw_13": 4,
    }
    for name, dilation in DILATION.items():
        layer = both[1].get_layer(name)
        assert (layer.dilation_rate, layer.strides) == ((dilation, dilation), (1, 1))


def test_names_and_shapes_are_those_of_keras(both):
    keras_own = keras.applications.MobileNet(input_shape=(64, 64, 3), include_top=False, weights=None)
    named = [(layer.name, [w.shape for w in layer.weights]) for layer in keras_own.layers if layer.weights]
    for ours in both:
        assert [(layer.name, [w.shape for w in layer.weights]) for layer in ours.layers if layer.weights] == named


def test_both_are_equal_before_the_first_changed_stride(both, image):
    plain, dilated = both
    np.testing.assert_array_equal(outputs(plain, "conv_pw_5_relu", image), outputs(dilated, "conv_pw_5_relu", image))


@pytest.mark.parametrize(("layer", "every"), [("conv_pw_6_relu", 2), ("conv_pw_11_relu", 2), ("conv_pw_13_relu", 4)])
def test_the_dilated_output_holds_the_plain_one(both, image, layer, every):
    """A stride of 2 with padding below and to the right reads around rows 1, 3, 5 ...; twice that, around 3, 7, 11 ..."""
    plain, dilated = (outputs(model, layer, image) for model in both)
    assert plain.std() > 0
    np.testing.assert_allclose(dilated[:, every - 1 :: every, every - 1 :: every], plain, rtol=1e-4, atol=1e-5)


def test_imagenet_weights_fit_both(imagenet_file):
    weights = imagenet(MOBILENET, imagenet_file)
    reference = keras.applications.MobileNet(input_shape=(64, 64, 3), include_top=False, weights=str(imagenet_file))
    assert len(weights) == 135
    for dilated in (False, True):
        model = encoder(64, dilated=dilated)
        model.set_weights(weights)
        for name in ("conv1", "conv_dw_13", "conv_pw_13"):
            np.testing.assert_array_equal(model.get_layer(name).get_weights()[0], reference.get_layer(name).get_weights()[0])


def test_a_size_that_does_not_divide_is_refused():
    with pytest.raises(WinnowError) as error:
        encoder(100, dilated=False)
    assert str(error.value) == "The size is 100: the networks need a multiple of 32 pixels, such as 224 or 480."


def test_a_weights_file_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(WinnowError) as error:
        imagenet(MOBILENET, tmp_path / "none.h5")
    assert str(error.value) == (
        f"WINNOW_ENCODER_WEIGHTS names {tmp_path / 'none.h5'}, which does not exist. "
        "Correct it, or unset it to download the weights."
    )


@pytest.mark.parametrize("content", ["another network", "no weights at all"])
def test_a_file_with_other_weights_is_reported(tmp_path, content):
    file = tmp_path / "other.weights.h5"
    if content == "another network":
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(file)
    else:
        file.write_bytes(b"not an HDF5 file")
    with pytest.raises(WinnowError) as error:
        imagenet(MOBILENET, file)
    assert str(error.value) == (
        "other.weights.h5 does not hold the weights of keras.applications.MobileNet(include_top=False). "
        "Correct WINNOW_ENCODER_WEIGHTS, or unset it to download them."
    )


def test_the_weights_of_the_other_encoder_are_reported(tmp_path, encoder_file):
    with pytest.raises(WinnowError, match=r"does not hold the weights of keras.applications.VGG16\(include_top=False\)"):
        imagenet(VGG16, encoder_file)


def test_a_keras_file_is_not_opened_at_all(tmp_path):
    file = tmp_path / "model.keras"  # holds a network as well as numbers, and a network may hold code
    keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x)]).save(file)
    with pytest.raises(WinnowError) as error:
        imagenet(MOBILENET, file)
    assert str(error.value) == (
        "model.keras is not an .h5 file of weights. Correct WINNOW_ENCODER_WEIGHTS, or unset it to download them."
    )


def test_no_weights_where_the_download_fails():
    def offline(**_):
        raise Exception("URL fetch failure")

    assert imagenet(Application("MobileNet", offline), None) is None
