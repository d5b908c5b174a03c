"""Which matte of an example is the newest."""

import pytest
from sqlalchemy import Engine, delete, select

from curator.runs.mattes import SavedMatte, newest_matte
from db.errors import NotThereError
from db.session import reading, writing
from db.store import Store
from db.tables import Measure, Preview, Split
from tests.conftest import FakeClock
from tests.examples import add_examples
from tests.trained import add_run, freeze_all


def test_the_newest_run_wins_its_report_before_its_previews_and_no_refinement_before_others(
    engine: Engine, store: Store, clock: FakeClock
) -> None:
    with writing(engine) as session:
        examples = add_examples(session, store, 2, Split.validation)
        frozen = freeze_all(session, examples, clock())
        old, new = (add_run(session, store, frozen, clock()) for _ in range(2))
        refined = Measure(
            run_id=new, split=Split.validation, refine="guided", example_id=examples[0], mask_sha256="0" * 64,
            matte_sha256="9" * 64,
        )  # fmt: skip
        session.add(refined)
    with reading(engine) as session:
        plain = select(Measure.matte_sha256).where(Measure.example_id == examples[0], Measure.refine == "none")
        reported = {run: session.scalars(plain.where(Measure.run_id == run)).one() for run in (old, new)}
        assert newest_matte(session, examples[0]) == SavedMatte(new, reported[new], "report")
        shown = select(Preview.matte_sha256).where(Preview.run_id == new, Preview.example_id == examples[0])
        preview = session.scalars(shown.order_by(Preview.epoch.desc())).first()
    with writing(engine) as session:
        session.execute(delete(Measure).where(Measure.run_id == new))
    with reading(engine) as session:
        assert newest_matte(session, examples[0]) == SavedMatte(new, preview or "", "preview")


def test_without_a_matte_the_sentence_says_what_to_do(engine: Engine, store: Store) -> None:
    with writing(engine) as session:
        (example,) = add_examples(session, store, 1)
    with reading(engine) as session:
        with pytest.raises(NotThereError, match=rf"^No run has saved a matte of example {example} yet\. .+ measure it\.$"):
            newest_matte(session, example)
        with pytest.raises(NotThereError, match=r"^Example 99 does not exist\. It may have been erased\.$"):
            newest_matte(session, 99)
