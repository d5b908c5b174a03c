"""The guide and its pictures."""

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine, delete

from curator.review.guide import BAD_TEXTS, DEFAULT_TEXTS, GOOD_TEXTS, candidates, choose, lessons, picture, tinted
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from curator.sample.lessons import draw_lesson
from db.errors import NotThereError, WinnowError
from db.session import reading, writing
from db.store import Store
from db.tables import Decision, Example, GuideExample, Reason, Standing, Suspicion
from tests.conftest import FakeClock, on_both_servers
from tests.examples import Picture, add_examples, drawn_mask, drawn_photo


@pytest.fixture
def examples(engine: Engine, store: Store) -> list[int]:
    with writing(engine) as session:
        return add_examples(session, store, 4)


def seen(data: bytes) -> Picture:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    return picture


@pytest.mark.parametrize("place", DEFAULT_TEXTS)
def test_every_place_has_a_drawn_picture_of_its_own(place: str, engine: Engine, store: Store) -> None:
    with reading(engine) as session:
        shown = seen(picture(session, store, place, 128))
        others = [seen(picture(session, store, other, 128)) for other in DEFAULT_TEXTS if other != place]
    assert shown.shape == (128, 128, 3)
    assert shown.std() > 10
    assert all(np.abs(shown.astype(float) - other).mean() > 5 for other in others)


def test_the_drawn_pictures_show_what_their_captions_say() -> None:
    share = {place: (draw_lesson(place)[1] > 0).mean() for place in DEFAULT_TEXTS}
    assert share["good_4"] == 0  # nobody's hair
    assert share["hair_missing"] < 0.05 < share["good_2"]
    assert share["spills_over"] > 2 * share["good_1"]
    assert draw_lesson("bad_photo")[0].mean() < 0.7 * draw_lesson("good_1")[0].mean()


def test_every_reason_that_can_be_given_is_explained() -> None:
    assert set(BAD_TEXTS) == set(Reason) - {Reason.unsaid}
    assert len(GOOD_TEXTS) == 4


@on_both_servers
def test_a_lead_changes_a_picture_and_its_caption_and_restores_the_drawn_one(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        who = reviewer_called(session, "Lea").id
        choose(session, who, "too_coarse", examples[2], "  a   box ", clock())
    with reading(engine) as session:
        lesson = lessons(session)["too_coarse"]
        assert lesson.example is not None
        assert (lesson.example.id, lesson.words) == (examples[2], "a box")
        shown = seen(picture(session, store, "too_coarse", 512)).astype(float)
        assert np.abs(shown - tinted(drawn_photo(2), drawn_mask(2))).mean() < 6  # WebP
    with writing(engine) as session:
        choose(session, who, "too_coarse", None, "", clock())
        assert lessons(session)["too_coarse"].example is None
        assert session.query(GuideExample).count() == 2  # what a lead chose is appended


def test_an_erased_example_gives_its_place_back_to_the_drawn_picture(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        choose(session, reviewer_called(session, "Lea").id, "good_1", examples[0], "", clock())
        session.execute(delete(Suspicion))
        session.execute(delete(Standing))
        session.execute(delete(Example))
    with reading(engine) as session:
        assert lessons(session)["good_1"].example is None


def test_what_cannot_be_in_the_guide_is_refused_with_a_reason(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        who = reviewer_called(session, "Lea").id
        with pytest.raises(NotThereError, match=r"^The guide has no place 'good_9'\.$"):
            choose(session, who, "good_9", examples[0], "", clock())
        with pytest.raises(NotThereError, match=r"^Example 999 does not exist"):
            choose(session, who, "good_1", 999, "", clock())
        with pytest.raises(WinnowError, match=r"^A caption can have at most 200 characters; this one has 201\.$"):
            choose(session, who, "good_1", examples[0], "x" * 201, clock())
        with pytest.raises(NotThereError):
            picture(session, store, "../secret", 64)


def test_candidates_are_kept_examples_or_those_rejected_for_the_reason(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    with writing(engine) as session:
        given = [
            NewVerdict(examples[0], Decision.keep, None, "a"),
            NewVerdict(examples[1], Decision.reject, Reason.too_coarse, "b"),
            NewVerdict(examples[2], Decision.reject, Reason.bad_photo, "c"),
        ]
        record(session, reviewer_called(session, "Ada").id, given, clock())
        assert [example.id for example in candidates(session, "good_3", 9)] == [examples[0]]
        assert [example.id for example in candidates(session, "too_coarse", 9)] == [examples[1]]
        assert candidates(session, "no_face", 9) == []


def test_the_tint_leaves_what_is_outside_alone_and_draws_the_edge() -> None:
    photo, mask = np.full((40, 40, 3), 200, np.uint8), np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 255
    shown = tinted(photo, mask)
    assert (shown[mask == 0] == 200).all()
    assert shown[10, 20].tolist() == [120, 225, 255]
    # 200 + (colour - 200) * 92 / 255
    assert shown[20, 20].tolist() == [128, 175, 220]
