"""The Train page: what a training would use, how long it would take, and why none can begin. Nothing is trained."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from streamlit.testing.v1 import AppTest

from curator.app import state
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from curator.sets.freeze import add_set, approved_content
from db.jobs import enqueue, utc_now
from db.session import reading, writing
from db.settings import read_settings
from db.store import Store
from db.tables import CuratedSet, Decision, Export, Job, Run, Split
from tests.examples import add_examples
from tests.trained import add_run

PAGE = Path(__file__).parents[3] / "curator/app/views/train.py"


@pytest.fixture
def kept(home: Engine) -> Engine:
    """The database of a home with three training and two validation examples, all kept."""
    with writing(home) as session:
        store = Store(read_settings().store)
        examples = add_examples(session, store, 3, Split.train) + add_examples(session, store, 2, Split.validation)
        given = [NewVerdict(one, Decision.keep, None, new_client_id()) for one in examples]
        record(session, reviewer_called(session, "ada").id, given, utc_now())
    return home


@pytest.fixture
def runs(kept: Engine) -> list[int]:
    """Two runs in that home; the first has an exported file."""
    with writing(kept) as session:
        with approved_content(session, utc_now().date()) as content:
            number = add_set(session, content, "", utc_now()).set
        made = [add_run(session, Store(read_settings().store), number, utc_now()) for _ in range(2)]
        file = {"format": "litert", "precision": "float32", "file": "runs/1/exports/aa/a.tflite", "bytes": 1}
        session.add(Export(run_id=made[0], created_at=utc_now(), **file))
    return made


def labelled(page: AppTest, label: str) -> Any:
    (button,) = [one for one in page.button if one.label == label]
    return button


def presets(page: AppTest) -> dict[str, bool]:
    """The presets, and whether each is marked as the one that is chosen."""
    found = [one for one in page.button if (one.key or "").startswith("preset-")]
    return {one.label: bool(one.proto.icon) for one in found}


def sets(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(CuratedSet)) or 0


def test_counts_cautions_presets_and_time_are_there_before_the_button_is_pressed(kept: Engine) -> None:
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not page.exception
    assert page.selectbox[0].options == ["What is approved now: 5 examples"]
    assert "**3** train · **2** validation · **0** test" in [one.value for one in page.markdown]
    said = [one.value for one in page.caption]
    assert any("3 training examples: enough for a try" in one for one in said)
    assert any("No test examples" in one for one in said)
    assert any(one.startswith("**Less than a minute** (a guess, ") for one in said)  # 50 x 2 x (3 + .28 x 2) images of 83 ms
    assert presets(page) == {"Try it": False, "Paper": True, "Best": False}
    assert "As in the paper: 50 epochs at 224 pixels." in said

    labelled(page, "Try it").click().run()
    assert presets(page) == {"Try it": True, "Paper": False, "Best": False}
    assert (page.number_input(key="fit-epochs").value, page.selectbox(key="fit-size").value) == (3, 128)
    assert "Three epochs on small pictures: whether the masks teach anything." in [one.value for one in page.caption]
    page.number_input(key="fit-epochs").set_value(50)
    page.selectbox(key="fit-size").set_value(224).run()
    assert "As in the paper: 50 epochs at 224 pixels." in [one.value for one in page.caption]
    page.number_input(key="fit-seed").set_value(7).run()
    assert "Settings of your own." in [one.value for one in page.caption]
    assert not any(presets(page).values())
    assert sets(kept) == 0


def test_settings_are_trained_as_they_were_left_however_fast_the_button_is_pressed(
    kept: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("db.launch.start_job", lambda *given, **_: started.append(given[4]))
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    before = [choice.value for choice in page.get("button_group")]
    page.number_input(key="fit-epochs").set_value(7)
    page.selectbox(key="fit-size").set_value(128).run()
    for choice, value in zip(page.get("button_group"), before, strict=True):
        choice.set_value(value)  # a browser that has not heard of the change still sends it
    labelled(page, "Train on approved set").click().run()
    (words,) = started
    assert words[words.index("--epochs") + 1] == "7"
    assert words[words.index("--size") + 1] == "128"


def test_a_frozen_set_is_trained_on_as_it_is(kept: Engine, runs: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("db.launch.start_job", lambda *given, **_: started.append(given[4]))
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    page.selectbox[0].set_value(1).run()
    assert page.selectbox[0].options == ["What is approved now: 5 examples", "Set 1: 5 examples"]
    assert "frozen as a curated set first" not in " ".join(one.value for one in page.caption)
    labelled(page, "Train on set 1").click().run()
    assert not page.exception
    assert [words[:2] for words in started] == [["fit", "1"]]
    assert sets(kept) == 1


def test_a_training_that_is_on_disables_the_button_says_why_and_freezes_nothing(kept: Engine) -> None:
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    (button,) = [one for one in page.button if one.label == "Train on approved set"]
    assert not button.disabled
    enqueue(kept, "fit", ["fit", "1"], utc_now())  # elsewhere, since the page was drawn
    button.click().run()
    (button,) = [one for one in page.button if one.label == "Train on approved set"]
    assert button.disabled
    assert "A training is on. Wait until it has finished, or stop it." in [one.value for one in page.caption]
    assert not page.error
    assert sets(kept) == 0
    with reading(kept) as session:
        assert len(session.scalars(select(Job)).all()) == 1


def test_a_run_is_named_and_deleted_after_a_question(kept: Engine, runs: list[int]) -> None:
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not page.exception
    page.text_input[0].set_value("small and quick")
    page.text_area[0].set_value("*128* pixels")
    labelled(page, "Save").click().run()
    assert page.selectbox(key="run").options[0].startswith("Run 2 · small and quick · hairmattenet · set 1 · ")
    assert r"\*128\* pixels" in [one.value for one in page.caption]  # as it was typed
    labelled(page, "Delete run 2").click().run()
    assert page.selectbox(key="run").options == ["Run 1 · hairmattenet · set 1 · 3 epochs, best 2"]

    assert labelled(page, "Delete run 1").disabled
    assert "Tick the box first." in [one.value for one in page.caption]
    page.checkbox(key="exports-1").check().run()
    labelled(page, "Delete run 1").click().run()
    assert not page.exception
    with reading(kept) as session:
        assert session.scalars(select(Run.id).where(Run.deleted_at.is_(None))).all() == []
        assert session.scalars(select(Export)).all() == []


def test_only_a_lead_deletes_a_run(kept: Engine, runs: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_LEADS", "Lea")
    state.settings.cache_clear()
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    assert labelled(page, "Delete run 2").disabled
    assert "Only a lead may delete a run." in [one.value for one in page.caption]
