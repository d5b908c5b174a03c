"""The loop on 40 real photos, by the commands alone: from a folder to a verified file for a phone.

The commands run in this process, which has loaded TensorFlow already. In processes of their own, tests/trainer/test_main.py
runs fit and export, and tests/e2e/test_whole_loop.py all that the app starts, with files of both formats.
"""

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from curator.__main__ import app as curator
from trainer.__main__ import app as trainer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PHOTOS = 40


@pytest.fixture
def real() -> Path:
    data = os.environ.get("WINNOW_REAL_DATA")
    if data is None:
        pytest.skip("WINNOW_REAL_DATA is not set: it names the folder with data/street and weights/")
    return Path(data)


def test_forty_street_photos_become_a_verified_package(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    street = real / "data/street"
    for part in ("images", "masks"):
        (tmp_path / "street" / part).mkdir(parents=True)
        for file in sorted((street / part).iterdir())[:PHOTOS]:
            shutil.copy(file, tmp_path / "street" / part)
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WINNOW_ENCODER_WEIGHTS", str(real / "weights/mobilenet_v1_1.0_224_notop.weights.h5"))

    def run(commands: Typer, *arguments: str) -> dict[str, Any]:
        done = CliRunner().invoke(commands, [*arguments, "--json"])
        assert done.exit_code == 0, done.stderr
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found

    came = run(curator, "ingest", str(tmp_path / "street"))
    assert (came["seen"], came["added"], came["refused"]) == (PHOTOS, PHOTOS, [])
    assert came["no_face"] <= 5  # most show one
    assert run(curator, "ingest", str(tmp_path / "street"))["already"] == PHOTOS

    queue = run(curator, "queue", "-n", "0")["examples"]
    verdicts = tmp_path / "verdicts.csv"
    with verdicts.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["example", "verdict"])
        rows.writerows([one["example"], "keep" if one["suspicion"] < 0.5 else "reject"] for one in queue)
    assert run(curator, "verdicts", str(verdicts))["taken"] == len(queue) == PHOTOS - came["no_face"]

    frozen = run(curator, "freeze")
    assert min(frozen["train"], frozen["validation"], frozen["test"]) > 0
    fit = run(trainer, "fit", str(frozen["set"]), "--epochs", "1", "--size", "96")
    assert (fit["state"], fit["epochs"], fit["best_epoch"]) == ("done", 1, 1)
    report = run(trainer, "report", str(fit["run"]), "--split", "test")
    assert report["images"] == frozen["test"]
    assert 0 < report["accuracy"] <= 1
    export = run(trainer, "export", str(fit["run"]), "--format", "coreml")
    assert export["file"].endswith(".zip")
    proof = run(trainer, "verify", str(export["export"]))
    assert proof["passed"] is True
    assert proof["images"] > 0
    assert run(curator, "check")["sound"] is True
