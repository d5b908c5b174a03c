"""Names of reviewers."""

import pytest
from sqlalchemy import Engine

from curator.review.reviewers import reviewer_called
from db.errors import WinnowError
from db.session import writing


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\x00b", "a\u202eb"])
def test_a_reviewer_needs_a_name_that_can_be_read(engine: Engine, name: str) -> None:
    with pytest.raises(WinnowError, match="1 to 80 printable characters"), writing(engine) as session:
        reviewer_called(session, name)


def test_spaces_make_no_second_reviewer(engine: Engine) -> None:
    with writing(engine) as session:
        assert reviewer_called(session, " Ada  L ").id == reviewer_called(session, "Ada L").id
