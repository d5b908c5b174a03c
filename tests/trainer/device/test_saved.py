"""What rounding explains of a stored number."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainer.device.saved import stored_float, stored_int8

weights = arrays(np.float32, (3, 4), elements=st.floats(-8, 8, width=32))


@given(weights)
def test_float16_is_within_half_a_spacing_and_the_next_one_is_not(exact):
    stored = stored_float(exact.astype(np.float16))
    assert (np.abs(stored.values - exact) <= stored.rounding).all()
    outwards = np.copysign(np.float16(np.inf), stored.values.astype(np.float16))
    next_one = np.nextafter(stored.values.astype(np.float16), outwards).astype(np.float32)
    away = np.abs(next_one - stored.values)
    assert (away >= stored.rounding * 1.99).all()


def test_float32_has_no_rounding():
    stored = stored_float(np.array([0.1, -3], np.float32))
    assert (stored.storage, stored.rounding.tolist()) == ("float32", [0, 0])


@given(weights, st.sampled_from([np.float32, np.float16]))
def test_int8_is_within_its_rounding_with_scales_of_either_type(exact, kind):
    """As coremltools does it: in the weights' own type, with one scale for each row."""
    kept = exact.astype(kind)
    scale = (np.abs(kept).max(axis=1, keepdims=True) * 2 / 254).astype(kind)
    scale[scale < 1e-4] = 1e-4  # in float16, smaller ones have few digits themselves
    quantised = np.clip(np.round(kept / scale), -127, 127).astype(np.int8)
    stored = stored_int8(quantised, scale[:, 0], axis=0)
    inside = np.abs(kept / scale) <= 127.5  # larger ones are clipped
    assert (np.abs(stored.values - exact)[inside] <= 1.001 * stored.rounding[inside] + 1e-6).all()
    assert (stored.rounding <= 0.6 * scale.astype(np.float32) + 0.005).all()


def test_one_scale_may_serve_all_channels():
    stored = stored_int8(np.array([[1, -2], [3, 4]], np.int8), np.array([0.5], np.float32), axis=0)
    assert stored.values.tolist() == [[0.5, -1.0], [1.5, 2.0]]
    assert stored.rounding.tolist() == [[0.25, 0.25], [0.25, 0.25]]
    assert stored.transposed((1, 0)).values.tolist() == [[0.5, 1.5], [-1.0, 2.0]]
