"""A contributor who is erased is gone: from every table, from the store, from the words and from the disk."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool

from curator.ingest.bars import Bars
from curator.sets.freeze import set_hash
from curator.upkeep import erase
from curator.upkeep.check import check
from curator.upkeep.erase import (
    TABLES_OF_A_SUBMISSION,
    TABLES_OF_A_TOUCH_UP,
    TABLES_OF_AN_EXAMPLE,
    TABLES_TO_EMPTY,
)
from curator.upkeep.receipt import Receipt
from curator.upkeep.words import Words
from db.errors import WinnowError
from db.files import write
from db.jobs import utc_now
from db.session import Lock, open_database, reading, wait_for, writing
from db.settings import Settings
from db.store import Store
from db.tables import (
    Bar,
    Base,
    Contributor,
    CropChoice,
    CuratedSet,
    Decision,
    Epoch,
    Event,
    Example,
    Gold,
    GuideExample,
    Job,
    JobState,
    Lease,
    Likeness,
    Measure,
    Presence,
    Preview,
    Refinement,
    RefinementDecision,
    Refusal,
    Remark,
    Reopening,
    Reviewer,
    Run,
    SetMember,
    Signal,
    Source,
    Split,
    Standing,
    State,
    Submission,
    Suspicion,
    TouchUp,
    TouchUpDiscard,
    TouchUpPresence,
    TouchUpRequest,
    TouchUpSave,
    Verdict,
)
from tests.conftest import FakeClock, on_both_servers
from tests.erasing import erase_contributor
from tests.examples import LONG_AGO, TOMORROW
from tests.outside import OutsideTransactions
from tests.postgres import blocked

NORA, BO = "Nora_Quist", "Bo_Berg"
SHARED = b"a mask that both painted alike"


@dataclass
class Rooms:
    """A home with two people in every table, and what their pictures hold."""

    engine: Engine
    store: Store
    settings: Settings
    pictures: dict[str, list[bytes]]

    def erase(self, name: str) -> Receipt:
        return erase_contributor(self.engine, self.store, self.settings, name, "Ada", LONG_AGO)

    def count(self, table: type[Base]) -> int:
        with reading(self.engine) as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def all_bytes(self) -> dict[Path, bytes]:
        """Every file of the home with its bytes: the database, its log, the store, the runs."""
        return {path: path.read_bytes() for path in self.settings.home.rglob("*") if path.is_file()}


@pytest.fixture
def rooms(engine: Engine, store: Store, settings: Settings) -> Rooms:
    rooms = Rooms(engine, store, settings, {NORA: [], BO: []})
    with writing(engine) as session:
        shared_source = Source(adapter="folder", location="/uploads/everybody", added_at=LONG_AGO)
        reviewer = Reviewer(name="Ada")
        job = Job(
            kind="ingest", arguments=[f"/uploads/{NORA}.zip"], state=JobState.done, created_at=LONG_AGO, heartbeat_at=LONG_AGO,
            message="looking at images/Nora_Quist_0001.jpg",
            result={"seen": 4, "refused": [{"file": "images/Nora_Quist_0009.jpg", "reason": "cut off"}]},
        )  # fmt: skip
        members: list[SetMember] = []
        session.add_all([shared_source, reviewer, job])
        session.flush()
        for name in (NORA, BO):
            person = Contributor(name=name)
            alone = Source(adapter="folder", location=f"/uploads/{name}", added_at=LONG_AGO)
            for number in (1, 2):
                members.append(add_example(session, rooms, person, reviewer, alone if number == 1 else shared_source, number))
            file = f"images/{name}_0009.jpg"
            session.add(Refusal(source=alone, file=file, reason="cut off", at=LONG_AGO))
        session.add(Refusal(source=shared_source, file="masks/x.png", reason="differs from Nora-Quist-0002.jpg", at=LONG_AGO))
        session.add(Refusal(source=shared_source, file="images/Nora_Quistmann_0001.jpg", reason="cut off", at=LONG_AGO))
        for position, member in enumerate(members):
            member.position = position
        contents = [(each.image_sha256, each.mask_sha256, each.split.value, None, each.unknown_sha256) for each in members]
        content = set_hash(contents)
        curated = CuratedSet(id=1, hash=content, frozen_at=LONG_AGO, members=members)
        add_run(
            session,
            rooms,
            Run(set=curated, job=job, model="m", settings={}, encoder="scratch", parameters=1, created_at=LONG_AGO),
        )
    (settings.home / "logs").mkdir()
    (settings.home / "logs" / "job-1.log").write_text("images/Nora_Quist_0009.jpg: cut off\nimages/Bo_Berg_0009.jpg: cut off\n")
    return rooms


def kept(rooms: Rooms, name: str, what: str) -> str:
    rooms.pictures[name].append(f"{what} of {name}".encode())
    return rooms.store.put(rooms.pictures[name][-1])


def add_example(
    session: Session, rooms: Rooms, person: Contributor, reviewer: Reviewer, source: Source, number: int
) -> SetMember:
    """An example with all that people do to one; its place in a set, which is not added yet."""
    submission = Submission(
        source=source, contributor=person, photo_name=f"images/{person.name}_000{number}.jpg",
        photo_sha256=kept(rooms, person.name, f"photo {number}"), mask_sha256=rooms.store.put(SHARED), height=9, width=9,
        unknown_sha256=kept(rooms, person.name, f"unknown pixels of photo {number}"), received_at=LONG_AGO,
    )  # fmt: skip
    example = Example(
        submission=submission, face_top=1, face_left=1, face_bottom=9, face_right=9, face_score=1.0, crop_top=0.0,
        crop_left=0.0, crop_side=9.0, inside_top=0, inside_left=0, inside_bottom=9, inside_right=9, split=Split.test,
        image_sha256=kept(rooms, person.name, f"crop {number}"), mask_sha256=kept(rooms, person.name, f"mask {number}"),
        unknown_sha256=kept(rooms, person.name, f"unknown pixels {number}"),
        signals=[Signal(name="size", value=0.5)], suspicion=Suspicion(model="m", value=0.5, reasons=[]),
    )  # fmt: skip
    session.add_all([example, source])
    session.flush()
    example.standing = Standing(source_id=source.id, state=State.keep, split=Split.test, doubt=0.5, lot=0.5)
    after, of, by = kept(rooms, person.name, f"touched-up mask {number}"), example.id, reviewer.id
    saves = [TouchUpSave(mask_after_sha256=after, seconds_used=1.0, finished=True, at=LONG_AGO)]
    before = example.mask_sha256
    touch_up = TouchUp(
        example_id=of, reviewer_id=by, mask_before_sha256=before, started_at=LONG_AGO, seconds_shown=9, saves=saves
    )
    repaired = Reopening(example_id=of, reviewer_id=by, after_verdict=0, at=LONG_AGO)
    session.add_all([touch_up, repaired])
    session.flush()
    session.add_all(
        [
            TouchUpPresence(touch_up_id=touch_up.id, page="page", presence=Presence.opened, at=LONG_AGO),
            TouchUpDiscard(touch_up_id=touch_up.id, reviewer_id=by, at=LONG_AGO),
            TouchUpRequest(example_id=of, reviewer_id=by, after_touch_up=touch_up.id, at=LONG_AGO),
            Reopening(example_id=of, reviewer_id=by, after_verdict=0, undoes=repaired.id, at=LONG_AGO),
            Verdict(example_id=of, reviewer_id=by, decision=Decision.keep, at=LONG_AGO, client_id=f"{of}"),
            Reopening(example_id=of, reviewer_id=by, after_verdict=0, touch_up_id=touch_up.id, at=LONG_AGO),
            Reopening(example_id=of, reviewer_id=by, after_verdict=0, at=LONG_AGO),
            Refinement(
                example_id=of,
                mask_before_sha256=before,
                alpha_sha256=kept(rooms, person.name, f"alpha {number}"),
                method="m",
                iou=0.9,
                at=LONG_AGO,
            ),
            Lease(example_id=of, reviewer_id=by, until=LONG_AGO),
            Remark(submission_id=submission.id, words=f"the photo of {person.name} is small", at=LONG_AGO),
            CropChoice(submission_id=submission.id, reviewer_id=by, at=LONG_AGO),
            Likeness(submission_id=submission.id, part_1=number, part_2=2, part_3=3, part_4=4, blocks="0" * 64),
            Gold(example_id=of, reviewer_id=by, answer=Decision.keep, at=LONG_AGO),
            GuideExample(place="good_1", example_id=of, words="a sharp edge", reviewer_id=by, at=LONG_AGO),
        ]
    )
    session.flush()
    refinement = session.scalars(select(Refinement.id).where(Refinement.example_id == of)).one()
    session.add(RefinementDecision(refinement_id=refinement, reviewer_id=by, accepted=False, at=LONG_AGO))
    unknown = example.unknown_sha256
    return SetMember(
        example=example, image_sha256=example.image_sha256, mask_sha256=after, unknown_sha256=unknown, split=Split.test
    )


def add_run(session: Session, rooms: Rooms, run: Run) -> None:
    """A run with a preview, a measure and a cached file for every member of its set."""
    losses = ("loss", "mask_loss", "consistency_loss", "validation_loss", "validation_mask_loss", "validation_consistency_loss")
    run.epochs = [Epoch(number=1, best=True, seconds=1.0, at=LONG_AGO, **dict.fromkeys(losses, 1.0))]
    session.add(run)
    session.flush()
    for member in run.set.members:
        assert member.example is not None
        assert member.example.submission.contributor is not None
        of, name = member.example.id, member.example.submission.contributor.name
        preview, matte = kept(rooms, name, f"preview {of}"), kept(rooms, name, f"matte {of}")
        session.add(Preview(run_id=run.id, epoch=1, example_id=of, matte_sha256=preview))
        measured = {"mask_sha256": member.mask_sha256, "matte_sha256": matte}
        session.add(Measure(run_id=run.id, split=Split.test, refine="none", example_id=of, **measured))
        cached = rooms.settings.runs / "1" / "cache" / f"{member.image_sha256}.npy"
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_bytes(f"cached for {name}".encode())


def test_the_home_is_sound_before_anybody_is_erased(rooms: Rooms) -> None:
    with reading(rooms.engine) as session:
        found = check(session, rooms.store, TOMORROW)
    assert found.sound, found.text()
    assert sum(b"Nora_Quist" in data for data in rooms.all_bytes().values()) > 10


def test_erased_contributor_leaves_nothing_behind_on_the_disk(rooms: Rooms) -> None:
    with reading(rooms.engine) as session:
        kept_as_record = {
            sha256 for member in session.scalars(select(SetMember)) for sha256 in (member.image_sha256, member.mask_sha256)
        }
        hashes = {
            each
            for submission in session.scalars(select(Submission).join(Contributor).where(Contributor.name == NORA))
            for each in (submission.photo_sha256, submission.example.mask_sha256)  # type: ignore[union-attr]
        }
    rooms.erase(NORA)
    names = [b"Nora_Quist", b"Nora-Quist", b"nora_quist", *rooms.pictures[NORA]]
    for path, data in rooms.all_bytes().items():
        data = data.replace(b"Nora_Quistmann", b"")  # somebody else
        assert not [name for name in names if name in data], path
        assert not [sha256 for sha256 in hashes - kept_as_record if sha256.encode() in data], path
        assert path.stem not in hashes


def test_everybody_elses_is_untouched(rooms: Rooms) -> None:
    rooms.erase(NORA)
    for data in [*rooms.pictures[BO], SHARED]:
        assert data in rooms.all_bytes().values()
    with reading(rooms.engine) as session:
        assert list(session.scalars(select(Contributor.name))) == [BO]
        assert set(session.scalars(select(Refusal.file))) == {"images/Bo_Berg_0009.jpg", "images/Nora_Quistmann_0001.jpg"}
        assert set(session.scalars(select(Source.location))) == {"/uploads/everybody", "/uploads/Bo_Berg"}
    log = (rooms.settings.home / "logs" / "job-1.log").read_text()
    assert log == "images/(erased)_0009.jpg: cut off\nimages/Bo_Berg_0009.jpg: cut off\n"


def test_every_table_loses_the_contributors_half(rooms: Rooms) -> None:
    tables = (
        Contributor,
        Submission,
        Example,
        TouchUp,
        RefinementDecision,
        *TABLES_OF_AN_EXAMPLE,
        *TABLES_OF_A_TOUCH_UP,
        *TABLES_OF_A_SUBMISSION,
    )
    before = {table: rooms.count(table) for table in tables}
    assert all(before.values())
    rooms.erase(NORA)
    assert {table: rooms.count(table) for table in tables} == {table: number // 2 for table, number in before.items()}


@pytest.mark.parametrize(
    ("owner", "handled"),
    [
        ("example", (*TABLES_OF_AN_EXAMPLE, *TABLES_TO_EMPTY, TouchUp, Example)),
        ("submission", (*TABLES_OF_A_SUBMISSION, Example)),
        ("touch_up", (*TABLES_OF_A_TOUCH_UP, Reopening)),
    ],
)
def test_no_table_that_belongs_to_an_example_a_submission_or_a_touch_up_is_forgotten(
    owner: str, handled: tuple[type[Base], ...]
) -> None:
    theirs = {
        table.name for table in Base.metadata.sorted_tables if any(key.column.table.name == owner for key in table.foreign_keys)
    }
    assert theirs == {table.__tablename__ for table in handled}


def test_pictures_that_an_ingest_left_behind_go_too_but_none_whose_row_is_on_its_way(rooms: Rooms) -> None:
    left, on_its_way = rooms.store.put(b"stored before its ingest was killed"), rooms.store.put(b"stored just now")
    stored = rooms.store.stored_at(left).timestamp()
    os.utime(rooms.store.path(left), (stored - 7200, stored - 7200))
    os.utime(rooms.store.path(on_its_way), (stored - 60, stored - 60))
    half = rooms.store.path(left).with_name(".part-of-a-photo")
    half.write_bytes(b"half a photo")
    os.utime(half, (stored - 7200, stored - 7200))
    erase_contributor(rooms.engine, rooms.store, rooms.settings, NORA, "Ada", utc_now())
    assert not rooms.store.path(left).exists()
    assert not half.exists()
    assert rooms.store.path(on_its_way).exists()


def test_foreign_files_in_the_store_are_passed_by(rooms: Rooms) -> None:
    for folder in (rooms.store.root, next(rooms.store.root.iterdir())):
        (folder / ".DS_Store").write_bytes(b"a file manager's")
    erase_contributor(rooms.engine, rooms.store, rooms.settings, NORA, "Ada", utc_now())
    assert rooms.count(Contributor) == 1
    assert len(rooms.store.strangers()) == 2


def test_nobodys_verdict_waits_for_the_store(rooms: Rooms) -> None:
    store = OutsideTransactions(rooms.settings)
    erase_contributor(rooms.engine, store, rooms.settings, NORA, "Ada", utc_now())
    assert store.used > 32  # sixteen pictures, each looked at and deleted


def test_a_picture_that_another_names_meanwhile_stays(rooms: Rooms) -> None:
    """Bo's ingest stores a photo like one of Nora's and commits its row between the erasure's commit and its deletions."""
    with reading(rooms.engine) as session:
        nora = select(Contributor.id).where(Contributor.name == NORA)
        photo = session.scalars(select(Submission.photo_sha256).where(Submission.contributor_id.in_(nora))).first()
        bo = session.scalars(select(Contributor.id).where(Contributor.name == BO)).one()
        source = session.scalars(select(Source.id).where(Source.location == "/uploads/everybody")).one()
    assert photo is not None

    class Busy(Store):
        def stored_at(self, sha256: str) -> datetime:
            if sha256 == photo:
                with writing(rooms.engine) as session:
                    session.add(
                        Submission(
                            source_id=source, contributor_id=bo, photo_name="new.jpg", photo_sha256=photo, mask_sha256=photo,
                            height=9, width=9, received_at=LONG_AGO,
                        )
                    )  # fmt: skip
            return super().stored_at(sha256)

    erased = erase_contributor(rooms.engine, Busy(rooms.store.url), rooms.settings, NORA, "Ada", LONG_AGO)
    assert erased.blobs == 17
    assert rooms.store.path(photo).exists()


def a_photo(session: Session, nora: int) -> Submission:
    wait_for(session, Lock.adding)  # as an ingest does
    source = session.scalars(select(Source.id)).first()
    return Submission(
        source_id=source, contributor_id=nora, photo_name="new.jpg", photo_sha256="0" * 64, mask_sha256="0" * 64, height=9,
        width=9, received_at=LONG_AGO,
    )  # fmt: skip


def a_verdict(session: Session, nora: int) -> Verdict:
    of = session.scalars(select(Example.id).join(Submission).where(Submission.contributor_id == nora)).first()
    return Verdict(example_id=of, reviewer_id=1, decision=Decision.keep, at=LONG_AGO, client_id="another")


@on_both_servers
@pytest.mark.parametrize("adding", [a_photo, a_verdict])
def test_what_somebody_is_adding_at_the_moment_is_waited_for_and_erased_too(
    rooms: Rooms, adding: Callable[[Session, int], Base]
) -> None:
    erasing = threading.Thread(target=rooms.erase, args=(NORA,))
    with writing(rooms.engine) as session:
        session.add(adding(session, session.scalars(select(Contributor.id).where(Contributor.name == NORA)).one()))
        session.flush()
        erasing.start()
        while rooms.engine.dialect.name == "postgresql" and not blocked(rooms.engine):
            assert erasing.is_alive()
    erasing.join()
    assert [rooms.count(table) for table in (Contributor, Submission, Verdict)] == [1, 2, 2]


def test_what_is_refused_or_said_after_the_search_is_searched_too(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is added, a job begins, and a running job says something: all after their tables were searched."""
    with writing(rooms.engine) as session:
        running = Job(kind="report", arguments=[], state=JobState.running, created_at=LONG_AGO, heartbeat_at=LONG_AGO)
        session.add(running)
    redact_rows = erase.redact_rows

    def then_others_write(engine: Engine, words: Words, on_rows: Callable[[], None]) -> int:
        monkeypatch.setattr(erase, "redact_rows", redact_rows)
        redacted = redact_rows(engine, words, on_rows)
        with writing(rooms.engine) as other:
            source = other.scalars(select(Source.id).where(Source.location == "/uploads/everybody")).one()
            other.add(Refusal(source_id=source, file="late/Nora_Quist.jpg", reason="cut off", at=LONG_AGO))
            other.add(
                Job(kind="look", arguments=["Nora_Quist.zip"], state=JobState.done, created_at=LONG_AGO, heartbeat_at=LONG_AGO)
            )
            other.get_one(Job, running.id).message = "looking at Nora_Quist.jpg"
        return redacted

    monkeypatch.setattr(erase, "redact_rows", then_others_write)
    assert rooms.erase(NORA).refusals == 3
    assert not [path for path, data in rooms.all_bytes().items() if b"Nora_Quist." in data]


def test_a_source_that_still_has_refusals_stays(rooms: Rooms) -> None:
    with writing(rooms.engine) as session:
        source = session.scalars(select(Source).where(Source.location == f"/uploads/{NORA}")).one()
        session.add(Refusal(source=source, file="x.png", reason="cut off", at=LONG_AGO))  # nobody knows whose
    rooms.erase(NORA)
    with reading(rooms.engine) as session:
        assert session.scalars(select(Refusal.file).where(Refusal.source_id == source.id)).all() == ["x.png"]


@pytest.fixture
def careless(settings: Settings) -> Iterator[Engine]:
    """A migrated database of an SQLite that was built to leave deleted data in its file, as most are, Debian's not."""

    def leave(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA secure_delete = OFF")

    event.listen(Pool, "connect", leave)  # it comes before what db/session.py does
    engine = open_database(settings)
    yield engine
    engine.dispose()
    event.remove(Pool, "connect", leave)


def test_an_erased_name_is_in_no_byte_of_the_database(careless: Engine, store: Store, settings: Settings) -> None:
    """Neither in the file, nor in its write-ahead log, nor in the index of that log."""
    with writing(careless) as session:
        source = Source(adapter="folder", location="/uploads/everybody", added_at=LONG_AGO)
        for person in ("Nora_Quist", "Bo_Berg"):
            contributor = Contributor(name=person)
            for number in range(200):  # so many that whole pages of the file become free
                session.add(
                    Submission(
                        source=source, contributor=contributor, photo_name=f"images/{person}_{number:04}.jpg", height=9,
                        photo_sha256=store.put(f"{person} {number}".encode()), mask_sha256="0" * 64, width=9,
                        received_at=LONG_AGO, remarks=[Remark(words=f"the photo of {person} is small", at=LONG_AGO)],
                    )
                )  # fmt: skip
    files = [settings.home / f"winnow.db{end}" for end in ("", "-wal", "-shm")]
    assert any(b"Nora_Quist" in file.read_bytes() for file in files)
    erase_contributor(careless, store, settings, "Nora_Quist", "Ada", LONG_AGO)
    for file in files:
        data = file.read_bytes() if file.exists() else b""
        assert b"Nora_Quist" not in data, file
    assert b"Bo_Berg" in files[0].read_bytes()


def test_what_went_is_counted_and_recorded_without_the_name(rooms: Rooms) -> None:
    with writing(rooms.engine) as session:
        nora = select(Example.id).join(Submission).join(Contributor).where(Contributor.name == NORA)
        of = session.scalars(nora.order_by(Example.id)).all()[0]
        session.add(Verdict(example_id=of, reviewer_id=1, decision=Decision.keep, at=LONG_AGO, client_id="again"))
        bos = session.scalars(select(SetMember).order_by(SetMember.position.desc()).limit(1)).one()
        alone = SetMember(position=0, example_id=bos.example_id, image_sha256="0" * 64, mask_sha256="0" * 64, split=Split.test)
        session.add(CuratedSet(id=2, hash="2" * 64, frozen_at=LONG_AGO, members=[alone]))
    erased = rooms.erase(NORA)
    counts = {key: erased.as_dict()[key] for key in ("submissions", "examples", "verdicts", "touch_ups", "refusals", "blobs")}
    assert counts == {
        "submissions": 2, "examples": 2, "verdicts": 3, "touch_ups": 2, "refusals": 2, "blobs": 18,
    }  # fmt: skip
    assert (erased.sets, erased.runs, erased.complete) == ([1], [1], True)
    # 18: photo, crop, its mask, touched-up mask, refined alpha, preview and matte of two, and the unknown pixels of photo and
    # crop; the shared mask stays
    with reading(rooms.engine) as session:
        (event,) = session.scalars(select(Event))
    assert (event.who, event.what, event.detail["submissions"]) == ("Ada", "erase", 2)
    assert "Nora" not in str(event.detail)


def test_curated_sets_keep_their_places_and_their_hash(rooms: Rooms) -> None:
    rooms.erase(NORA)
    with reading(rooms.engine) as session:
        assert [member.example_id is None for member in session.get_one(CuratedSet, 1).members] == [True, True, False, False]
        found = check(session, rooms.store, TOMORROW)
    assert (found.sound, found.erased) == (True, 2), found.text()


def test_what_jobs_remember_is_struck(rooms: Rooms) -> None:
    rooms.erase(NORA)
    with reading(rooms.engine) as session:
        (job,) = session.scalars(select(Job))
    assert job.arguments == ["/uploads/(erased)"]
    assert job.message == "looking at (erased)"
    assert job.result == {"seen": 4, "refused": [{"file": "images/(erased)_0009.jpg", "reason": "cut off"}]}


def test_a_name_without_letters_strikes_no_numbers(engine: Engine, store: Store, settings: Settings, clock: FakeClock) -> None:
    with writing(engine) as session:
        session.add(Contributor(name="7"))
        source = Source(adapter="folder", location="here", added_at=clock())
        session.add(Refusal(source=source, file="7.png", reason="no photo of that name in images/.", at=clock()))
        session.add(
            Job(kind="ingest", arguments=[], state=JobState.done, created_at=clock(), heartbeat_at=clock(), message="7 of 9")
        )
    assert erase_contributor(engine, store, settings, "7", "Ada", clock()).refusals == 0
    with reading(engine) as session:
        assert session.scalars(select(Job.message)).one() == "7 of 9"


@pytest.mark.parametrize(
    ("name", "photo", "said", "struck"),
    [
        ("7", "0001.jpg", "0001 of 0009: 0001.jpg", "0001 of 0009: 0001.jpg"),
        ("7", "images/0001.jpg", "0001 of 0009: images/0001.jpg", "0001 of 0009: (erased)"),
        ("_Nora Quist.", "0001.jpg", "looking at nora-quist.png", "looking at (erased)"),
    ],
    ids=["a number", "a path", "a name between signs"],
)
def test_words_are_struck_that_identify_somebody_and_no_others(
    engine: Engine, store: Store, settings: Settings, clock: FakeClock, name: str, photo: str, said: str, struck: str
) -> None:
    with writing(engine) as session:
        session.add(
            Submission(
                source=Source(adapter="folder", location="here", added_at=clock()), contributor=Contributor(name=name),
                photo_name=photo, photo_sha256="0" * 64, mask_sha256="0" * 64, height=9, width=9, received_at=clock(),
            )
        )  # fmt: skip
        session.add(
            Job(kind="ingest", arguments=[], state=JobState.done, created_at=clock(), heartbeat_at=clock(), message=said)
        )
    erase_contributor(engine, store, settings, name, "Ada", clock())
    with reading(engine) as session:
        assert session.scalars(select(Job.message)).one() == struck


def test_an_unknown_contributor_is_one_clear_sentence_and_nothing_goes(rooms: Rooms) -> None:
    before = rooms.all_bytes()
    with pytest.raises(WinnowError) as said:
        rooms.erase("nora-quist")
    assert str(said.value) == (
        "There is no contributor 'nora-quist'. Case and blanks don't matter; the rest of the name must be as the source gave "
        f"it. Spelled nearly so: '{NORA}' (2 photos)."
    )
    assert {path: data for path, data in rooms.all_bytes().items() if path.parent.name != "home"}.items() <= before.items()


def test_an_erasure_that_breaks_off_in_the_rows_changes_nothing(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the power went")

    monkeypatch.setattr("curator.upkeep.erase.leave_groups", broken)
    with pytest.raises(RuntimeError):
        rooms.erase(NORA)
    assert (rooms.count(Contributor), rooms.count(Example)) == (2, 4)
    with reading(rooms.engine) as session:
        assert check(session, rooms.store, TOMORROW).sound


def test_an_erasure_that_breaks_off_after_the_rows_shows_as_orphans(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("the disk went")

    monkeypatch.setattr(Store, "delete", broken)
    with pytest.raises(OSError, match="the disk went"):
        rooms.erase(NORA)
    with reading(rooms.engine) as session:
        found = check(session, rooms.store, TOMORROW)
    assert (len(found.orphaned), found.missing) == (18, [])


def test_files_of_runs_behind_a_url_go_too(rooms: Rooms) -> None:
    moved = rooms.settings.model_copy(update={"runs_url": "memory://erased-runs"})
    cached = {moved.runs / "1" / file.name: file.read_bytes() for file in rooms.settings.runs.rglob("*.npy")}
    for file, data in cached.items():
        write(file, data)
    erase_contributor(rooms.engine, rooms.store, moved, NORA, "Ada", LONG_AGO)
    assert {data for file, data in cached.items() if file.exists()} == {f"cached for {BO}".encode()}
    assert {data for file, data in cached.items() if not file.exists()} == {f"cached for {NORA}".encode()}


def test_the_same_picture_from_somebody_else_and_namesakes_are_reported_and_stay(rooms: Rooms) -> None:
    with writing(rooms.engine) as session:
        session.add(Reviewer(name="Nora Quist"))
        one, other = (
            session.scalars(select(Example).join(Submission).join(Contributor).where(Contributor.name == name)).first()
            for name in (NORA, BO)
        )
        assert one is not None
        assert other is not None
        one.group_id = other.group_id = other.id
    receipt = rooms.erase(NORA)
    assert (receipt.alike, receipt.complete) == ([other.submission_id], True)
    remains = [each.what for each in receipt.remains]
    assert {"the same picture in submission 3", "the name in 1 rows of reviewer.name"} <= set(remains)
    with reading(rooms.engine) as session:
        assert session.scalars(select(Reviewer.name).order_by(Reviewer.id)).all() == ["Ada", "Nora Quist"]


def test_an_erasure_that_breaks_off_goes_on_without_the_name(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError("the disk went")

    with monkeypatch.context() as broken_off:
        broken_off.setattr(erase, "redact_rows", broken)
        with pytest.raises(OSError, match="the disk went"):
            rooms.erase(NORA)
    with reading(rooms.engine) as session:
        (number,) = erase.unfinished(session)
    receipt = erase.resume(rooms.engine, rooms.store, rooms.settings, number, (), LONG_AGO)
    assert (receipt.complete, receipt.submissions) == (True, 2)
    assert not [path for path, data in rooms.all_bytes().items() if b"Nora_Quist" in data.replace(b"Nora_Quistmann", b"")]
    with reading(rooms.engine) as session:
        assert erase.unfinished(session) == []


def test_submissions_can_be_chosen_otherwise(rooms: Rooms) -> None:
    """Such as those whose consent has ended: their photos are barred, and nobody is named."""
    with writing(rooms.engine) as session:
        for submission in session.scalars(select(Submission).where(Submission.source.has(location="/uploads/everybody"))):
            submission.consent_expires = LONG_AGO.date()
    request = erase.Request("a key", Submission.consent_expires <= LONG_AGO.date())
    receipt = erase.erase(rooms.engine, rooms.store, rooms.settings, request, "Ada", LONG_AGO)
    assert (receipt.complete, receipt.submissions) == (True, 2)
    assert (rooms.count(Contributor), rooms.count(Submission), rooms.count(Bar)) == (2, 2, 2)


def test_a_photo_of_a_name_that_several_have_is_asked_for_by_its_hash(rooms: Rooms) -> None:
    with writing(rooms.engine) as session:
        for submission in session.scalars(select(Submission)):
            submission.photo_name = "IMG_0001.jpg"
    bars = Bars(b"a secret")
    with reading(rooms.engine) as session:
        photo = session.scalars(select(Submission.photo_sha256)).first()
        assert photo is not None
        with pytest.raises(WinnowError, match=r"Several photos are called 'IMG_0001.jpg'. Give the sha256 of one of them: "):
            erase.request_for(session, bars, "photo", "IMG_0001.jpg")
        request = erase.request_for(session, bars, "photo", photo)
    assert request is not None
    assert erase.erase(rooms.engine, rooms.store, rooms.settings, request, "Ada", LONG_AGO).submissions == 1
