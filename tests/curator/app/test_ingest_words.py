"""What the Ingest page says of counts, before and after an ingest."""

from datetime import UTC
from typing import Any

import pytest

from curator.app.ingest_words import came_in_words, found_in_words, recognised_in_words


def came(already: int, *before: tuple[str, int], **more: Any) -> str:
    named = [{"source": source, "photos": photos, "since": "2026-11-03T23:30:00+00:00"} for source, photos in before]
    counts = {"added": 56, "no_face": 0, "refusals": 0, "refused": [], "already": already, "before": named}
    return came_in_words(counts | more, UTC)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (came(0), "56 new, 0 already here, 0 refused"),
        (came(4, ("spring.zip", 4)), "56 new, 4 already here (from spring.zip, 3 Nov 2026), 0 refused"),
        (came(4, ("spring.zip", 3)), "56 new, 4 already here (3 from spring.zip, 3 Nov 2026), 0 refused"),  # one is in it twice
        (
            came(9, ("spring.zip", 5), ("old", 2), ("c", 1), ("d", 1)),
            "56 new, 9 already here (5 from spring.zip, 3 Nov 2026; 2 from old, 3 Nov 2026; and from 2 more), 0 refused",
        ),
        (
            came(0, no_face=4, refusals=2, not_read=1),
            "56 new (4 without a face), 0 already here, 2 refused, 1 file of no photo not read",
        ),
    ],
)
def test_what_came_in(said: str, words: str) -> None:
    assert said == words


def test_an_ingest_of_an_earlier_version_does_not_say_where_from() -> None:
    assert came_in_words({"added": 1, "no_face": 0, "refused": [], "already": 2}, UTC) == "1 new, 2 already here, 0 refused"


def test_what_a_preview_found() -> None:
    before = [{"source": "spring.zip", "photos": 4, "since": "2026-11-03T23:30:00+00:00"}]
    there = {"photos": 60, "already": 4, "before": before}
    assert found_in_words(there, UTC) == "60 photos: 56 new, 4 already here (from spring.zip, 3 Nov 2026)"


def test_a_folder_that_the_browser_packed_is_called_a_folder() -> None:
    there = {
        "format": "zip",
        "because": "it starts like a zip; ...",
        "inside": ["folder", "it has a folder images/"],
    }
    assert recognised_in_words(there, packed_by_us=True) == "folder: it has a folder images/"
    assert recognised_in_words(there, packed_by_us=False).startswith("zip: it starts like a zip")
    assert recognised_in_words(there | {"inside": None}, packed_by_us=True).startswith("zip")
