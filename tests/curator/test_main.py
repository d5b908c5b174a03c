"""The commands: stable keys, one JSON object, one clear line, the right exit code."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from curator.__main__ import app
from curator.feed import feed
from curator.sample import write_sample
from db.errors import NotNowError
from db.jobs import ACTIVE, running_job, utc_now
from db.session import open_database, reading, writing
from db.settings import Settings, read_settings
from db.store import Store
from db.tables import Job, JobState, Submission
from tests.examples import add_examples, png
from tests.trained import add_run, freeze_all

pytestmark = pytest.mark.slow

SAMPLE = 12


@pytest.fixture
def run(migrated_home: Path) -> "Run":
    return Run()


class Run:
    """Runs a command; `json` reads what it prints."""

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    def json(self, *arguments: str) -> dict[str, Any]:
        done = self(*arguments, "--json")
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drawn pairs, `images/` and `masks/`."""
    folder = tmp_path_factory.mktemp("pairs")
    write_sample(folder, SAMPLE, seed=1)
    (folder / "manifest.csv").unlink()
    shutil.rmtree(folder / "alphas")
    return folder


def test_the_curation_loop_by_commands_alone(run: Run, pairs: Path, tmp_path: Path) -> None:
    came = run.json("ingest", str(pairs))
    assert set(came) >= {"seen", "added", "already", "no_face", "refused"}
    assert (came["seen"], came["added"], came["already"]) == (SAMPLE, SAMPLE, 0)
    assert run.json("ingest", str(pairs))["already"] == SAMPLE

    queue = run.json("queue", "-n", "0")["examples"]
    assert len(queue) == SAMPLE - came["no_face"]
    assert [one["suspicion"] for one in queue] == sorted((one["suspicion"] for one in queue), reverse=True)
    assert set(queue[0]) == {"example", "photo", "suspicion", "reasons", "signals", "licence", "consent"}

    run.json("decide", str(queue[0]["example"]), "reject", "--reason", "too_coarse", "--by", "ada")
    file = tmp_path / "verdicts.csv"
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["example", "verdict", "reason", "reviewer"])
        rows.writerows([one["example"], "keep", "", "ada"] for one in queue[1:])
    assert run.json("verdicts", str(file)) == {"verdicts": len(queue) - 1, "taken": len(queue) - 1}
    assert run.json("verdicts", str(file))["taken"] == 0

    now = run.json("status")
    assert now["verdicts"] == {
        "keep": len(queue) - 1, "reject": 1, "open": 0, "disputed": 0, "waiting": 0, "fix": 0, "repaired": 0,
    }  # fmt: skip
    assert now["submissions"] == SAMPLE
    assert sum(now["splits"].values()) == now["examples"]

    frozen = run.json("freeze", "--note", "first")
    assert set(frozen) >= {"set", "examples", "train", "validation", "test", "hash"}
    assert frozen["examples"] == frozen["train"] + frozen["validation"] + frozen["test"] == len(queue) - 1
    assert run.json("freeze")["set"] == frozen["set"]

    out_folder = tmp_path / "out"
    run.json("export", str(frozen["set"]), str(out_folder), "--format", "folder")
    assert len(list((out_folder / "masks").iterdir())) == frozen["examples"]
    assert run.json("check")["sound"] is True
    engine = open_database(read_settings())
    with reading(engine) as session:
        assert [(one.who, one.words.split(":")[0].split(" with")[0]) for one in feed(session, 9)] == [
            ("reviewer", "Exported set 1 as folder"),
            ("reviewer", "Froze set 1"),
            ("reviewer", f"Ingested {pairs.name}"),
            ("reviewer", f"Ingested {pairs.name}"),
        ]
        assert session.scalars(select(Job.progress)).all() == [1.0, 1.0]
    engine.dispose()


def test_a_zip_comes_in_like_a_folder_and_is_deleted_where_it_was_an_upload(run: Run, pairs: Path, tmp_path: Path) -> None:
    archive = tmp_path / "pairs.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for file in sorted(pairs.rglob("*.*")):
            out.write(file, file.relative_to(pairs))
    came = run.json("ingest", str(archive), "--called", "holiday.zip", "--discard")
    assert came["added"] == SAMPLE
    assert not archive.exists()
    assert run.json("ingest", str(pairs))["already"] == SAMPLE


def test_the_sample_can_be_erased_person_by_person(run: Run) -> None:
    assert run.json("sample", "--count", "12")["added"] == 12
    before = run.json("status")["submissions"]
    gone = run.json("erase", "--contributor", "drawn-01")
    assert gone["submissions"] >= 1
    assert gone["complete"] is True
    assert run.json("status")["submissions"] == before - gone["submissions"]
    assert run.json("check")["sound"] is True


def test_erase_takes_one_request_and_says_when_there_is_nothing_to_do(run: Run) -> None:
    for words in ([], ["--contributor", "a", "--photo", "b"], ["--subject", "a", "--resume"]):
        assert one_line(run("erase", *words)) == "Give one of --contributor, --subject, --photo and --resume."
    for words in (["--photo", "b"], ["--resume"], ["--contributor", "a", "--allow-again"]):
        assert one_line(run("erase", *words, "--only")) == "--only goes with --contributor or --subject."
    assert run.json("erase", "--resume") == {"erasures": []}
    assert one_line(run("erase", "--subject", "a", "--allow-again")).startswith("Nothing is barred under these words.")
    for kind, noun in (("contributor", "contributor"), ("subject", "person shown"), ("photo", "photo")):
        assert one_line(run("erase", f"--{kind}", "x")).startswith(f"There is no {noun} 'x'.")


def test_check_tells_orphans_from_pictures_that_wait_and_from_foreign_files(run: Run) -> None:
    store = Store(Settings().store)
    old, new = store.put(b"left behind"), store.put(b"just coming in")
    os.utime(store.path(old), (0, 0))
    (store.root / ".DS_Store").write_bytes(b"a file manager's")
    found = run("check", "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["orphaned"] == [old]
    assert run.json("check", "--remove-orphans")["sound"] is True
    found_now = run.json("check")
    assert (found_now["orphaned"], found_now["recent"], found_now["strangers"]) == ([], 1, [".DS_Store"])
    assert list(store.all()) == [new]


def one_line(done: Result) -> str:
    """What a failed command says: one line on stderr, nothing on stdout, exit code 1."""
    assert done.exit_code == 1
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_folder_without_masks_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pairs/images").mkdir(parents=True)
    assert "masks/" in one_line(run("ingest", str(tmp_path / "pairs"), "--json"))


def test_a_source_that_is_not_there_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    assert "does not exist" in one_line(run("ingest", str(tmp_path / "nowhere"), "--json"))


def test_an_upload_stays_where_its_ingest_fails_and_its_sender_reads_its_own_name(run: Run, tmp_path: Path) -> None:
    upload = tmp_path / "3f2a.zip"
    with zipfile.ZipFile(upload, "w") as out:
        out.writestr("letter.txt", "Dear Ada")
    said = one_line(run("ingest", str(upload), "--called", "holiday.zip", "--discard"))
    assert said.startswith("holiday.zip: Winnow does not recognise this format.")
    assert upload.exists()


def test_only_an_uploaded_zip_is_deleted_after_its_ingest(run: Run, pairs: Path) -> None:
    before = sorted(pairs.rglob("*"))
    for source in (str(pairs), "memory://somewhere/a.zip"):
        said = one_line(run("ingest", source, "--discard"))
        assert said == f"{source} is not an uploaded zip. --discard deletes nothing else."
    assert sorted(pairs.rglob("*")) == before


def test_an_empty_zip_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    assert "empty" in one_line(run("ingest", str(tmp_path / "empty.zip"), "--json"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "needs a first line with the columns example,verdict (and optionally reason,reviewer)"),
        ("example,verdict\n1,maybe\n", "line 2: expected the number of an example, keep, fix, reject or undo"),
        ("example,verdict,reason\n1,reject,ugly\n", "line 2: expected"),
        ("example,verdict\n77,keep\n", "Example 77 does not exist"),
    ],
)
def test_a_wrong_verdict_file_is_one_clear_line_and_nothing_of_it_is_taken(
    run: Run, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "verdicts.csv"
    file.write_text(text)
    assert said in one_line(run("verdicts", str(file), "--json"))


def test_a_mask_is_marked_fix_by_a_command_or_a_file_and_the_status_counts_it(run: Run, pairs: Path, tmp_path: Path) -> None:
    run.json("ingest", str(pairs))
    first, second, *_ = run.json("queue")["examples"]
    run.json("decide", str(first["example"]), "fix", "--by", "ada")
    file = tmp_path / "verdicts.csv"
    file.write_text(f"example,verdict,reason,reviewer\n{second['example']},fix,,ada\n")
    assert run.json("verdicts", str(file)) == {"verdicts": 1, "taken": 1}
    assert run.json("status")["verdicts"]["fix"] == 2
    assert " · 2 to fix · 0 rejected · " in run("status").output
    assert "Nothing is approved yet" in one_line(run("freeze", "--json"))


def test_freezing_nothing_and_erasing_nobody_are_one_clear_line_each(run: Run) -> None:
    assert "Nothing is approved yet" in one_line(run("freeze", "--json"))
    assert "no contributor" in one_line(run("erase", "--contributor", "nobody", "--json"))


def test_bad_usage_exits_with_2(run: Run) -> None:
    assert run("decide", "x", "keep").exit_code == 2
    assert run("export", "1", "out", "--format", "pdf").exit_code == 2


def test_a_job_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    code = (
        "from db.jobs import utc_now\nfrom db.launch import start_job\nfrom db.session import open_database\n"
        "from db.settings import Settings\n"
        "settings = Settings()\n"
        "start_job(open_database(settings), settings, 'ingest', 'curator', ['sample', '--count', '8'], utc_now())\n"
    )
    environment = {**os.environ, "WINNOW_HOME": str(settings.home)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)  # it is gone when this returns
    engine = open_database(settings)

    def job() -> Job:
        with reading(engine) as session:
            return session.scalars(select(Job)).one()

    deadline = time.monotonic() + 120
    while job().state in ACTIVE:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert job().state is JobState.done
    assert (job().result or {})["added"] == 8
    engine.dispose()


def test_a_crop_is_drawn_discarded_and_taken_back_by_commands(run: Run, tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "walls" / folder).mkdir(parents=True)
    for number in (1, 2):
        (tmp_path / "walls" / "images" / f"{number}.png").write_bytes(png(np.full((300, 400, 3), 90 * number, np.uint8)))
        (tmp_path / "walls" / "masks" / f"{number}.png").write_bytes(png(np.zeros((300, 400), np.uint8)))
    assert run.json("ingest", str(tmp_path / "walls"))["no_face"] == 2
    aside = run.json("aside")
    assert (aside["left"], [photo["submission"] for photo in aside["photos"]]) == (2, [1, 2])
    assert run.json("crop", "1", "--box", "10,20,250,-15", "--by", "Ada") == {"submission": 1, "now": "cropped", "by": "Ada"}
    assert run.json("crop", "2", "--discard")["now"] == "discarded"
    status = run.json("status")
    assert (status["submissions"], status["no_face"], status["examples"]) == (2, 0, 1)
    assert run("aside").output.strip() == "No photo is kept aside."
    assert run.json("crop", "1", "--undo", "--by", "Ada")["now"] == "waits again"
    assert run.json("status")["no_face"] == 1
    for arguments, sentence in {
        ("crop", "1"): "Give one of --box, --discard and --undo.",
        ("crop", "1", "--discard", "--undo"): "Give one of --box, --discard and --undo.",
        ("crop", "1", "--box", "10,20"): "--box 10,20: give three or four numbers, top,left,side[,rotation].",
        ("crop", "1", "--box", "0,0,nan"): "--box 0,0,nan: nan and inf are not allowed.",
        ("crop", "9", "--discard"): "There is no photo with the number 9.",
    }.items():
        refused = run(*arguments)
        assert (refused.exit_code, refused.output.strip().removeprefix("Error: ")) == (1, sentence)


@pytest.fixture
def consented(run: Run) -> list[int]:
    """Four kept examples: the consent to use the first ended yesterday, the second's ends in a week, two have none."""
    settings, today = read_settings(), utc_now().date()
    with writing(open_database(settings)) as session:
        examples = add_examples(session, Store(settings.store), 4)
        submissions = list(session.scalars(select(Submission).order_by(Submission.id)))
        for submission in submissions:
            submission.drawn = False
        submissions[0].consent_expires, submissions[1].consent_expires = today - timedelta(days=1), today + timedelta(days=7)
        freeze_all(session, examples[1:], utc_now())
    return examples


def test_consent_that_has_ended_is_told_and_erased_only_when_asked(run: Run, consented: list[int]) -> None:
    warning = "The consent to use 1 photo has ended: `winnow expire --erase` erases them."
    assert run("status").stdout.splitlines()[-1] == warning
    assert run.json("status")["consent"] == {"recorded": 1, "none": 2, "ended": 1, "ends_in_30_days": 1}
    told = run.json("expire", "--within", "7")
    assert (told["ended"], told["ending"], told["erasures"]) == (1, 1, [])
    assert [photo["photo"] for photo in told["photos"]] == ["head-000.png", "head-001.png"]
    assert run("expire").stdout.endswith("Nothing was changed. `winnow expire --erase` erases what has ended.\n")
    assert one_line(run("expire", "--erase", "--within", "7")) == "--erase erases only what has ended. Leave --within out."
    assert run.json("status")["submissions"] == 4

    with reading(open_database(read_settings())) as session:
        photo = session.scalars(select(Submission.photo_sha256).order_by(Submission.id)).first()
    (receipt,) = run.json("expire", "--erase")["erasures"]
    assert (receipt["submissions"], receipt["complete"]) == (1, True)
    assert run.json("erase", "--photo", str(photo), "--allow-again") == {"lifted": 1}
    assert run.json("expire", "--erase") == {
        "ended": 0, "ending": 0, "sources": {}, "contributors": {}, "photos": [], "erasures": []
    }  # fmt: skip
    assert "has ended" not in run("status").stdout
    assert run.json("status")["submissions"] == 3


def test_expire_goes_on_with_what_was_broken_off_and_erases_nothing_beside_an_ingest(
    run: Run, consented: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_job(open_database(read_settings()), "ingest", [], None):
        assert run("expire", "--erase").exit_code == 1
    assert run.json("status")["submissions"] == 4
    with monkeypatch.context() as broken_off:
        broken_off.setattr("curator.upkeep.erase.purge", lambda *_: (_ for _ in ()).throw(NotNowError("Somebody reads on.")))
        assert run("expire", "--erase").exit_code == 1
    assert "`winnow expire --erase` goes on with it." in run("expire").stdout
    (receipt,) = run.json("expire", "--erase")["erasures"]
    assert (receipt["submissions"], receipt["complete"]) == (1, True)


def test_a_run_is_deleted_and_a_set_is_packed(run: Run, consented: list[int]) -> None:
    settings = read_settings()
    with writing(open_database(settings)) as session:
        number = freeze_all(session, consented, utc_now())
        made = add_run(session, Store(settings.store), number, utc_now())
    packed = run.json("pack", str(number), "--format", "coco", "--by", "Ada")
    assert (packed["set"], packed["format"], packed["examples"]) == (number, "coco", 3)
    assert [file.suffix for file in settings.downloads.iterdir()] == [".zip"]
    deleted = run.json("delete-run", str(made))
    assert list(deleted) == ["run", "epochs", "exports", "pictures"]
    assert (deleted["run"], deleted["epochs"], deleted["exports"]) == (made, 3, 0)
    assert run.json("status")["runs"] == []
    assert run("delete-run", "9").stderr.strip() == "There is no run 9."


def test_freeze_and_export_say_what_has_no_consent(run: Run, consented: list[int], tmp_path: Path) -> None:
    run.json("decide", str(consented[0]), "keep")
    frozen = run.json("freeze")
    assert (frozen["examples"], frozen["no_consent"], frozen["left_out_ended"], frozen["left_out_no_consent"]) == (3, 2, 1, 0)
    frozen = run.json("freeze", "--consent", "recorded")
    assert (frozen["examples"], frozen["no_consent"], frozen["left_out_ended"], frozen["left_out_no_consent"]) == (1, 0, 1, 2)
    with writing(open_database(read_settings())) as session:
        for submission in session.scalars(select(Submission)):
            submission.consent_expires = date(2026, 1, 1)
    written = run("export", "1", str(tmp_path / "out"))
    assert written.stdout.splitlines()[1].endswith("consent. It loses nothing.")
    assert written.stdout.splitlines()[-1] == "The consent to use 3 of them has ended. Freeze a new set."
    assert run.json("export", "1", str(tmp_path / "again"))["consent_ends_first"] == "2026-01-01"
    assert run.json("export", "1", str(tmp_path / "coco"), "--format", "coco")["loses"] == ["soft edges"]
