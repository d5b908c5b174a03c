"""A training is stopped and resumed from the page, and survives the app that started it."""

import shutil
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, new_client_id, record
from db.jobs import utc_now
from db.session import reading, writing
from db.tables import Decision, Epoch, Job, JobState, Split
from tests.e2e.conftest import Server
from tests.e2e.test_whole_loop import LATE, SOON, choose, weights
from tests.examples import add_examples

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not (shutil.which("chromium") or shutil.which("chromium-browser")),
        reason="Chromium is not installed; apt-get install chromium",
    ),
]


def newest(app: Server) -> Job:
    with reading(app.engine) as session:
        return session.scalars(select(Job).order_by(Job.id.desc()).limit(1)).one()


def epochs(app: Server) -> int:
    with reading(app.engine) as session:
        return len(list(session.scalars(select(Epoch))))


def test_a_training_outlives_the_app_and_is_stopped_and_resumed(page: Page, server: Callable[..., Server]) -> None:
    app = server(**weights())
    with writing(app.engine) as session:
        examples = add_examples(session, app.store, 4, Split.train) + add_examples(session, app.store, 2, Split.validation)
        reviewer = reviewer_called(session, "ada").id
        given = [NewVerdict(one, Decision.keep, None, new_client_id()) for one in examples]
        record(session, reviewer, given, utc_now())
    page.goto(f"{app.url}/train")
    page.get_by_text("Training settings", exact=True).click()
    choose(page, "Input size, pixels", "128")
    page.get_by_role("button", name="Train on approved set").click()
    expect(page.get_by_role("heading", name="Film strip")).to_be_visible(timeout=LATE)

    app.process.kill()  # the app is gone; the training is not
    app.process.wait()
    seen = epochs(app)
    app = server(**weights())
    page.goto(f"{app.url}/train")
    # Until the page's styles arrive, Streamlit's header has a Stop of its own, which ends the page.
    stop = page.get_by_role("main").get_by_role("button", name="Stop training", exact=True)
    expect(stop).to_be_visible(timeout=SOON)
    assert newest(app).state is JobState.running
    stop.click()
    resume = page.get_by_role("button", name="Resume from its last epoch")
    expect(resume).to_be_visible(timeout=SOON)
    stopped_at = epochs(app)
    assert newest(app).state is JobState.cancelled
    assert stopped_at >= seen >= 1

    resume.click()
    expect(page.get_by_role("main").get_by_role("button", name="Stop")).to_be_visible(timeout=SOON)
    page.wait_for_function(
        "after => Number(document.body.innerText.match(/Epochs\\s+(\\d+) of/)?.[1]) > after", arg=stopped_at, timeout=LATE
    )
    page.get_by_role("main").get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Resume from its last epoch")).to_be_visible(timeout=SOON)
    assert epochs(app) > stopped_at
