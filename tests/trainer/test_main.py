"""The commands, in processes of their own and in this one: exit codes, stdout, stderr, and jobs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from db.jobs import enqueue, utc_now
from db.session import reading
from db.settings import Settings
from db.tables import Job, Run, Split
from tests.trainer.conftest import TINY, drawn, ended
from tests.trainer.conftest import job as training_job
from trainer import fit, history
from trainer.__main__ import app
from trainer.pictures import image_from, mask_from, png
from trainer.recipe import FitSettings

pytestmark = pytest.mark.slow


def command(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m trainer ...` on the test's home."""
    kept = {"WINNOW_HOME": str(settings.home), "WINNOW_ENCODER_WEIGHTS": str(settings.encoder_weights)}
    return subprocess.run(
        [sys.executable, "-m", "trainer", *arguments], env=os.environ | kept, capture_output=True, text=True, check=False
    )


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """The same in this process, so that the tiny network can replace the real one."""
    monkeypatch.setenv("WINNOW_HOME", str(settings.home))
    monkeypatch.setenv("WINNOW_ENCODER_WEIGHTS", str(settings.encoder_weights))
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_the_whole_way_with_the_real_network(settings, engine, freeze_set, tmp_path):
    """One process per command, as the app starts them: stdout is one JSON object, whatever the libraries print."""
    freeze_set([Split.train] * 2 + [Split.validation])
    number = enqueue(engine, "fit", ["fit", "1"], utc_now())
    done = command(settings, "fit", "1", "--epochs", "1", "--size", "32", "--json", "--job", str(number))
    assert (done.returncode, json.loads(done.stdout)) == (0, {"run": 1, "state": "done", "epochs": 1, "best_epoch": 1})
    assert done.stderr == ""
    with reading(engine) as session:
        job = session.get_one(Job, number)
        assert (job.state, job.result) == ("done", json.loads(done.stdout))
        assert (
            job.message == "Run 1 is done: epochs trained 1, best 1. Its set has no test examples, so there is no test report."
        )
        assert session.get_one(Run, 1).parameters == 3_855_042
    made = command(settings, "export", "1", "--format", "coreml", "--json")
    assert made.returncode == 0, made.stderr
    made_json = json.loads(made.stdout)
    assert {"export", "file", "bytes"} <= set(made_json)
    assert made_json["passed"] is True
    assert made.stderr == ""


def test_report_matte_recolor_and_verify(run, trained, settings, tmp_path):
    photo = tmp_path / "portrait.png"
    photo.write_bytes(png(drawn(1)[0][:400]))
    report = json.loads(run("report", "1", "--refine", "guided", "--json").stdout)
    papers = ["f1", "performance", "iou", "accuracy", "gradient_consistency"]
    assert list(report)[:9] == ["run", "split", "refine", "images", *papers]
    matte = run("matte", "1", str(photo), "-o", str(tmp_path / "mattes"), "--json")
    assert json.loads(matte.stdout) == {"run": 1, "files": [str(tmp_path / "mattes" / "portrait.png")]}
    assert mask_from((tmp_path / "mattes" / "portrait.png").read_bytes(), "it").shape == (400, 512)
    out = tmp_path / "violet.png"
    assert json.loads(run("recolor", "1", str(photo), "--colour", "#8a2be2", "-o", str(out), "--json").stdout)["run"] == 1
    assert image_from(out.read_bytes(), "it").shape == (400, 512, 3)
    assert run("export", "1", "--format", "litert").exit_code == 0
    verified = json.loads(run("verify", "1", "--json").stdout)
    assert verified["passed"] is True
    assert {"images", "max_abs_diff", "mean_abs_diff"} <= set(verified)


def test_an_export_that_does_not_pass_exits_1_and_still_prints(run, trained, tmp_path):
    made = json.loads(run("export", "1", "--format", "litert", "--json").stdout)
    assert made["bytes"] == Path(made["file"]).stat().st_size
    copy = shutil.copyfile(made["file"], tmp_path / "copy.tflite")
    assert json.loads(run("verify", str(copy), "--json").stdout)["passed"] is True
    with copy.open("ab") as file:
        file.write(b"more")
    result = run("verify", str(copy), "--run", "1", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["differs_at"] == "the file has changed"
    assert result.stderr == "Export 1 did not pass. Don't ship this file; export the run again.\n"
    result = run("verify", "1", "--run", "1")
    assert (result.exit_code, result.stderr) == (1, "An export's number says which run it is of: --run goes with a file.\n")


def test_one_training_at_a_time(run, engine, freeze_set):
    freeze_set([Split.train, Split.validation])
    enqueue(engine, "fit", ["fit", "1"], utc_now())
    result = run("fit", "1", "--size", "32")
    assert result.exit_code == 1
    assert result.stderr == "Another training is running. Wait until it has finished, or stop it on the Train page.\n"


def test_a_stopped_training_says_how_to_go_on(run, engine, freeze_set, tiny_network):
    freeze_set([Split.train, Split.validation])
    number = enqueue(engine, "fit", ["fit", "1"], utc_now())
    from db.jobs import cancel

    cancel(engine, number, utc_now())
    result = run("fit", "1", "--size", "32", "--job", str(number))
    assert result.exit_code == 1
    assert result.stderr == "Stopped. Resume a training with `python -m trainer fit --resume RUN`.\n"
    with reading(engine) as session:
        assert session.get_one(Job, number).state == "cancelled"


def test_resume_by_command(run, trained, engine):
    result = run("fit", "--resume", "1", "--json")
    assert json.loads(result.stdout) == {"run": 1, "state": "done", "epochs": 1, "best_epoch": 1}


BAD_USAGE = [("fit",), ("fit", "1", "--resume", "1"), ("fit", "1", "--model", "unet"), ("export", "1")]


@pytest.mark.parametrize("arguments", BAD_USAGE)
def test_bad_usage_exits_2(run, arguments):
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fit", "7"), "There is no curated set 7. None has been frozen yet: run `python -m curator freeze`."),
        (("fit", "--resume", "7"), "There is no run 7. Start one with `python -m trainer fit`."),
        (("report", "7"), "There is no run 7. Start one with `python -m trainer fit`."),
        (("export", "7", "--format", "coreml"), "There is no run 7. Start one with `python -m trainer fit`."),
        (("verify", "7"), "There is no export 7. Make one with `python -m trainer export`."),
        (("matte", "7", "a.jpg", "-o", "out"), "There is no run 7. Start one with `python -m trainer fit`."),
        (
            ("recolor", "7", "a.jpg", "--colour", "violet", "-o", "out.png"),
            "'violet' is not a colour. Write it as six hexadecimal digits, such as '#8a2be2'.",
        ),
    ],
)
def test_what_is_not_there_is_one_line_and_exit_1(run, arguments, said):
    result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", said + "\n")


def test_a_run_that_is_killed_goes_on_along_the_curve_of_an_unbroken_one(context, settings, engine, freeze_set, tiny_network):
    number = freeze_set([Split.train] * 3 + [Split.validation] * 2)
    fit.fit(context, number, FitSettings(epochs=20, **TINY), training_job(engine))
    ended(engine)
    tiny = [sys.executable, "-m", "tests.tiny_trainer", "fit"]
    home = os.environ | {"WINNOW_HOME": str(settings.home)}
    wanted = ["1", "--epochs", "20", "--size", "32", "--decoder-depth", "8"]
    with subprocess.Popen([*tiny, *wanted], env=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while len(history.epochs(engine, 2)) < 2:
            with pytest.raises(subprocess.TimeoutExpired):  # it is still training
                process.wait(0.05)
        process.kill()  # kill -9: wherever it is in its third epoch, or between any two writes
    ended(engine)
    left = len(history.epochs(engine, 2))
    assert left < 20
    subprocess.run([*tiny, "--resume", "2"], env=home, check=True, capture_output=True)
    unbroken, resumed = ([(row.number, row.loss, row.validation_loss) for row in history.epochs(engine, run)] for run in (1, 2))
    np.testing.assert_allclose(resumed, unbroken, rtol=1e-5)
