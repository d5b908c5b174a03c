"""The same picture is found twice; two different pictures are not taken for one."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine

from curator.ingest.likeness import Duplicate, PictureHash, find_duplicates, hash_picture, hash_to_row, same_picture
from db.session import reading, writing
from db.store import Store
from db.tables import Example, Split, Submission
from tests.conftest import on_both_servers
from tests.examples import add_examples, drawn_photo

Photo = NDArray[np.uint8]


def jpeg(photo: Photo) -> Photo:
    packed = cv2.imencode(".jpg", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    return np.asarray(cv2.cvtColor(cv2.imdecode(packed, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


@pytest.mark.parametrize(
    "copy",
    [
        jpeg,
        lambda photo: cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        lambda photo: cv2.convertScaleAbs(photo, alpha=0.9),
        lambda photo: cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB),
    ],
    ids=["recompressed", "half the size", "darker", "grey"],
)
@pytest.mark.parametrize("number", range(3))
def test_a_copy_looks_the_same(number: int, copy: Callable[[Photo], Photo]) -> None:
    photo = drawn_photo(number)
    assert same_picture(hash_picture(photo), hash_picture(copy(photo)))


def test_a_mirrored_photo_is_another_picture() -> None:
    photo = drawn_photo(1)
    photo[:, :200] //= 2
    assert not same_picture(hash_picture(photo), hash_picture(np.ascontiguousarray(photo[:, ::-1])))


def test_both_hashes_have_to_agree_and_each_has_its_own_tolerance() -> None:
    one = PictureHash((0, 0, 0, 0), "0" * 64)
    assert same_picture(one, PictureHash((0b111, 0, 0, 0), "0" * 64))
    assert same_picture(one, PictureHash((1, 1, 0, 1), "0" * 64))
    assert not same_picture(one, PictureHash((1, 1, 1, 1), "0" * 64))
    assert same_picture(one, PictureHash((0, 0, 0, 0), "f" * 3 + "0" * 61))
    assert not same_picture(one, PictureHash((0, 0, 0, 0), "f" * 3 + "1" + "0" * 60))


@on_both_servers
def test_examples_of_the_same_picture_are_found_whichever_part_of_the_hash_differs(engine: Engine, store: Store) -> None:
    looks = [
        PictureHash((10, 20, 30, 40), "0" * 64),
        PictureHash((11, 21, 30, 41), "0" * 64),  # three bits, one in each of three parts
        PictureHash((11, 21, 31, 41), "0" * 64),  # four, so that no part is the same
        PictureHash((10, 20, 30, 40), "0" * 58 + "f" * 6),  # a stranger to the second hash
        PictureHash((65535, 65535, 65535, 65535), "0" * 64),
    ]
    with writing(engine) as session:
        for number, look in zip(add_examples(session, store, 5, Split.test), looks, strict=True):
            session.get_one(Example, number).submission.likeness = hash_to_row(look)
    with reading(engine) as session:
        found = [[found.head for found in theirs] for theirs in find_duplicates(session, [("", look) for look in looks])]
        first = find_duplicates(session, [("", looks[0])])[0][0]
    assert found == [[1, 2], [1, 2, 3], [2, 3], [4], [5]]
    assert first == Duplicate(1, Split.test)


def test_the_same_file_is_the_same_picture_without_any_hash(engine: Engine, store: Store) -> None:
    with writing(engine) as session:
        add_examples(session, store, 2)
        first, second = session.get_one(Submission, 1), session.get_one(Submission, 2)
        second.photo_sha256 = first.photo_sha256
        assert [
            [found.head for found in each] for each in find_duplicates(session, [(first.photo_sha256, None), ("", None)])
        ] == [
            [1, 2],
            [],
        ]


def test_of_a_group_one_is_compared_and_a_file_leads_to_its_group(engine: Engine, store: Store) -> None:
    with writing(engine) as session:
        first, second = add_examples(session, store, 2)
        rows = [session.get_one(Example, number) for number in (first, second)]
        looks = [
            PictureHash((1, 1, 1, 1), "0" * 64),
            PictureHash((1, 1, 1, 0b1111), "0" * 64),
            PictureHash((1, 1, 1, 0b111), "0" * 64),
        ]
        for row, look in zip(rows[:2], looks[:2], strict=True):
            row.submission.likeness = hash_to_row(look)
        rows[0].group_id = rows[1].group_id = first
        session.flush()
        assert find_duplicates(session, [("", looks[2])]) == [
            [Duplicate(first, Split.train)]
        ]  # two bits off the first; one off the second
        assert find_duplicates(session, [(rows[1].submission.photo_sha256, None)]) == [[Duplicate(first, Split.train)]]
