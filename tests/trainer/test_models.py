"""Both networks: the paper's parameters and shapes, which kernels are regularised, and that saving loses nothing."""

import keras
import numpy as np
import pytest

from db.errors import WinnowError
from trainer.models import MODELS, build, regularized


@pytest.fixture(scope="module", params=sorted(MODELS))
def network(request):
    keras.utils.set_random_seed(0)
    return build(request.param, 64, 16)


@pytest.mark.parametrize(("name", "trainable"), [("hairsegnet", 3_291_394), ("hairmattenet", 3_855_042)])
def test_trainable_parameters_are_the_papers(name, trainable):
    assert build(name, 224, 64).parameters == trainable  # 3.29 M and 3.86 M


@pytest.mark.parametrize("size", [32, 224, 480])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_matte_has_the_size_of_the_image(name, size):
    assert build(name, size, 64).model.output.shape == (None, size, size, 2)


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


def test_an_unknown_model_is_told():
    with pytest.raises(WinnowError) as error:
        build("unet", 224, 64)
    assert str(error.value) == "There is no model unet. Choose one of: hairmattenet, hairsegnet."
