"""Run lengths: out and in again is the same mask, and a damaged string is said to be damaged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from curator.formats import rle
from db.errors import WinnowError

MASKS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.sampled_from([0, 255]))


@given(MASKS)
def test_a_mask_comes_back_from_its_runs(mask: np.ndarray) -> None:
    assert (rle.runs_to_mask(rle.mask_to_runs(mask), *mask.shape) == mask).all()


@given(MASKS)
def test_a_mask_comes_back_from_its_string(mask: np.ndarray) -> None:
    assert rle.string_to_runs(rle.runs_to_string(rle.mask_to_runs(mask))) == rle.mask_to_runs(mask)


@given(st.lists(st.integers(0, 80_000_000), max_size=30))
def test_any_runs_come_back_from_their_string(runs: list[int]) -> None:
    assert rle.string_to_runs(rle.runs_to_string(runs)) == runs


@given(st.text(max_size=30))
def test_any_text_is_runs_or_a_sentence(text: str) -> None:
    try:
        runs = rle.string_to_runs(text)
    except WinnowError:
        return
    assert all(isinstance(run, int) for run in runs)


def test_runs_go_down_the_columns_and_begin_with_background() -> None:
    mask = np.array([[255, 0], [255, 0], [0, 255]], np.uint8)
    assert rle.mask_to_runs(mask) == [0, 2, 3, 1]  # columns 1 1 0 | 0 0 1: none of 0, two of 1, three of 0, one of 1


def test_the_string_is_the_one_that_others_write() -> None:
    # 5 bits a character from 48 on, lowest first, 32 for more to come: 6 -> '6', 1 -> '1', 40 -> 8 + 32 | 1 -> 'X1';
    # then 4 as the difference to the 1 two before it: 3 -> '3', and 39 to the 40: -1 -> 31 -> 'O'
    assert rle.runs_to_string([6, 1, 40, 4, 39]) == "61X13O"
    assert rle.string_to_runs("61X13O") == [6, 1, 40, 4, 39]


def test_a_mask_without_hair_and_one_of_nothing_but_hair_come_back() -> None:
    assert rle.mask_to_runs(np.zeros((2, 3), np.uint8)) == [6]
    assert rle.mask_to_runs(np.full((2, 3), 255, np.uint8)) == [0, 6]


@pytest.mark.parametrize(("text", "said"), [("6X", "cut off"), ("6 1", "damaged"), ("6é", "damaged"), ("oooooooo1", "damaged")])
def test_a_damaged_string_is_refused(text: str, said: str) -> None:
    with pytest.raises(WinnowError, match=rf"^its run-length string is {said}\.$"):
        rle.string_to_runs(text)


@pytest.mark.parametrize("runs", [[5], [7], [], [8, -2], [10**12]])
def test_runs_that_do_not_add_up_are_refused(runs: list[int]) -> None:
    with pytest.raises(WinnowError, match=r"^its runs add up to .* pixels; 2 x 3 has 6\.$"):
        rle.runs_to_mask(runs, 3, 2)
