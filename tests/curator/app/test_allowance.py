"""How much one reviewer may ask for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from curator.app import allowance
from curator.app.allowance import REMEMBERED, Allowance, TooMuchError, check_new_name


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 5)), max_size=50))
def test_never_more_is_allowed_than_at_once_and_what_comes_back(asked: list[tuple[float, int]]) -> None:
    now, taken = 0.0, 0

    def clock() -> float:
        return now

    limited = Allowance(at_once=7, per_second=0.5, clock=clock)
    for later, amount in asked:
        now += later
        taken += amount if limited.take("Ada", amount) else 0
        assert taken <= 7 + 0.5 * now + 1e-9


def test_memory_does_not_grow_with_the_names() -> None:
    limited = Allowance(at_once=1, per_second=0)
    for number in range(REMEMBERED + 5):
        limited.take(f"name {number}")
    assert len(limited._left) == REMEMBERED


def test_a_visitor_who_writes_nothing_takes_one_name_however_often_it_asks(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowance, "NAMES", Allowance(at_once=2, per_second=0))
    monkeypatch.setattr(allowance, "_known", set())
    for _ in range(5):
        check_new_name(engine, "a visitor")
    check_new_name(engine, "Bo")
    with pytest.raises(TooMuchError):
        check_new_name(engine, "Cy")
