"""The tray: what a person says of photos in which no face was found."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine, select

from curator.ingest.aside import (
    check_square,
    count_faceless,
    decide,
    discard,
    list_faceless,
    next_faceless,
    preview,
    take_back,
    take_discards_back,
)
from curator.pictures.codec import decode_mask, decode_photo
from curator.pictures.crop import Square, cut_mask, cut_photo
from curator.review.deck import queue
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from curator.status import flow, sources
from curator.upkeep.check import check
from db.errors import NotThereError, WinnowError
from db.session import reading, writing
from db.settings import Limits
from db.store import Store
from db.tables import Contributor, CropChoice, Decision, Example, Remark, Source, Split, Submission
from tests.conftest import FakeClock, on_both_servers
from tests.erasing import erase_contributor
from tests.examples import LONG_AGO, TOMORROW, add_examples, drawn_mask, drawn_photo, png
from tests.outside import OutsideTransactions

SQUARE = Square(top=-20.0, left=30.5, side=400.0, rotation=-25.0)


@pytest.fixture
def photos(engine: Engine, store: Store) -> list[int]:
    """Three submissions without a face, of three contributors; their numbers."""
    with writing(engine) as session:
        source = Source(adapter="folder", location="test", added_at=LONG_AGO)
        session.add(source)
        session.flush()
        added = [
            Submission(
                source_id=source.id, contributor=Contributor(name=f"Ada {number}"), photo_name=f"wall-{number}.png",
                photo_sha256=store.put(png(drawn_photo(number))), mask_sha256=store.put(png(drawn_mask(number))),
                height=512, width=512, said_split=Split.validation, received_at=LONG_AGO,
            )
            for number in range(3)
        ]  # fmt: skip
        session.add_all(added)
        session.flush()
        session.add(Remark(submission_id=added[1].id, words="the photo is small.", at=LONG_AGO))
        return [one.id for one in added]


@pytest.fixture
def say(engine: Engine, store: Store, clock: FakeClock) -> Callable[..., None]:
    def said(submission: int, square: Square | None, who: str = "Ada") -> None:
        decide(engine, store, Limits(), who, submission, square, clock())

    return said


def numbers(engine: Engine, after: int = 0) -> list[int]:
    with reading(engine) as session:
        found = [one.submission for one in next_faceless(session, 9, after)]
        assert after or count_faceless(session) == len(found) == flow(session).no_face
    return found


@on_both_servers
def test_a_drawn_square_becomes_an_example_as_in_an_ingest(engine, store, photos, say, clock) -> None:
    say(photos[1], SQUARE)
    assert numbers(engine) == [photos[0], photos[2]]
    with reading(engine) as session:
        example = session.scalars(select(Example)).one()
        assert example.submission_id == photos[1]
        assert Square(example.crop_top, example.crop_left, example.crop_side, example.crop_rotation) == SQUARE
        assert (example.split, example.face_top, example.face_score) == (Split.validation, None, None)
        image, mask = decode_photo(store.get(example.image_sha256)), decode_mask(store.get(example.mask_sha256))
        assert np.abs(image.astype(int) - cut_photo(drawn_photo(1), SQUARE)).mean() < 2  # JPEG
        assert (mask == cut_mask(drawn_mask(1), SQUARE)).all()
        inside = example.inside_top, example.inside_left, example.inside_bottom, example.inside_right
        assert inside == SQUARE.inside(512, 512)
        assert [one["example"] for one in queue(session, 9)] == [example.id]
        assert {signal.name for signal in example.signals} >= {"hair_share"}
        assert check(session, store, TOMORROW).sound
        (choice,) = session.scalars(select(CropChoice)).all()
        assert (choice.crop_side, choice.at, choice.undoes) == (400.0, clock(), None)


def test_a_discarded_photo_leaves_the_tray_and_the_counts_and_undo_brings_it_back(engine, store, photos, say, clock) -> None:
    say(photos[0], None)
    assert numbers(engine) == photos[1:]
    again = take_back(engine, store, "Ada", photos[0], clock())
    assert (again.submission, again.photo, again.remarks) == (photos[0], "wall-0.png", [])
    assert numbers(engine) == photos
    say(photos[0], None)
    assert numbers(engine) == photos[1:]
    with reading(engine) as session:
        rows = session.execute(select(CropChoice.id, CropChoice.undoes).order_by(CropChoice.id)).all()
        assert [tuple(row) for row in rows] == [(1, None), (2, 1), (3, None)]  # nothing was overwritten


@on_both_servers
def test_many_are_discarded_and_taken_back_at_once_and_only_what_waits(engine, store, photos, say, clock) -> None:
    say(photos[1], SQUARE, "Bo")
    refused = discard(engine, "Ada", [*photos, 99], clock())
    assert {number: str(error) for number, error in refused.items()} == {
        photos[1]: f"Photo {photos[1]} has been cropped already.",
        99: "There is no photo with the number 99.",
    }
    assert numbers(engine) == []
    assert discard(engine, "Ada", [photos[0]], clock()) == {}  # sent again
    again, refused = take_discards_back(engine, "Ada", [*photos, 99], clock())
    assert [one.submission for one in again] == numbers(engine) == [photos[0], photos[2]]
    assert set(refused) == {photos[1], 99}
    with reading(engine) as session:
        rows = session.execute(select(CropChoice.submission_id, CropChoice.undoes).order_by(CropChoice.id)).all()
        # Bo's crop; two discards, each undone by a record of its own
        assert [tuple(row) for row in rows] == [
            (photos[1], None),
            (photos[0], None),
            (photos[2], None),
            (photos[0], 2),
            (photos[2], 3),
        ]
        assert len(session.scalars(select(Example)).all()) == 1
    assert set(take_discards_back(engine, "Bo", [photos[1]], clock())[1]) == {photos[1]}  # a crop is no discard


@on_both_servers
def test_a_crop_taken_back_is_gone_with_its_pictures_and_can_be_drawn_again(engine, store, photos, say, clock) -> None:
    before = set(store.all())
    say(photos[1], SQUARE)
    with writing(engine) as session:
        session.scalars(select(Example)).one().unknown_sha256 = store.put(b"unknown pixels of the crop")
    assert set(store.all()) > before
    again = take_back(engine, store, "Ada", photos[1], clock())
    assert (again.submission, again.remarks) == (photos[1], ["the photo is small."])
    assert set(store.all()) == before
    assert numbers(engine) == photos
    say(photos[1], Square(10.0, 10.0, 300.0))
    with reading(engine) as session:
        assert session.scalars(select(Example.crop_side)).all() == [300.0]
        assert check(session, store, TOMORROW).sound


def test_nobodys_verdict_waits_for_the_pictures_of_a_crop(engine, settings, photos, clock) -> None:
    store = OutsideTransactions(settings)
    decide(engine, store, Limits(), "Ada", photos[0], SQUARE, clock())
    take_back(engine, store, "Ada", photos[0], clock())
    assert store.used > 4  # read twice, stored twice, and deleted


def test_a_crop_that_was_judged_stays(engine, store, photos, say, clock) -> None:
    say(photos[0], SQUARE)
    with writing(engine) as session:
        example = session.scalars(select(Example.id)).one()
        given = NewVerdict(example, Decision.keep, None, "one")
        record(session, reviewer_called(session, "Bo").id, [given], clock())
    with pytest.raises(
        WinnowError, match=r"^Somebody has reviewed this crop meanwhile\. Reject it on the Review page instead\.$"
    ):
        take_back(engine, store, "Ada", photos[0], clock())
    with reading(engine) as session:
        assert session.scalars(select(Example.id)).all() == [example]


def test_the_same_said_twice_counts_once_and_another_word_is_told(engine, store, photos, say, clock) -> None:
    say(photos[0], SQUARE)
    clock.now += timedelta(seconds=9)
    say(photos[0], SQUARE)
    with reading(engine) as session:
        assert len(session.scalars(select(CropChoice)).all()) == len(session.scalars(select(Example)).all()) == 1
    before = set(store.all())
    with pytest.raises(WinnowError, match=f"^Photo {photos[0]} has been cropped already.$"):
        say(photos[0], Square(0.0, 0.0, 200.0), "Bo")
    assert set(store.all()) == before
    say(photos[1], None)
    with pytest.raises(WinnowError, match=f"^Photo {photos[1]} has been discarded already.$"):
        say(photos[1], SQUARE, "Bo")
    with pytest.raises(WinnowError, match=r"^Photo \d+ has no choice of yours to undo\.$"):
        take_back(engine, store, "Bo", photos[1], clock())


@on_both_servers
def test_an_erased_contributor_leaves_no_choice_behind(engine, store, settings, photos, say, clock):
    say(photos[0], None)
    take_back(engine, store, "Ada", photos[0], clock())
    say(photos[0], SQUARE)
    erased = erase_contributor(engine, store, settings, "Ada 0", "Lea", clock())
    assert (erased.submissions, erased.examples) == (1, 1)
    with reading(engine) as session:
        assert session.scalars(select(CropChoice)).all() == []
        assert check(session, store, TOMORROW).sound


@on_both_servers
def test_of_two_who_crop_a_photo_at_once_one_is_told_and_leaves_nothing_behind(engine, store, photos, say):
    together = Barrier(2)

    def crop(who: str) -> str:
        together.wait()
        try:
            say(photos[0], Square(0.0, 0.0, 300.0 if who == "Ada" else 400.0), who)
        except WinnowError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(2) as executor:
        said = sorted(executor.map(crop, ["Ada", "Bo"]))
    assert said == ["", f"Photo {photos[0]} has been cropped already."]
    with reading(engine) as session:
        assert len(session.scalars(select(Example)).all()) == len(session.scalars(select(CropChoice)).all()) == 1
        assert check(session, store, TOMORROW).sound


def test_what_fits_in_no_split_is_refused_and_leaves_nothing_behind(engine, store, photos, say) -> None:
    say(photos[0], SQUARE)
    with writing(engine) as session:
        session.scalars(select(Example)).one().split = Split.test
        other = session.get_one(Submission, photos[1])
        session.get_one(Submission, photos[2]).contributor = other.contributor
        other.photo_sha256, other.said_split = session.get_one(Submission, photos[0]).photo_sha256, None
    say(photos[2], SQUARE)  # validation, and so is its contributor from now on
    before = set(store.all())
    with pytest.raises(
        WinnowError, match="the same picture is already in test, but the contributor's other examples are in validation"
    ):
        say(photos[1], Square(0.0, 0.0, 333.0))
    assert set(store.all()) == before
    assert numbers(engine) == [photos[1]]


def test_a_photo_with_a_face_or_without_a_row_is_told(engine, store, photos, say, clock) -> None:
    say(photos[0], SQUARE)
    with writing(engine) as session:
        session.query(CropChoice).delete()
    with pytest.raises(WinnowError, match=f"^Photo {photos[0]} has a crop already: a face was found in it.$"):
        say(photos[0], None)
    for square in (SQUARE, None):
        with pytest.raises(NotThereError, match=r"^There is no photo with the number 99\.$"):
            say(99, square)
    with pytest.raises(NotThereError):
        take_back(engine, store, "Ada", 99, clock())
    with pytest.raises(NotThereError):
        preview(engine, store, 99, Limits())


@pytest.mark.parametrize(
    ("square", "sentence"),
    [
        (Square(0, 0, 63), r"^The crop's side is 63 pixels of the photo; it must be 64 to 1536\.$"),
        (Square(0, 0, 1537), r"^The crop's side is 1537 pixels of the photo; it must be 64 to 1536\.$"),
        (Square(-101, 0, 200), r"^The middle of the crop lies outside the photo\.$"),
        (Square(0, 413, 200), r"^The middle of the crop lies outside the photo\.$"),
    ],
)
def test_a_square_that_makes_no_crop(square: Square, sentence: str, engine, photos, say) -> None:
    with pytest.raises(WinnowError, match=sentence):
        check_square(square, 400, 512)
    with pytest.raises(WinnowError):
        say(photos[0], square)
    assert numbers(engine) == photos


def test_photos_come_in_turn_with_what_was_odd(engine, photos) -> None:
    with reading(engine) as session:
        first, second = next_faceless(session, 2)
        (third,) = next_faceless(session, 9, after=second.submission)
        assert next_faceless(session, 9, after=third.submission) == []
    assert [one.submission for one in (first, second, third)] == photos
    assert (second.photo, second.height, second.width, second.remarks) == ("wall-1.png", 512, 512, ["the photo is small."])


def test_the_picture_is_the_photo_with_its_mask_below(engine, store, photos) -> None:
    both = decode_photo(preview(engine, store, photos[2], Limits()))
    assert both.shape == (1024, 512, 3)
    assert np.abs(both[:512].astype(int) - drawn_photo(2)).mean() < 4
    assert ((both[512:, :, 1] > 127) == (drawn_mask(2) > 127)).mean() > 0.995
    large = png(cv2.resize(drawn_photo(7), (2000, 1500))), png(cv2.resize(drawn_mask(7), (2000, 1500)))
    with writing(engine) as session:
        one = session.get_one(Submission, photos[2])
        one.photo_sha256, one.mask_sha256 = (store.put(file) for file in large)
    assert decode_photo(preview(engine, store, photos[2], Limits())).shape == (1920, 1280, 3)


def test_submissions_without_a_face_come_newest_first_a_page_at_a_time_of_one_source_or_all(
    engine: Engine, store: Store
) -> None:
    with writing(engine) as session:
        add_examples(session, store, 1)
        add_examples(session, store, 1)
        first, second = [source.id for source in sources(session)]
        for number, source in enumerate([first, second, second, first, second]):
            name = f"wall-{number}"
            photo = Submission(
                source_id=source, photo_name=name, photo_sha256="0" * 64, mask_sha256=f"{number:064}", height=9, width=9,
                received_at=LONG_AGO,
            )  # fmt: skip
            session.add(photo)
            session.flush()
    with reading(engine) as session:
        assert [one.photo_name for one in list_faceless(session, 3)] == ["wall-4", "wall-3", "wall-2"]
        assert [one.photo_name for one in list_faceless(session, 3, 3)] == ["wall-1", "wall-0"]
        assert [one.photo_name for one in list_faceless(session, 3, source=first)] == ["wall-3", "wall-0"]
        assert [count_faceless(session), count_faceless(session, first), count_faceless(session, second)] == [5, 2, 3]
