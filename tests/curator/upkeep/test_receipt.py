"""A receipt says what went, what remains and why."""

from curator.upkeep.receipt import Receipt, Remaining, inevitable
from curator.upkeep.spellings import Near


def test_what_no_erasure_removes_is_said_with_its_reason() -> None:
    remains = inevitable([1, 2], [7], [5], postgresql=True)
    assert [each.what for each in remains] == [
        "the hashes of pictures in curated sets 1, 2",
        "what run 7 learned",
        "the same picture in submission 5",
        "PostgreSQL's own log",
        "backups, exported sets and browsers' caches",
    ]
    assert [each.what for each in inevitable([], [], [], postgresql=False)] == ["backups, exported sets and browsers' caches"]


def test_near_names_are_told_with_their_photos() -> None:
    receipt = Receipt(near=[Near("Nora Qvist", 1200)])
    assert "nearly the same name: 'Nora Qvist' (1,200 photos). They were not erased." in receipt.text()
    assert receipt.as_dict()["near"] == [{"name": "Nora Qvist", "photos": 1200}]


def test_an_incomplete_receipt_says_what_to_do() -> None:
    receipt = Receipt(submissions=2, blobs=14, remains=[Remaining("deleted rows", "a reader.")] * 30, complete=False)
    lines = receipt.text().splitlines()
    assert lines[0] == "Erased: 2 submissions and 14 pictures."
    assert lines[4:6] == ["- deleted rows: a reader."] * 2
    assert lines[-2:] == [
        "- and 10 more (--json lists all)",
        "Not everything could be removed yet, and the database keeps the words to search for. Do what is said above, then run "
        "the same command again.",
    ]
    assert receipt.as_dict()["remains"][0] == {"what": "deleted rows", "why": "a reader."}
