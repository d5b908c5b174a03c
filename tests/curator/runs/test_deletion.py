"""A run is deleted with all that was made of it, and nothing else; its row and what people decided by its reports stay."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from curator.review.reopening import send_back
from curator.runs import results
from curator.runs.deletion import Deleted, delete_run
from curator.runs.names import name_run
from db.blobs import named_blobs
from db.errors import WinnowError
from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Epoch, Event, Export, Job, JobState, Measure, Preview, Proof, Reopening, Run, Split
from tests.conftest import FakeClock
from tests.examples import add_examples
from tests.trained import add_run, freeze_all


@pytest.fixture
def two_runs(engine: Engine, store: Store, settings: Settings, clock: FakeClock) -> list[int]:
    """Two runs on one set, each with files on the disk; the first has an export with its proof."""
    with writing(engine) as session:
        examples = add_examples(session, store, 2, Split.validation) + add_examples(session, store, 2, Split.test)
        number = freeze_all(session, examples, clock())
        made = [add_run(session, store, number, clock()) for _ in range(2)]
        export = Export(
            run_id=made[0], format="litert", precision="float32", file="runs/1/exports/aa/a.tflite", bytes=1, created_at=clock()
        )
        export.proofs.append(Proof(images=1, tolerance=0.1, passed=True, at=clock()))
        session.add(export)
        send_back(session, examples[-1:], "ada", made[0], clock())
    for run in made:
        for file in (settings.runs / str(run) / "exports" / "aa" / "a.tflite", settings.tensorboard / str(run) / "events"):
            file.parent.mkdir(parents=True)
            file.write_bytes(b"1")
    return made


def delete(
    engine: Engine, store: Store, settings: Settings, clock: FakeClock, run: int, *, with_exports: bool = True
) -> Deleted:
    return delete_run(engine, store, settings, run, "Ada", clock(), with_exports=with_exports)


def test_all_that_was_made_of_a_run_goes_and_nothing_of_another(
    engine: Engine, store: Store, settings: Settings, clock: FakeClock, two_runs: list[int]
) -> None:
    first, second = two_runs
    deleted = delete(engine, store, settings, clock, first)
    assert (deleted.run, deleted.epochs, deleted.exports) == (first, 3, 1)
    assert deleted.pictures > 0
    with reading(engine) as session:
        assert [run.id for run in results.runs(session)] == [second]
        assert [row["run"] for row in results.list_runs(session, clock())] == [second]
        for table in (Epoch, Preview, Measure):
            assert set(session.scalars(select(table.run_id))) == {second}
        assert session.scalar(select(func.count()).select_from(Export)) == 0
        assert session.get_one(Run, first).deleted_at == clock()
        assert [one.run_id for one in session.scalars(select(Reopening))] == [first]  # a person's decision stays
        assert set(store.all()) == {sha256 for sha256, _ in named_blobs(session)}
        (event,) = session.scalars(select(Event).where(Event.what == "delete run"))
        assert (event.who, event.detail) == ("Ada", {"run": first, "exports": 1})
    assert [path.name for path in settings.runs.iterdir()] == [str(second)]
    assert [path.name for path in settings.tensorboard.iterdir()] == [str(second)]


def test_a_run_with_exports_is_asked_about_and_one_that_trains_stays(
    engine: Engine, store: Store, settings: Settings, clock: FakeClock, two_runs: list[int]
) -> None:
    first, second = two_runs
    with pytest.raises(WinnowError, match=r"^Run 1 has exported files \(1\), with their proofs\. Add --with-exports to "):
        delete(engine, store, settings, clock, first, with_exports=False)
    with writing(engine) as session:
        job = session.get_one(Run, second).job
        job.state, job.heartbeat_at = JobState.running, clock()
    with pytest.raises(WinnowError, match=r"^Run 2 is training\. Stop it first\."):
        delete(engine, store, settings, clock, second)
    with writing(engine) as session:
        times = {"created_at": clock(), "heartbeat_at": clock()}
        session.add(Job(kind="export", arguments=["export", "1"], state=JobState.running, **times))
    with pytest.raises(WinnowError, match=r"^A run is being measured or exported\. Wait "):
        delete(engine, store, settings, clock, first)
    clock.pass_(timedelta(minutes=2).total_seconds())  # both are taken for dead
    assert delete(engine, store, settings, clock, second, with_exports=False).exports == 0


def test_what_a_crash_left_is_deleted_by_the_same_command(
    engine: Engine, store: Store, settings: Settings, clock: FakeClock, two_runs: list[int]
) -> None:
    delete(engine, store, settings, clock, 1)
    left = settings.runs / "1" / "last.ckpt"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"1")
    assert delete(engine, store, settings, clock, 1).epochs == 0
    assert not left.parent.exists()
    with reading(engine) as session:
        assert session.scalar(select(func.count()).where(Event.what == "delete run")) == 1
    with pytest.raises(WinnowError, match=r"^There is no run 9\.$"):
        delete(engine, store, settings, clock, 9)


def test_a_run_has_a_name_and_a_note_until_it_is_deleted(
    engine: Engine, store: Store, settings: Settings, clock: FakeClock, two_runs: list[int]
) -> None:
    with writing(engine) as session:
        name_run(session, 1, "  without the  blurred ", "Ada's masks\nonly ")
    with reading(engine) as session:
        run = session.get_one(Run, 1)
        assert (run.name, run.note) == ("without the blurred", "Ada's masks\nonly")
        assert results.title(run).startswith("Run 1 · without the blurred · hairmattenet · ")
    with pytest.raises(WinnowError, match=r"^The name has 81 characters\. Shorten it to 80\.$"), writing(engine) as session:
        name_run(session, 1, "x" * 81, "")
    delete(engine, store, settings, clock, 1)
    with reading(engine) as session:
        assert (session.get_one(Run, 1).name, session.get_one(Run, 1).note) == ("", "")
    with pytest.raises(WinnowError, match="Somebody may have deleted it"), writing(engine) as session:
        name_run(session, 1, "again", "")
