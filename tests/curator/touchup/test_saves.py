"""The masks that touch-ups save, and the mask in a request: a PNG from a stranger until it is proven to be a mask."""

import struct
import threading
import zlib

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine, event, insert, select

from curator.touchup import saves, waiting
from db.errors import NotThereError, WinnowError
from db.session import connect, reading, writing
from db.store import Store
from db.tables import Example, Presence, Reviewer, TouchUp, TouchUpPresence, TouchUpSave
from tests.conftest import FakeClock, on_both_servers
from tests.examples import drawn_mask, png
from tests.postgres import blocked
from tests.touchups import (
    PAGE,
    SECONDS,
    begin,
    count,
    current,
    discard,
    finish,
    finished,
    painted,
    pending,
    save,
    start_over,
    stored_mask,
)


def header_of(width: int, height: int, bits: int = 8, colour: int = 0) -> bytes:
    """A PNG that claims a size and carries no more than a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The mask is not a PNG."),
        (b"\xff\xd8\xff\xe0" + bytes(100), "The mask is not a PNG."),
        (header_of(512, 512)[:20], "The mask is not a PNG."),
        (header_of(60000, 60000), "The mask is 60000 x 60000; it must be 512 x 512."),
        (header_of(511, 512), "The mask is 511 x 512; it must be 512 x 512."),
        (header_of(512, 512, bits=16), "The mask's PNG has 16 bits of colour type 0; it must have 8 bits in grey or RGB."),
        (header_of(512, 512, colour=3), "The mask's PNG has 8 bits of colour type 3; it must have 8 bits in grey or RGB."),
        (b"\x89PNG\r\n\x1a\n" + bytes(1024 * 1024), "The mask's PNG has 1048584 bytes; at most 786432 are accepted."),
    ],
)
def test_hostile_masks_are_refused_before_decoding(data: bytes, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("a decoder saw it")

    monkeypatch.setattr(saves.cv2, "imdecode", decoded)
    with pytest.raises(WinnowError) as refused:
        saves.read_mask(data)
    assert str(refused.value) == sentence


def test_all_eight_bits_of_a_mask_are_kept_whatever_the_png_holds() -> None:
    grey = np.tile(np.arange(512, dtype=np.uint16) // 2, (512, 1)).astype(np.uint8)
    for picture in (grey, np.dstack([grey] * 3), np.dstack([grey, grey, grey, np.full_like(grey, 255)])):
        mask = saves.read_mask(cv2.imencode(".png", picture)[1].tobytes())
        assert mask.shape == (512, 512)
        assert np.array_equal(mask, grey)
    assert np.array_equal(saves.read_mask(png(drawn_mask(3))), drawn_mask(3))


@pytest.mark.parametrize("data", [header_of(512, 512), png(drawn_mask(1))[:200], png(drawn_mask(1))[:600]])
def test_a_mask_cut_short_is_refused_whole(data: bytes) -> None:
    with pytest.raises(WinnowError, match=r"^The mask's PNG is broken\.$"):
        saves.read_mask(data)


def test_the_mask_before_stays_and_the_newest_save_counts(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    for number in (1, 2):
        save(engine, store, begun.touch_up, painted(number), clock.pass_(5))
    with reading(engine) as session:
        own, other = (session.get_one(Example, number).mask_sha256 for number in examples)
    assert begun.before == own
    assert np.array_equal(stored_mask(store, own), drawn_mask(0))
    masks = current(engine, [*examples, 999])
    assert np.array_equal(stored_mask(store, masks[examples[0]]), painted(2))
    assert masks[examples[1]] == other
    assert set(masks) == set(examples)


def test_saves_are_taken_for_three_seconds_of_grace_and_no_longer(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    saved = save(engine, store, begun.touch_up, painted(1), clock.pass_(SECONDS + 2.9))
    assert (saved.seconds_used, saved.seconds_left) == (120.0, 0.0)
    with pytest.raises(WinnowError, match=r"This mask arrived after the time was up\. The one saved before it counts\."):
        save(engine, store, begun.touch_up, painted(2), clock.pass_(0.2))
    assert current(engine, examples)[examples[0]] == saved.mask


def test_done_ends_it_early_once_and_later_saves_are_refused(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    done = finish(engine, store, begun.touch_up, painted(3), clock.pass_(30))
    assert (done.finished, done.seconds_used, done.seconds_left) == (True, 30.0, 90.0)
    assert finish(engine, store, begun.touch_up, painted(4), clock.pass_(1)).mask == done.mask
    with pytest.raises(WinnowError, match="This touch-up is finished"):
        save(engine, store, begun.touch_up, painted(4), clock())
    assert pending(engine, clock) == [(examples[1], False)]
    assert finished(engine, clock)[0].seconds_used == 30.0
    assert count(engine, TouchUpSave) == 1


def test_finish_after_the_time_keeps_the_last_save(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    begun = begin(engine, examples[0], clock)
    saved = save(engine, store, begun.touch_up, painted(1), clock.pass_(5))
    clock.pass_(SECONDS * 10)
    with pytest.raises(WinnowError, match="after the time was up"):
        finish(engine, store, begun.touch_up, painted(2), clock())
    assert finish(engine, store, begun.touch_up, None, clock()).mask == saved.mask


@on_both_servers
def test_of_two_who_finish_a_touch_up_at_the_same_moment_one_is_recorded(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    """As when a page sends "done" again before the first answer."""
    begun = begin(engine, examples[0], clock)
    first: list[saves.SavedMask] = []
    again = threading.Thread(target=lambda: first.append(finish(engine, store, begun.touch_up, None, clock())))
    with writing(engine) as session:
        touch_up = session.get_one(TouchUp, begun.touch_up, with_for_update=True)
        again.start()
        while engine.dialect.name == "postgresql" and again.is_alive() and not blocked(engine):
            pass
        done = {"mask_after_sha256": touch_up.mask_before_sha256, "seconds_used": 1.0, "finished": True, "at": clock()}
        session.add(TouchUpSave(touch_up_id=touch_up.id, **done))
    again.join()
    assert (first[0].finished, first[0].seconds_used) == (True, 1.0)
    assert count(engine, TouchUpSave) == 1


def test_no_picture_is_written_inside_a_write_transaction(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    """Another process can write while the store is slow."""
    begun = begin(engine, examples[0], clock)
    other = connect(engine.url.render_as_string(hide_password=False))
    event.listen(other, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 0"))
    wrote = []

    class SlowStore(Store):
        def put(self, data: bytes) -> str:
            with other.execution_options(writes=True).begin() as connection:  # fails at once while anybody else is writing
                connection.execute(insert(Reviewer).values(name=f"a colleague {len(wrote)}"))
            wrote.append(data)
            return super().put(data)

    slow = SlowStore(store.url)
    save(engine, slow, begun.touch_up, painted(1), clock.pass_(1))
    done = finish(engine, slow, begun.touch_up, painted(2), clock.pass_(1))
    other.dispose()
    assert len(wrote) == 2
    assert np.array_equal(stored_mask(store, done.mask), painted(2))


def test_a_mask_that_is_refused_leaves_no_picture_in_the_store(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    before = set(store.all())
    with pytest.raises(WinnowError, match="belongs to another reviewer"):
        save(engine, store, begun.touch_up, painted(1), clock(), "Bo")
    with pytest.raises(WinnowError, match="after the time was up"):
        finish(engine, store, begun.touch_up, painted(1), clock.pass_(SECONDS + 4))
    finish(engine, store, begun.touch_up, None, clock())
    with pytest.raises(WinnowError, match="is finished"):
        save(engine, store, begun.touch_up, painted(1), clock())
    assert set(store.all()) == before


def test_a_saved_touch_up_is_never_changed(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    touch_up = begin(engine, examples[0], clock).touch_up
    with pytest.raises(WinnowError, match="never changed"), writing(engine) as session:
        session.get_one(TouchUp, touch_up).started_at = clock.pass_(1)


# --- Done taken back --------------------------------------------------------------------------------------------------


def test_done_is_taken_back_while_time_is_left(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    begun = begin(engine, examples[0], clock)
    done = finish(engine, store, begun.touch_up, painted(1), clock.pass_(30))
    back = saves.resume(engine, "Ada", PAGE, begun.touch_up, clock.pass_(20))
    assert (back.mask, back.seconds_left, back.finished) == (done.mask, 70.0, False)
    assert pending(engine, clock)[0] == (examples[0], True)
    assert finished(engine, clock) == []
    assert current(engine, examples)[examples[0]] == done.mask
    again = saves.resume(engine, "Ada", PAGE, begun.touch_up, clock())  # the answer was lost, and it is sent twice
    assert (again.mask, again.seconds_left) == (done.mask, 70.0)
    assert count(engine, TouchUpSave) == 2
    newer = save(engine, store, begun.touch_up, painted(2), clock.pass_(1))
    assert finish(engine, store, begun.touch_up, None, clock.pass_(9)).seconds_used == 60.0
    assert [one.after for one in finished(engine, clock)] == [newer.mask]
    assert begin(engine, examples[1], clock).seconds_left == 120.0


def test_done_stays_done_when_the_time_is_up(engine: Engine, store: Store, clock: FakeClock, examples: list[int]) -> None:
    begun = begin(engine, examples[0], clock)
    finish(engine, store, begun.touch_up, painted(1), clock.pass_(30))
    with pytest.raises(WinnowError, match=r"The time is up, so Done can't be taken back\."):
        saves.resume(engine, "Ada", PAGE, begun.touch_up, clock.pass_(90))
    other = begin(engine, examples[1], clock)
    with pytest.raises(WinnowError, match=r"The time was up\. Start over"):
        saves.resume(engine, "Ada", PAGE, other.touch_up, clock.pass_(SECONDS))


def test_done_is_taken_back_by_its_own_reviewer_on_its_own_page_and_not_once_somebody_started_over(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    finish(engine, store, begun.touch_up, painted(1), clock.pass_(3))
    with pytest.raises(WinnowError, match="belongs to another reviewer"):
        saves.resume(engine, "Bo", PAGE, begun.touch_up, clock())
    with pytest.raises(WinnowError, match="on another page"):
        saves.resume(engine, "Ada", "another page", begun.touch_up, clock())
    start_over(engine, examples[0], clock, "Bo")
    with pytest.raises(WinnowError, match="Another reviewer has taken over"):
        saves.resume(engine, "Ada", PAGE, begun.touch_up, clock())
    third = begin(engine, examples[1], clock)
    finish(engine, store, third.touch_up, painted(1), clock.pass_(3))
    discard(engine, third.touch_up, clock())
    with pytest.raises(WinnowError, match="This touch-up was discarded"):
        saves.resume(engine, "Ada", PAGE, third.touch_up, clock())


# --- pages that are not seen ------------------------------------------------------------------------------------------


def test_the_time_with_the_page_hidden_is_recorded_with_each_save_and_counts(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)

    def note(presence: Presence, seconds: float, page: str = PAGE) -> None:
        saves.note_presence(engine, "Ada", page, begun.touch_up, presence, clock.pass_(seconds))

    note(Presence.hidden, 10)
    note(Presence.hidden, 5)  # said twice
    note(Presence.shown, 5, "another page")  # which does not paint
    note(Presence.shown, 5)
    save(engine, store, begun.touch_up, painted(1), clock.pass_(5))
    note(Presence.hidden, 10)
    done = finish(engine, store, begun.touch_up, None, clock.pass_(10))
    note(Presence.shown, 5)  # it is over
    assert done.seconds_used == 50.0
    with reading(engine) as session:
        rows = session.scalars(select(TouchUpSave).order_by(TouchUpSave.id))
        assert [(one.seconds_used, one.seconds_hidden) for one in rows] == [(30.0, 15.0), (50.0, 25.0)]
    assert count(engine, TouchUpPresence) == 4


def test_nobody_notes_for_another_reviewer_or_opens_a_page_that_way(
    engine: Engine, clock: FakeClock, examples: list[int]
) -> None:
    begun = begin(engine, examples[0], clock)
    with pytest.raises(WinnowError, match="belongs to another reviewer"):
        saves.note_presence(engine, "Bo", PAGE, begun.touch_up, Presence.hidden, clock())
    with pytest.raises(WinnowError, match="by beginning it"):
        saves.note_presence(engine, "Ada", "another page", begun.touch_up, Presence.opened, clock())
    with pytest.raises(NotThereError, match="Touch-up 999 does not exist"):
        saves.note_presence(engine, "Ada", PAGE, 999, Presence.hidden, clock())


def test_what_is_painted_where_the_source_says_nothing_is_not_kept(
    engine: Engine, store: Store, clock: FakeClock, examples: list[int]
) -> None:
    unknown = np.zeros((512, 512), np.uint8)
    unknown[:, 400:] = 255
    with writing(engine) as session:
        session.get_one(Example, examples[0]).unknown_sha256 = store.put(png(unknown))
        hatched = {one.example: one.unknown is not None for one in waiting.pending(session, 1, clock(), 9)}
    assert hatched == {examples[0]: True, examples[1]: False}
    everything = np.full((512, 512), 200, np.uint8)
    for example, kept in ((examples[0], np.where(unknown > 0, 0, everything)), (examples[1], everything)):
        begun = begin(engine, example, clock).touch_up
        for saved in (save, finish):
            sha256 = saved(engine, store, begun, everything, clock()).mask
            assert np.array_equal(saves.read_mask(store.get(sha256)), kept)
    assert {one.example: one.unknown is not None for one in finished(engine, clock)} == hatched
