"""Erase means erase: with an open reader, beside an ingest, after a kill, with leftovers of killed ingests, and for good."""

import errno
import fcntl
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine, func, select
from typer.testing import CliRunner

from curator.__main__ import app
from curator.formats import RawPair, manifest
from curator.ingest.bars import ERASED, Bars, Kind, admitted, allow_again
from curator.ingest.pipeline import IngestSummary, ingest
from curator.ingest.workers import Workers
from curator.upkeep.erase import erase, request_for, request_keys, resume, unfinished
from curator.upkeep.receipt import Receipt
from curator.upkeep.words import Words
from db.jobs import enqueue, start_process, utc_now
from db.secret import home_secret
from db.session import connect, open_database, reading, writing
from db.settings import Limits, Settings
from db.store import Store
from db.tables import Bar, Contributor, CuratedSet, Erasure, Event, Example, Job, JobState, Submission
from tests.curator.formats.items import without_lists
from tests.examples import LONG_AGO

NORA = "Nora Quist"
SPELLED = (b"nora quist", b"nora_quist", b"nora-quist", b"nora%20quist")

HELD = """
import os, sys, fcntl
from pathlib import Path
from db.workspaces import workspace
with workspace(Path(sys.argv[1])) as folder:
    (folder / "images").mkdir()
    (folder / "images" / "Nora_Quist_0001.png").write_bytes(b"a photo of Nora Quist")
    with Path(sys.argv[2]).open("wb") as part:
        fcntl.flock(part, fcntl.LOCK_EX)  # as `db.files.write` does
        part.write(b"half a photo of Nora Quist")
        part.flush()
        print("unpacked", flush=True)
        sys.stdin.read()
"""

KILLED = """
import os, signal, sys
from pathlib import Path
import curator.upkeep.erase as erasing
from curator.__main__ import app
erasing.delete_unnamed = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # the rows are committed, nothing else is done
app(["erase", "--contributor", "Nora Quist"])
"""

read = without_lists(manifest.read)


SEARCHED = KILLED.replace("erasing.delete_unnamed", "erasing.search_bytes").replace("lambda *_", "lambda *_, **__")


class House:
    """A home, and a folder of photos of Nora and Bo that are named after them."""

    def __init__(self, engine: Engine, settings: Settings, folder: Path) -> None:
        self.engine, self.store, self.settings, self.folder = engine, Store(settings.store), settings, folder
        self.bars = Bars(home_secret(settings.home))
        self.photos = [picture(number) for number in range(4)]
        rows = ["image,mask,contributor,subject"]
        for number, photo in enumerate(self.photos):
            who = NORA if number < 2 else "Bo Berg"
            name = f"{who.replace(' ', '_')}_{number}.png"
            (folder / name).write_bytes(photo)
            (folder / f"mask_{number}.png").write_bytes(painted(number))
            rows.append(f"{name},mask_{number}.png,{who},{who}")
        (folder / "manifest.csv").write_text("\n".join(rows))

    def ingest(self, folder: Path | None = None) -> IngestSummary:
        return ingest(
            read(folder or self.folder), adapter="manifest", location="/uploads/spring", engine=self.engine, store=self.store,
            workers=Workers(ThreadPoolExecutor, 1, self.store.url), clock=utc_now, limits=Limits(),
            secret=self.bars.secret, cut="whole",
        )  # fmt: skip

    def erase(self, kind: Kind = "contributor", name: str = NORA, patience: float = 20.0) -> Receipt:
        """What the command does, without its job."""
        with reading(self.engine) as session:
            request = request_for(session, self.bars, kind, name)
            begun = unfinished(session, *request_keys(self.bars, kind, name))
        if request is None:
            (number,) = begun
            return resume(self.engine, self.store, self.settings, number, (name,), utc_now(), patience=patience)
        return erase(self.engine, self.store, self.settings, request, "Ada", utc_now(), patience=patience)

    def resume(self) -> Receipt:
        """What `erase --resume` does, without its job."""
        with reading(self.engine) as session:
            (number,) = unfinished(session)
        return resume(self.engine, self.store, self.settings, number, None, utc_now())

    def left(self) -> list[str]:
        """The files below the home with Nora's name, the hash of a photo of hers, or its bytes."""
        hashes = [hashlib.sha256(photo).hexdigest() for photo in self.photos[:2]]
        sought = [*SPELLED, *(sha256.encode() for sha256 in hashes), *(photo.lower() for photo in self.photos[:2])]
        files = [path for path in self.settings.home.rglob("*") if path.is_file()]
        named = [str(path) for path in files if "ora_quist" in path.name.lower() or path.parent.name + path.name in hashes]
        return named + [str(path) for path in files if any(one in path.read_bytes().lower() for one in sought)]

    def submissions(self) -> int:
        with reading(self.engine) as session:
            return session.scalar(select(func.count()).select_from(Submission)) or 0


def picture(number: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 255, (210, 210, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


def painted(number: int) -> bytes:
    mask, out = np.zeros((210, 210), np.uint8), io.BytesIO()
    mask[20 : 120 + number, 40:160] = 255
    Image.fromarray(mask).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home into which Nora and Bo have come, and texts that name Nora; to be copied."""
    settings, folder = Settings(home=tmp_path_factory.mktemp("filled")), tmp_path_factory.mktemp("spring")
    engine = open_database(settings)
    assert House(engine, settings, folder).ingest().added == 4
    now = LONG_AGO
    with writing(engine) as session:
        session.add(CuratedSet(hash="0" * 64, note="without the beard of nora-quist", frozen_at=now))
        session.add(
            Job(
                kind="ingest", arguments=["/uploads/Nora_Quist.zip"], state=JobState.failed, created_at=now, heartbeat_at=now,
                message="Nora_Quist_7.png is cut off.", result={"refused": [{"file": "Nora Quist.png", "reason": "cut off"}]},
            )
        )  # fmt: skip
    settings.logs.mkdir()
    (settings.logs / "job-1.log").write_text("Read https://x.org/Nora%20Quist.zip\n")
    (Path(settings.runs) / "1").mkdir(parents=True)
    (Path(settings.runs) / "1" / "model-card.md").write_text("Photos by Nora Quist and Bo Berg\n")
    (Path(settings.runs) / "1" / "report.csv").write_text("Nora_Quist_1.png,0.9\nBo_Berg_3.png,0.8\n")
    engine.dispose()
    return settings.home


@pytest.fixture
def house(filled: Path, settings: Settings, tmp_path: Path) -> Iterator[House]:
    shutil.copytree(filled, settings.home)
    (tmp_path / "spring").mkdir()
    engine = connect(settings.database)
    house = House(engine, settings, tmp_path / "spring")
    assert len(house.left()) >= 6
    yield house
    engine.dispose()


def test_nothing_of_the_erased_is_in_any_byte(house: House) -> None:
    receipt = house.erase()
    assert house.left() == []
    assert (receipt.complete, receipt.submissions, receipt.redacted, receipt.files) == (True, 2, 2, 3)
    assert receipt.searched_files > 8
    assert house.submissions() == 2
    assert (Path(house.settings.runs) / "1" / "model-card.md").read_text() == "Photos by (erased) and Bo Berg\n"
    assert "uist" not in (Path(house.settings.runs) / "1" / "report.csv").read_text()


def test_with_an_open_reader_it_says_what_is_left_and_goes_on_when_it_is_closed(house: House) -> None:
    with house.engine.connect() as reader:
        reader.execute(select(Submission.id)).all()
        receipt = house.erase(patience=0.05)
        assert not receipt.complete
        assert "Another program keeps the database open" in receipt.text()
        assert house.left()
    again = house.erase()
    assert (again.complete, again.submissions) == (True, 2)
    assert house.left() == []
    with reading(house.engine) as session:
        (erasure,) = session.scalars(select(Erasure))
        assert erasure.task is None
        assert erasure.ended_at is not None


@pytest.mark.parametrize(("kind", "name"), [("photo", "Nora_Quist_0.png"), ("contributor", NORA)])
def test_a_run_again_searches_for_the_same_until_nothing_is_found(house: House, kind: Kind, name: str) -> None:
    copy = house.settings.home / "copy.png"
    copy.write_bytes(house.photos[0])
    for _ in range(2):
        receipt = house.erase(kind, name)
        assert (receipt.complete, [each.what for each in receipt.remains if "should not" in each.why]) == (
            False,
            ["a photo in copy.png"],
        )
    assert not house.resume().complete
    copy.unlink()
    assert house.resume().complete
    assert hashlib.sha256(house.photos[0]).hexdigest().encode() not in (house.settings.home / "winnow.db").read_bytes()
    if kind == "contributor":
        assert house.left() == []


def test_one_that_was_killed_in_its_search_is_not_done_before_its_words_are_given_again(house: House) -> None:
    environment = os.environ | {"WINNOW_HOME": str(house.settings.home)}
    assert subprocess.run([sys.executable, "-c", SEARCHED], env=environment, check=False).returncode == -signal.SIGKILL
    copy = house.settings.home / "copy.png"
    copy.write_bytes(house.photos[0])
    receipt = house.resume()
    assert not receipt.complete
    assert "give its words again" in receipt.text()
    for _ in range(2):
        assert "a photo in copy.png" in house.erase().text()
    copy.unlink()
    assert not house.resume().complete
    assert house.erase().complete
    assert house.left() == []


def test_whoever_was_erased_is_refused_when_they_are_ingested_again(house: House) -> None:
    house.erase()
    summary = house.ingest()
    assert (summary.added, summary.already, summary.refusals) == (0, 2, 2)
    assert summary.refused == [{"file": ERASED.file, "reason": ERASED.reason}] * 2
    assert house.left() == []
    manifest = house.folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("Nora Quist,Nora Quist", "Cy,"))  # the photos under another name
    assert house.ingest().refusals == 2
    with writing(house.engine) as session:
        assert allow_again(session, [*request_keys(house.bars, "contributor", NORA)]) == 3
    assert house.ingest().added == 2


def test_a_person_shown_is_refused_however_their_name_is_joined(house: House) -> None:
    assert house.erase("subject").submissions == 2
    assert house.left() == []
    pair = RawPair("x.png", house.folder / "x.png", house.folder / "x.png", subject="nora_quist")
    assert list(admitted([pair], house.bars, house.engine, date(2026, 1, 1))) == [ERASED]


def test_one_photo_goes_alone_by_its_file_name(house: House) -> None:
    sha256 = hashlib.sha256(house.photos[0]).hexdigest()
    assert house.erase("photo", "Nora_Quist_0.png").submissions == 1
    assert not house.store.path(sha256).exists()
    assert house.submissions() == 3
    with reading(house.engine) as session:
        assert house.bars.barred(session, {house.bars.hash("photo", sha256)})


ZOE = ["Zoë Quist", "Zoe\u0308 Quist", "zoë quist", "ZOË QUIST", " Zoë  Quist ", "Zo\u00adë Quist", "Ｚｏë Quist"]


def bring_zoe(house: House, folder: Path) -> IngestSummary:
    """Nine photos of Zoë Quist in seven spellings, who shows herself, and one each of two whose names are near to hers."""
    rows = ["image,mask,contributor,subject"]
    for number, name in enumerate([*ZOE, ZOE[1], ZOE[2], "Zoe Quist", "zoë_quist"], 10):
        (folder / f"{number}.png").write_bytes(picture(number))
        (folder / f"mask_{number}.png").write_bytes(painted(number))
        rows.append(f"{number}.png,mask_{number}.png,{name},{name}")
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return house.ingest(folder)


@pytest.mark.parametrize("kind", ["contributor", "subject"])
def test_all_photos_of_a_person_go_whatever_the_spelling_and_near_names_are_asked_about(
    house: House, kind: Kind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WINNOW_HOME", str(house.settings.home))

    def run(*words: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["erase", *words])
        return done.exit_code, done.stdout, done.stderr

    (tmp_path / "zoe").mkdir()
    assert bring_zoe(house, tmp_path / "zoe").added == 11
    with reading(house.engine) as session:
        theirs = select(Example.split, Submission.contributor_id).join(Submission).join(Contributor)
        assert len(set(session.execute(theirs.where(Contributor.name == ZOE[0])))) == 1
        assert sorted(session.scalars(select(Contributor.name))) == ["Bo Berg", NORA, "Zoe Quist", ZOE[0], "zoë_quist"]

    assert run(f"--{kind}", "ZOE\u0308  quist")[::2] == (
        1,
        "Nothing was erased yet, because others have nearly the same name: 'Zoe Quist' (1 photo), 'zoë_quist' (1 photo). If "
        f"one of them is the same person, repeat --{kind} with that name. Add --only to leave those whom you don't name.\n",
    )
    assert run(f"--{kind}", ZOE[0], f"--{kind}", "Zoe Quist")[2].count("photo)") == 1  # of the one who is not named yet
    assert "'Cy'. Case and blanks don't matter" in run(f"--{kind}", ZOE[0], f"--{kind}", "Cy", "--only")[2]
    assert house.submissions() == 15
    code, said, _ = run(f"--{kind}", "zoe quist", f"--{kind}", "ZOE\u0308  quist", "--only")
    assert (code, house.submissions()) == (0, 5)
    assert "Erased: 10 submissions" in said
    assert "Still here are others with nearly the same name: 'zoë_quist' (1 photo). They were not erased." in said
    with reading(house.engine) as session:
        kept = [
            *session.scalars(select(Job.arguments)),
            *session.scalars(select(Job.result)),
            *session.scalars(select(Job.message)),
            *session.scalars(select(Event.detail)),
        ]
        assert "zo" not in repr(kept).casefold()
    assert run(f"--{kind}", ZOE[4], f"--{kind}", "Zoe Quist")[2].startswith("That ")
    assert bring_zoe(house, tmp_path / "zoe").added == 0


def test_what_was_barred_and_begun_under_one_exact_spelling_stays_so(house: House) -> None:
    """As earlier versions wrote it: by these words as they are, and without case and compatibility forms alone."""
    name = "Zo\u00adë Quist"
    as_before = house.bars.request_hash("contributor:zo\u00adë quist")
    with writing(house.engine) as session:
        event = Event(at=LONG_AGO, who="Ada", what="erase", detail={})
        request = house.bars.request_hash(f"erase contributor:{name}")
        bars = [Bar(keyed_hash=as_before, key=house.bars.key)]
        session.add(Erasure(request=request, event=event, bars=bars))
    pair = RawPair("x.png", house.folder / "x.png", house.folder / "x.png", contributor=name)
    assert list(admitted([pair], house.bars, house.engine, date(2026, 1, 1))) == [ERASED]
    with reading(house.engine) as session:
        assert unfinished(session, *request_keys(house.bars, "contributor", name)) == [1]


def test_an_erasure_and_an_ingest_do_not_run_beside_each_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_HOME", str(house.settings.home))

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, words)
        return done.exit_code, done.stderr

    with writing(house.engine) as session:
        job = Job(kind="ingest", arguments=[], state=JobState.running, created_at=utc_now(), heartbeat_at=utc_now())
        session.add(job)
    code, said = run("erase", "--contributor", NORA)
    assert (code, said.startswith("An ingest is running")) == (1, True)
    assert house.submissions() == 4
    with writing(house.engine) as session:
        session.get_one(Job, job.id).kind = "erase"
    code, said = run("ingest", str(house.folder))
    assert (code, said) == (
        1,
        "Somebody is being erased. Try again when that has finished. A zip that was uploaded has to be sent again then.\n",
    )
    with reading(house.engine) as session:
        assert "Nora" not in str(session.scalars(select(Job.arguments).where(Job.kind == "erase")).all())


def test_uploads_go_also_on_their_way_and_while_an_ingest_is_starting_the_receipt_says_that_they_are_left(house: House) -> None:
    house.settings.uploads.mkdir()
    for name in ("a.part", "a.whole", "a.zip"):
        (house.settings.uploads / name).write_bytes(b"PK, and photos of whom?")
    with writing(house.engine) as session:
        job = Job(kind="ingest", arguments=[], state=JobState.queued, created_at=utc_now(), heartbeat_at=utc_now())
        session.add(job)
    receipt = house.erase()
    assert (receipt.complete, len(list(house.settings.uploads.iterdir()))) == (False, 3)
    assert "uploaded zips: an ingest or a preview was just starting" in receipt.text()
    with writing(house.engine) as session:
        session.get_one(Job, job.id).state = JobState.failed
        session.get_one(Job, job.id).heartbeat_at = LONG_AGO
    receipt = house.erase()
    assert (receipt.complete, list(house.settings.uploads.iterdir())) == (True, [])


def test_what_may_not_be_read_is_named_and_the_rest_is_erased(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links to memory, which fail when they are read, as files of other users do; and a folder that is another user's."""
    links = [house.settings.logs / "job-2.log", house.settings.home / "notes", house.settings.runs / "1" / "card.html"]
    for link in links:
        Path(link).symlink_to("/proc/self/mem")
    closed = house.settings.temporary / "winnow-theirs"
    closed.mkdir(parents=True)
    (closed / "held").write_bytes(b"")
    with (closed / "held").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        scandir = os.scandir

        def denied(path: Path) -> Iterator[os.DirEntry[str]]:
            if str(path) == str(closed):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", denied)
        receipt = house.erase()
    assert not receipt.complete
    assert {each.what: each.why for each in receipt.remains if "could not" in each.why} == {
        "logs/job-2.log": "it could not be read or changed: Input/output error.",
        "notes": "it could not be read or changed: Input/output error.",
        "runs/1/card.html": "it could not be read or changed: Input/output error.",
        "tmp/winnow-theirs": "it could not be read or changed: Permission denied.",
    }
    for link in links:
        link.unlink()
    assert "uist" not in (house.settings.logs / "job-1.log").read_text()
    monkeypatch.undo()
    assert house.erase().complete
    assert house.left() == []


def test_a_running_job_writes_on_at_the_end_of_its_shortened_log(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = house.folder / "turn"
    os.mkfifo(turn)
    words = f"[(open({str(turn)!r}).read(), print(word, flush=True)) for word in ('meanwhile', 'afterwards')]"
    statement = f"print('Nora Quist\\n' * 99, flush=True); {words}"
    number = enqueue(house.engine, "report", [], utc_now())
    log = house.settings.logs / f"job-{number}.log"
    log.write_text("of another database\n")
    process = start_process(house.engine, number, "timeit", ["-n1", "-r1", statement], house.settings.logs)
    while log.stat().st_size < 99 * 11:
        assert process.poll() is None
    struck = Words.struck

    def then_the_job_writes(words: Words, text: str, *steps: Callable[[], None]) -> str:
        if "Nora Quist\nNora Quist" in text:
            turn.write_text("now")
            while b"meanwhile" not in log.read_bytes():
                assert process.poll() is None
        return struck(words, text, *steps)

    monkeypatch.setattr(Words, "struck", then_the_job_writes)
    house.erase()
    turn.write_text("now")
    process.wait()
    said = log.read_text()
    assert said.startswith("(erased)\n" * 99 + "\nmeanwhile\nafterwards\n")
    assert "database" not in said


def test_pictures_of_an_ingest_that_was_killed_just_now_are_not_called_gone(house: House) -> None:
    orphan = house.store.put(b"a photo without a row")
    with writing(house.engine) as session:
        job = Job(kind="ingest", arguments=[], state=JobState.interrupted, created_at=LONG_AGO, heartbeat_at=utc_now())
        session.add(job)
    receipt = house.erase()
    assert (receipt.complete, house.store.path(orphan).exists()) == (False, True)
    assert "wait two minutes" in receipt.text()
    os.utime(house.store.path(orphan), (0, 0))
    with writing(house.engine) as session:
        session.get_one(Job, job.id).heartbeat_at = LONG_AGO
    receipt = house.erase()
    assert (receipt.complete, house.store.path(orphan).exists()) == (True, False)


def test_an_erasure_that_is_killed_after_its_commit_goes_on(house: House) -> None:
    environment = os.environ | {"WINNOW_HOME": str(house.settings.home)}
    killed = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert house.submissions() == 2
    assert house.left()
    receipt = house.erase()
    assert (receipt.complete, receipt.submissions) == (True, 2)
    assert house.left() == []


def test_what_killed_ingests_unpacked_and_half_wrote_goes_and_what_is_in_use_stays(house: House) -> None:
    part = Path(house.store.root) / "00" / ".part-0"
    part.parent.mkdir(exist_ok=True)
    ingest = subprocess.Popen(
        [sys.executable, "-c", HELD, str(house.settings.temporary), str(part)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert ingest.stdout is not None
    assert ingest.stdin is not None
    assert ingest.stdout.readline() == b"unpacked\n"
    os.utime(part, (0, 0))
    receipt = house.erase()
    assert not receipt.complete
    assert {each.what.partition(" in ")[0] for each in receipt.remains if "should not" in each.why} == {"its name", "the name"}
    ingest.kill()
    ingest.communicate()
    assert house.erase().complete
    assert house.left() == []
