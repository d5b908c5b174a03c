"""Both networks: the paper's parameters and shapes, which kernels are regularised, and that saving loses nothing."""

import keras
import numpy as np
import pytest

from db.errors import WinnowError
from trainer.models import MODELS, build, regularized
from trainer.recipe import NETWORKS

pytestmark = pytest.mark.slow

PAPERS = ["hairmattenet", "hairsegnet"]


def test_every_network_has_a_builder():
    assert tuple(MODELS) == NETWORKS


@pytest.fixture(scope="module", params=PAPERS)
def network(request):
    keras.utils.set_random_seed(0)
    return build(request.param, 64, 16)


@pytest.mark.parametrize(("name", "trainable"), [("hairsegnet", 3_291_394), ("hairmattenet", 3_855_042)])
def test_trainable_parameters_are_the_papers(name, trainable):
    assert build(name, 224, 64).parameters == trainable  # 3.29 M and 3.86 M


@pytest.mark.parametrize("size", [32, 224, 480])
@pytest.mark.parametrize("name", PAPERS)
def test_the_matte_has_the_size_of_the_image(name, size):
    assert build(name, size, 64).model.output.shape == (None, size, size, 2)


@pytest.mark.parametrize("name", PAPERS)
def test_three_classes_are_one_channel_more(name):
    two, three = (build(name, 64, 16, classes) for classes in (1, 3))
    assert three.model.output.shape == (None, 64, 64, 3)
    assert three.parameters == two.parameters + 16 + 1


@pytest.mark.parametrize("depth", [16, 32, 64, 128])
def test_the_decoder_is_as_deep_as_asked(depth):
    model = build("hairmattenet", 64, depth).model
    assert {model.get_layer(f"up_{stride}_pointwise").filters for stride in (16, 8, 4, 2, 1)} == {depth}


def test_mixed_precision_keeps_weights_and_matte_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build("hairmattenet", 32, 16).model
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("up_1_pointwise").compute_dtype == "bfloat16"
    assert model(np.zeros((1, 32, 32, 3), np.float32), training=False).dtype == "float32"
    assert {str(variable.dtype) for variable in model.trainable_variables} == {"float32"}


def test_the_fcn_is_vgg16_with_its_dense_layers_as_convolutions_and_scores_of_three_strides():
    network = build("fcn-vgg16", 64, 64)
    vgg, dense = 14_714_688, (7 * 7 * 512 + 1) * 4096 + (4096 + 1) * 4096
    assert network.parameters == vgg + dense + (4096 + 512 + 256 + 3) * 2  # 134.3 M
    assert network.model.output.shape == (None, 64, 64, 2)
    network.start_from([np.full_like(weight, 0.5) for weight in network.encoder.get_weights()[2:]])
    kernels = {kernel.path.split("/")[-2] for kernel in regularized(network.model)}
    assert {"block1_conv1", "block5_conv3", "fc6", "fc7"} < kernels
    assert not kernels & {"score_32", "score_16", "score_8", "caffe_input"}
    # ImageNet's VGG16 takes BGR minus its mean. A white pixel is 1.0 in our input.
    turned = keras.Model(network.model.input, network.model.get_layer("caffe_input").output)
    white = turned(np.array([1, 0, -1], np.float32) * np.ones((1, 64, 64, 3), np.float32)).numpy()[0, 0, 0]
    np.testing.assert_allclose(white, [0 - 103.939, 127.5 - 116.779, 255 - 123.68], atol=1e-3)


def test_skips_take_the_deepest_encoder_layer_of_each_resolution():
    model = build("hairmattenet", 224, 64).model
    shapes = {
        name: model.get_layer(name).output.shape[1:] for name in ("skip_16_add", "skip_8_add", "skip_4_add", "skip_2_add")
    }
    assert shapes == {
        "skip_16_add": (14, 14, 1024),
        "skip_8_add": (28, 28, 64),
        "skip_4_add": (56, 56, 64),
        "skip_2_add": (112, 112, 64),
    }
    feeding = {stride: model.get_layer(f"skip_{stride}_conv").input.shape[-1] for stride in (16, 8, 4, 2)}
    assert feeding == {16: 512, 8: 256, 4: 128, 2: 64}  # conv_pw_11, 5, 3, 1


def test_softmax_adds_up(network):
    image = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    out = network.model(image, training=False).numpy()
    assert out.shape == (2, 64, 64, 2)
    np.testing.assert_allclose(out.sum(-1), 1, rtol=1e-5)


def test_weights_saved_and_loaded_give_the_same_matte(network, tmp_path):
    image = np.random.default_rng(0).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    network.model.save_weights(tmp_path / "a.weights.h5")
    other = build(network.model.name, 64, 16).model
    other.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(other(image, training=False), network.model(image, training=False))


def test_only_plain_convolutions_but_the_last_are_regularized(network):
    names = {kernel.path.split("/")[-2] for kernel in regularized(network.model)}
    pointwise = {f"conv_pw_{block}" for block in range(1, 14)} | {"conv1"}
    seg = {f"up_{stride}_pointwise" for stride in (4, 2, 1)}
    matte = {f"up_{stride}_pointwise" for stride in (16, 8, 4, 2, 1)} | {f"skip_{stride}_conv" for stride in (16, 8, 4, 2)}
    assert names == pointwise | (seg if network.model.name == "hairsegnet" else matte)


def test_imagenet_weights_go_into_the_encoder(network):
    weights = [np.full_like(w, 0.5) for w in network.encoder.get_weights()]
    network.start_from(weights)
    assert (network.model.get_layer("conv_dw_13").get_weights()[0] == 0.5).all()


def test_an_unknown_model_is_reported():
    with pytest.raises(WinnowError) as error:
        build("unet", 224, 64)

    assert str(error.value) == "There is no model unet. Choose one of: hairmattenet, hairsegnet, fcn-vgg16."


@pytest.mark.parametrize("classes", [0, 2, 4])
def test_a_number_of_classes_there_is_no_network_for_is_reported(classes):
    with pytest.raises(WinnowError, match=f"Classes is {classes}: choose 1, hair, or 3, hair, skin and background."):
        build("hairmattenet", 64, 16, classes)
