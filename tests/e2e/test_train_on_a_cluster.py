"""The Train button sends a training to a cluster, and the page shows its state there."""

import shutil
from collections.abc import Callable

import pytest
from distributed import Client, Event, LocalCluster
from playwright.sync_api import Page, expect
from sqlalchemy import select

from db.jobs import utc_now
from db.session import reading, writing
from db.tables import Job, JobState, Split
from tests.e2e.conftest import Server
from tests.examples import add_examples
from tests.trained import freeze_all

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)

SOON = 30_000  # milliseconds


def test_a_cluster_without_a_gpu_is_told_and_a_training_that_waits_for_one_can_be_stopped(
    page: Page, server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalCluster(
        n_workers=0, protocol="tcp", host="127.0.0.1", dashboard_address="localhost:0", processes=False
    ) as cluster:
        app = server(WINNOW_CLUSTER=cluster.scheduler_address)
        with writing(app.engine) as session:
            freeze_all(session, add_examples(session, app.store, 2), utc_now())
            freeze_all(session, add_examples(session, app.store, 2, Split.validation), utc_now())
        page.goto(f"{app.url}/train")
        page.get_by_role("button", name="Train on approved set").click()
        expect(page.get_by_role("main").get_by_text("has no worker with a GPU. Start one on a machine that has")).to_be_visible(
            timeout=SOON
        )

        monkeypatch.setenv("WINNOW_HOME", str(app.settings.home))  # the worker is in this process
        with LocalCluster(
            n_workers=1, threads_per_worker=1, resources={"GPU": 1}, protocol="tcp", host="127.0.0.1", processes=False,
            dashboard_address="localhost:0",
        ) as busy, Client(busy.scheduler_address, set_as_default=False) as other:  # fmt: skip
            done = Event("done", client=other)
            taken = other.submit(done.wait, resources={"GPU": 1})
            app = server(WINNOW_CLUSTER=busy.scheduler_address)
            page.goto(f"{app.url}/train")
            page.get_by_role("button", name="Train on approved set").click()
            expect(page.get_by_role("main").get_by_text("Waiting for a worker with a free GPU")).to_be_visible(timeout=SOON)
            page.get_by_role("main").get_by_role("button", name="Stop").click()
            expect(page.get_by_role("main").get_by_text("Training was stopped.")).to_be_visible(timeout=SOON)
            done.set()
            taken.result(timeout=10)
    with reading(app.engine) as session:
        assert [job.state for job in session.scalars(select(Job).order_by(Job.id))] == [JobState.failed, JobState.cancelled]
