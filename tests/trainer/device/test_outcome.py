"""When a precision costs too much, and what is said where nothing was measured."""

import pytest

from db.tables import Proof
from trainer.device.outcome import cost, costs_too_much, outcome


@pytest.mark.parametrize(("lost", "too_much"), [(None, False), (-0.01, False), (0.002, False), (0.0021, True)])
def test_a_file_may_lose_two_thousandths_of_f1_and_no_more(lost: float | None, too_much: bool) -> None:
    proof = Proof(cost_f1=lost)
    assert costs_too_much(proof) is too_much
    assert ("prefer float16" in cost(proof, "int8")) is too_much


def test_of_a_file_that_was_not_run_no_cost_is_told() -> None:
    assert cost(Proof(), "float16") == ""


@pytest.mark.parametrize("passed", [True, False])
def test_the_outcome_of_a_file_that_was_run_has_its_largest_difference_and_the_limit(passed: bool) -> None:
    proof = Proof(
        intact=True, passed=passed, images=9, max_abs_diff=0.0312, tolerance=1e-4, differs_at=None if passed else "the layer bn"
    )
    assert "On 9 crops the largest difference of alpha is 3.1e-02; 0.0001 is allowed." in outcome(proof)
    assert ("the layer bn" in outcome(proof)) is not passed
