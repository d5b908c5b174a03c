"""HTML from templates: strangers' text stays text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from curator.markup import render


@given(st.text())
def test_whatever_a_value_is_it_opens_no_tag_and_ends_no_attribute(value: str) -> None:
    shown = render('<p title="{{ value }}">{{ value }}</p>', value=value)
    assert (shown.count("<"), shown.count(">"), shown.count('"')) == (2, 2, 2)


def test_finished_html_is_not_escaped_twice() -> None:
    assert render("<p>{{ inner }}</p>", inner=render("<b>{{ name }}</b>", name="A & B")) == "<p><b>A &amp; B</b></p>"


def test_a_name_that_nobody_gave_is_an_error_and_not_an_empty_space() -> None:
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        render("{{ name }}")
