"""What most of these tests begin with."""

import pytest
from sqlalchemy import Engine

from db.session import writing
from db.store import Store
from db.tables import Split
from tests.conftest import FakeClock
from tests.examples import add_examples
from tests.touchups import keep


@pytest.fixture
def examples(engine: Engine, store: Store, clock: FakeClock) -> list[int]:
    """Two approved test examples."""
    with writing(engine) as session:
        numbers = add_examples(session, store, 2, Split.test)
        keep(session, numbers, clock)
    return numbers
