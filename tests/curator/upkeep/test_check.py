"""The store is proven: what is missing, damaged, orphaned or changed is found, and nothing else."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Delete, Engine, Update, delete, select, update
from sqlalchemy.orm import InstrumentedAttribute

from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from curator.sets.freeze import set_hash
from curator.upkeep.check import Findings, Missing, Parted, check
from db.errors import StoreUnavailableError
from db.session import reading, writing
from db.store import Store
from db.tables import Contributor, CuratedSet, Decision, Example, Job, JobState, SetMember, Split, Standing, State
from tests.conftest import FakeClock
from tests.examples import LONG_AGO, TOMORROW, add_examples


@pytest.fixture
def examples(engine: Engine, store: Store) -> list[int]:
    with writing(engine) as session:
        return add_examples(session, store, 3)


def freeze(engine: Engine, numbers: list[int]) -> None:
    with writing(engine) as session:
        found = [session.get_one(Example, number) for number in numbers]
        members = [
            SetMember(position=at, example=each, image_sha256=each.image_sha256, mask_sha256=each.mask_sha256, split=each.split)
            for at, each in enumerate(found)
        ]
        content = set_hash([(each.image_sha256, each.mask_sha256, each.split.value) for each in members])
        session.add(CuratedSet(id=1, hash=content, frozen_at=LONG_AGO, members=members))


def findings(engine: Engine, store: Store, now: datetime | None = None) -> Findings:
    """What is found at a time; tomorrow if none is given."""
    with reading(engine) as session:
        return check(session, store, now or TOMORROW)


def a_picture(engine: Engine, number: int) -> str:
    with reading(engine) as session:
        return session.get_one(Example, number).image_sha256


def test_an_empty_home_is_sound(engine: Engine, store: Store) -> None:
    assert findings(engine, store).sound


def test_what_is_whole_is_sound(engine: Engine, store: Store, examples: list[int]) -> None:
    freeze(engine, examples)
    found = findings(engine, store)
    assert (found.sound, found.blobs, found.named, found.sets, found.erased) == (True, 6, 6, 1, 0)
    assert found.text() == (
        "6 pictures in the store, 6 named by rows, 1 curated sets checked; 0 of their members were erased.\n"
        "Everything is in order."
    )


def test_a_missing_picture_is_found_with_those_that_name_it(engine: Engine, store: Store, examples: list[int]) -> None:
    gone = a_picture(engine, examples[0])
    store.delete(gone)
    found = findings(engine, store)
    assert not found.sound
    assert found.missing == [Missing(gone, ["submission.photo_sha256", "example.image_sha256"])]
    assert f"1 missing from the store:\n  {gone} (named by submission.photo_sha256, example.image_sha256)" in found.text()


def test_a_picture_of_which_one_bit_has_tipped_is_found(engine: Engine, store: Store, examples: list[int]) -> None:
    sha256 = a_picture(engine, examples[1])
    data = bytearray(store.get(sha256))
    data[len(data) // 2] ^= 1
    store.path(sha256).write_bytes(bytes(data))
    assert findings(engine, store).damaged == [sha256]


def test_a_picture_that_no_row_names_is_found(engine: Engine, store: Store, examples: list[int]) -> None:
    orphan = store.put(b"nobody's")
    found = findings(engine, store)
    assert (found.orphaned, found.recent, found.sound) == ([orphan], 0, False)
    assert f"1 orphaned, no row names them:\n  {orphan}" in found.text()


def test_a_picture_that_still_waits_for_its_row_is_no_fault(engine: Engine, store: Store, examples: list[int]) -> None:
    store.put(b"just coming in")
    found = findings(engine, store, datetime.now(UTC))
    assert (found.orphaned, found.recent, found.sound) == ([], 1, True)
    assert "\n1 pictures that were stored lately are not named yet.\n" in found.text()
    began, now = datetime.now(UTC), datetime.now(UTC) + timedelta(hours=9)
    with writing(engine) as session:
        job = Job(kind="report", arguments=[], state=JobState.running, created_at=began - timedelta(hours=1), heartbeat_at=now)
        session.add(job)
    assert findings(engine, store, now).sound
    assert not findings(engine, store, now + timedelta(minutes=2)).sound  # no heartbeat: it has died


def test_what_others_do_during_a_check_is_no_finding(engine: Engine, store: Store, examples: list[int]) -> None:
    """One picture is stored and named after the store was listed, one is deleted while the store is read."""

    class Busy(Store):
        def all(self) -> Iterator[str]:
            listed = list(super().all())
            with writing(engine) as session:
                add_examples(session, store, 1)
            yield from [*listed, store.put(b"listed and gone")]

        def get(self, sha256: str) -> bytes:
            store.delete(hashlib.sha256(b"listed and gone").hexdigest())
            return super().get(sha256)

    with reading(engine) as session:
        found = check(session, Busy(store.url), datetime.now(UTC))
    assert found.sound, found.text()


def test_a_picture_that_goes_astray_during_a_check_is_missing(engine: Engine, store: Store, examples: list[int]) -> None:
    gone = a_picture(engine, examples[0])

    class Losing(Store):
        def get(self, sha256: str) -> bytes:
            store.delete(gone)
            return super().get(sha256)

    with reading(engine) as session:
        found = check(session, Losing(store.url), datetime.now(UTC))
    assert [one.sha256 for one in found.missing] == [gone]
    assert found.damaged == []


def test_foreign_files_in_the_store_are_named_and_no_fault(engine: Engine, store: Store, examples: list[int]) -> None:
    (store.root / ".DS_Store").write_bytes(b"a file manager's")
    (store.path(a_picture(engine, examples[0])).parent / ".DS_Store").write_bytes(b"a file manager's")
    found = findings(engine, store)
    assert (found.sound, len(found.strangers)) == (True, 2)
    assert "2 in the store that are not Winnow's, and were passed by:\n  .DS_Store\n" in found.text()
    assert found.text().endswith("\nEverything is in order.")


def test_a_set_whose_member_was_swapped_is_found(engine: Engine, store: Store, examples: list[int]) -> None:
    freeze(engine, examples[:2])
    with writing(engine) as session:
        session.execute(update(SetMember).where(SetMember.position == 0).values(mask_sha256=a_picture(engine, examples[2])))
    assert findings(engine, store).changed_sets == [1]


@pytest.mark.parametrize("kind", [SetMember.skin_sha256, SetMember.unknown_sha256])
def test_a_set_whose_member_was_given_another_mask_is_found(
    engine: Engine, store: Store, examples: list[int], kind: InstrumentedAttribute[str | None]
) -> None:
    freeze(engine, examples[:2])
    with writing(engine) as session:
        session.execute(update(SetMember).where(SetMember.position == 0).values({kind: a_picture(engine, examples[2])}))
    assert findings(engine, store).changed_sets == [1]


def test_a_set_that_lost_a_member_is_found(engine: Engine, store: Store, examples: list[int]) -> None:
    freeze(engine, examples)
    with writing(engine) as session:
        session.execute(delete(SetMember).where(SetMember.position == 0))
    assert findings(engine, store).changed_sets == [1]


def test_an_erased_member_is_counted_and_its_pictures_are_not_missed(engine: Engine, store: Store, examples: list[int]) -> None:
    lost = store.put(b"image"), store.put(b"mask")
    freeze(engine, examples)
    with writing(engine) as session:
        members = [(each.image_sha256, each.mask_sha256, each.split.value) for each in session.scalars(select(SetMember))]
        content = set_hash([*members, (*lost, "train")])
        gone = SetMember(set_id=1, position=3, example_id=None, image_sha256=lost[0], mask_sha256=lost[1], split=Split.train)
        session.add(gone)
        session.execute(update(CuratedSet).values(hash=content))
    assert findings(engine, store).orphaned == sorted(lost)
    for sha256 in lost:
        store.delete(sha256)
    found = findings(engine, store)
    assert (found.sound, found.erased) == (True, 1)


def test_many_findings_are_cut_in_text_and_whole_as_values(engine: Engine, store: Store) -> None:
    for number in range(25):
        store.put(str(number).encode())
    found = findings(engine, store)
    assert "  and 5 more (--json lists all)" in found.text()
    assert len(found.as_dict()["orphaned"]) == 25
    assert found.as_dict()["sound"] is False


@pytest.mark.parametrize(
    "damage",
    [
        update(Standing).where(Standing.example_id == 2).values(state=State.keep),
        update(Standing).where(Standing.example_id == 2).values(doubt=0.123),
        update(Standing).where(Standing.example_id == 2).values(split=Split.test),
        delete(Standing).where(Standing.example_id == 2),
    ],
)
def test_an_example_that_does_not_stand_where_its_verdicts_put_it_is_found(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int], damage: Update | Delete
) -> None:
    with writing(engine) as session:
        who = reviewer_called(session, "Ada").id
        record(session, who, [NewVerdict(1, Decision.keep, None, "a"), NewVerdict(3, Decision.reject, None, "b")], clock())
    assert findings(engine, store).sound
    with writing(engine) as session:
        session.execute(damage)
    found = findings(engine, store)
    assert found.wrongly_standing == [2]
    assert not found.sound
    assert "1 with another state than their verdicts give:\n  example 2" in found.text()


def test_a_contributor_in_several_splits_is_found_unless_a_published_set_says_so(
    engine: Engine, store: Store, examples: list[int]
) -> None:
    with writing(engine) as session:
        nora = Contributor(name="Nora Quist")
        for number, split in zip(examples, (Split.train, Split.test, Split.train), strict=True):
            example = session.get_one(Example, number)
            example.split = example.standing.split = split
            example.submission.contributor = nora
    found = findings(engine, store)
    assert (found.sound, found.parted) == (False, [Parted(1, "Nora Quist", {"train": 2, "test": 1})])
    assert (
        "1 contributors with examples in several splits:\n  contributor 1 (Nora Quist): 2 in train, 1 in test\n" in found.text()
    )
    with writing(engine) as session:
        session.get_one(Example, examples[1]).submission.official = True
    assert findings(engine, store).sound


def test_a_store_that_does_not_answer_proves_nothing(
    engine: Engine, store: Store, examples: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bytes:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(Store, "get", away)
    with pytest.raises(StoreUnavailableError):
        findings(engine, store)
