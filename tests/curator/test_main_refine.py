"""`refine` as a command: a job with progress, one JSON object, and work that goes on where it was."""

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner, Result

from curator.__main__ import app
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from db.jobs import utc_now
from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Decision, Job, JobState, Refinement, Split
from tests.examples import add_examples

pytestmark = pytest.mark.slow


@pytest.fixture
def kept(engine: Engine, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Two kept examples of the training split and one of the test split, in the home that commands use."""
    monkeypatch.setenv("WINNOW_HOME", str(settings.home))
    with writing(engine) as session:
        numbers = [*add_examples(session, store, 2), *add_examples(session, store, 1, Split.test)]
        given = [NewVerdict(one, Decision.keep, None, new_client_id()) for one in numbers]
        record(session, reviewer_called(session, "Ada").id, given, utc_now())
    return numbers


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["refine", *arguments])


def test_masks_are_refined_split_by_split_as_jobs_that_go_on_where_they_were(engine: Engine, kept: list[int]) -> None:
    done = run("--split", "train", "--limit", "1", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {
        "masks": 1, "proposed": 1, "changed_much": json.loads(done.stdout)["changed_much"], "unchanged": 0, "refused": 0,
        "reasons": [],
    }  # fmt: skip
    said = run()
    assert said.stdout.startswith("2 masks: 2 refined (")
    assert json.loads(run("--json").stdout)["masks"] == 0
    with reading(engine) as session:
        assert sorted(session.scalars(select(Refinement.example_id))) == kept
        jobs = session.scalars(select(Job).order_by(Job.id)).all()
        assert [(job.kind, job.arguments, job.state) for job in jobs] == [
            ("refine", ["train"], JobState.done), ("refine", ["all"], JobState.done), ("refine", ["all"], JobState.done),
        ]  # fmt: skip
        assert jobs[1].result == {
            "masks": 2, "proposed": 2, "changed_much": jobs[1].result["changed_much"], "unchanged": 0, "refused": 0,
            "reasons": [],
        }  # fmt: skip


def test_where_refine_cannot_run_the_command_says_why_on_one_line(
    kept: list[int], engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "numba.py").write_text("raise ImportError('libLLVM is not for this processor')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    failed = run()
    assert failed.exit_code == 1
    assert failed.stderr.startswith("Refine can't run on this machine: ")
    assert failed.stderr.count("\n") == 1
    with reading(engine) as session:
        assert session.scalars(select(Job.state)).one() is JobState.failed
