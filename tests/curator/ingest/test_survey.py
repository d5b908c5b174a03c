"""The survey of a source's masks, on real files, through the whole ingest."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from curator import __main__ as main
from curator.__main__ import app
from curator.ingest.survey import remembered
from curator.ingest.workers import Workers
from curator.pictures.codec import decode_mask
from curator.pictures.meaning import NOTHING_ASKED, Asked
from db.errors import WinnowError
from db.session import open_database, reading
from db.settings import Settings
from db.store import Store
from db.tables import Example, Source, Submission
from tests.curator.encoded import noise

SIDE = 256
HAIR = np.zeros((SIDE, SIDE), bool)
HAIR[40:120, 60:200] = True
FACE = np.zeros((SIDE, SIDE), bool)
FACE[120:200, 90:170] = True
RIM = cv2.dilate(HAIR.astype(np.uint8), np.ones((9, 9))).astype(bool) & ~HAIR


@pytest.fixture
def home(migrated_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own. The work is done by a thread; tests of the command start processes, which takes seconds."""
    monkeypatch.setattr(
        main, "workers_for", lambda settings, *folders: nullcontext(Workers(ThreadPoolExecutor, 1, settings.store))
    )
    return migrated_home


def source(folder: Path, *masks: np.ndarray) -> Path:
    """A folder of pairs with these masks."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number, mask in enumerate(masks):
        photo = np.roll(noise(SIDE, SIDE), number * 37, axis=1)
        cv2.imwrite(str(folder / f"images/p{number}.png"), photo)
        cv2.imwrite(str(folder / f"masks/p{number}.png"), mask)
    return folder


def ingest(folder: Path, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["ingest", str(folder), "--crop", "whole", "--json", *options])
    return done.exit_code, done.stdout if done.exit_code == 0 else done.stderr


def stored() -> tuple[Engine, Store]:
    return open_database(Settings()), Store(Settings().store)


def test_a_border_that_says_nothing_is_kept_as_unknown(home: Path, tmp_path: Path) -> None:
    code, said = ingest(source(tmp_path / "voc", np.where(HAIR, 1, np.where(RIM, 255, 0)).astype(np.uint8)))
    assert (code, json.loads(said)["meaning"]) == (0, "hair is 1 of 0, 1, 255; 255 is left out")
    engine, store = stored()
    with reading(engine) as session:
        example = session.scalars(select(Example)).one()
        assert example.unknown_sha256 is not None
        hair, unknown = decode_mask(store.get(example.mask_sha256)), decode_mask(store.get(example.unknown_sha256))
    assert cv2.resize(hair, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)[HAIR & ~RIM].min() == 255
    half = cv2.resize(unknown, (SIDE, SIDE), interpolation=cv2.INTER_AREA) > 127
    assert (half & RIM).sum() / (half | RIM).sum() > 0.9
    assert not (hair[unknown > 0] > 0).any()


def test_what_is_unclear_stops_before_anything_comes_in_and_a_word_helps(home: Path, tmp_path: Path) -> None:
    bald = np.where(FACE, 1, 0).astype(np.uint8)
    folder = source(tmp_path / "classes", bald, np.where(HAIR, 2, bald).astype(np.uint8))
    code, said = ingest(folder)
    assert code == 1
    assert "1 (2 masks, 9.8 % of their pixels), 2 (1 masks, 17.1 % of their pixels). Say which value is hair" in said
    engine, store = stored()
    with reading(engine) as session:
        assert session.scalars(select(Submission)).all() == []
    code, said = ingest(folder, "--hair", "2")
    assert (code, json.loads(said)["added"]) == (0, 2)
    with reading(engine) as session:
        masks = [decode_mask(store.get(one.mask_sha256)) for one in session.scalars(select(Example).order_by(Example.id))]
    assert [int((mask > 0).sum()) for mask in masks] == [0, int(HAIR.sum()) * 4]


def test_a_source_remembers_what_its_values_mean(home: Path, tmp_path: Path) -> None:
    white = np.where(HAIR, 0, 255).astype(np.uint8)
    folder = source(tmp_path / "inverted", white)
    assert ingest(folder)[0] == 1
    assert ingest(folder, "--inverted")[0] == 0
    cv2.imwrite(str(folder / "images/later.png"), noise(SIDE, SIDE)[::-1])
    cv2.imwrite(str(folder / "masks/later.png"), white[:, ::-1])
    code, said = ingest(folder)
    assert (code, json.loads(said)["added"], json.loads(said)["meaning"]) == (0, 1, "black is hair of 0, 255")
    code, said = ingest(folder, "--hair", "255")
    assert code == 1
    assert (
        "was ingested before, and then black is hair of 0, 255. Its masks are in, and cannot mean something else now." in said
    )


def test_a_later_mask_with_other_values_is_refused_and_the_others_stay(home: Path, tmp_path: Path) -> None:
    folder = source(tmp_path / "usual", (HAIR * 255).astype(np.uint8))
    assert ingest(folder)[0] == 0
    cv2.imwrite(str(folder / "images/later.png"), noise(SIDE, SIDE)[::-1])
    cv2.imwrite(str(folder / "masks/later.png"), np.where(HAIR, 2, np.where(FACE, 1, 0)))
    code, said = ingest(folder)
    (refused,) = json.loads(said)["refused"]
    assert (code, refused["file"]) == (0, "images/later.png")
    assert "it has the value 1, 2, and the other masks of its source have 0, 255." in refused["reason"]


def test_masks_of_another_source_under_the_same_name_are_not_read_by_the_first_ones_meaning(home: Path, tmp_path: Path) -> None:
    folder = source(tmp_path / "voc", np.where(HAIR, 1, np.where(RIM, 255, 0)).astype(np.uint8))
    assert ingest(folder)[0] == 0
    assert ingest(folder)[0] == 0
    folder.rename(tmp_path / "first")
    source(folder, (HAIR * 255).astype(np.uint8)[::-1])
    code, said = ingest(folder)
    assert code == 1
    assert "The masks that are new say otherwise by themselves: the usual meaning of 0, 255" in said
    code, said = ingest(folder, "--hair", "1", "--unknown", "255")
    assert (code, json.loads(said)["meaning"]) == (0, "hair is 1 of 0, 1, 255; 255 is left out")


def test_masks_that_could_not_be_read_settle_nothing_for_later_ones(home: Path, tmp_path: Path) -> None:
    folder = source(tmp_path / "classes", np.where(HAIR, 1, np.where(RIM, 255, 0)).astype(np.uint8))
    mask = (folder / "masks/p0.png").read_bytes()
    (folder / "masks/p0.png").write_bytes(mask[:50])
    assert json.loads(ingest(folder)[1])["refusals"] == 1
    (folder / "masks/p0.png").write_bytes(mask)
    code, said = ingest(folder)
    assert (code, json.loads(said)["meaning"]) == (0, "hair is 1 of 0, 1, 255; 255 is left out")


def test_a_copy_whose_values_are_said_to_mean_something_else_is_not_already_in(home: Path, tmp_path: Path) -> None:
    masks = [np.where(part, 2, np.where(FACE, 1, 0)).astype(np.uint8) for part in (HAIR, HAIR[::-1])]
    assert ingest(source(tmp_path / "one", *masks), "--hair", "1")[0] == 0
    code, said = ingest(source(tmp_path / "copy", *masks), "--hair", "2")
    came = json.loads(said)
    assert (code, came["added"], came["already"], came["refusals"]) == (0, 0, 0, 2)
    where = f"its photo and its mask are in from {tmp_path / 'one'}, where hair is 1 of 0, 1, 2."
    assert all(one["reason"].startswith(where) for one in came["refused"])
    assert json.loads(ingest(source(tmp_path / "same", *masks), "--hair", "1")[1])["already"] == 2


def test_masks_that_a_source_gets_later_are_not_left_out_silently(home: Path, tmp_path: Path) -> None:
    folder = source(tmp_path / "usual", (HAIR * 255).astype(np.uint8))
    assert ingest(folder)[0] == 0
    cv2.imwrite(str(folder / "masks/p0_skin.png"), (FACE * 255).astype(np.uint8))
    came = json.loads(ingest(folder)[1])
    assert (came["already"], came["remarked"]) == (1, 1)
    assert came["remarks"] == [
        {
            "file": "images/p0.png",
            "remark": "it came in without its mask of skin, and stays so. Erase it to take it in anew.",
        }
    ]


def test_the_terminal_lists_what_happened_to_each_file(home: Path, tmp_path: Path) -> None:
    folder = source(tmp_path / "mixed", (HAIR * 255).astype(np.uint8), np.zeros((SIDE, SIDE), np.uint8))
    (folder / "images/alone.jpg").write_bytes(b"no mask")
    (folder / "notes.md").write_text("what we did")
    (folder / ".DS_Store").write_bytes(b"")
    code, said = ingest(folder)
    came = json.loads(said)
    assert (code, came["photos"], came["files"], came["added"], came["refusals"], came["not_read"], came["junk"]) == (
        0, 2, 7, 2, 1, 1, 1,
    )  # fmt: skip
    assert came["remarks"] == [{"file": "images/p1.png", "remark": "the mask shows no hair."}]
    assert [one["file"] for one in came["left_out"]] == ["notes.md"]
    listed = json.loads(CliRunner().invoke(app, ["intake", "--json"]).stdout)
    assert {name: [row["file"] for row in each["listed"]] for name, each in listed.items()} == {
        "refused": ["images/alone.jpg"], "not_read": ["notes.md"], "remark": ["images/p1.png"],
    }  # fmt: skip
    text = CliRunner().invoke(app, ["intake", "--outcome", "remark"]).stdout
    assert text == "With a remark: 1\n  images/p1.png: the mask shows no hair.\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--hair", "red"], "'red' is no value of a mask."),
        (["--hair", "1", "--unknown", "#ffffff"], "all by their numbers, or all by their colours"),
        (["--hair", "1", "--inverted"], "Leave it out, or --hair and --skin."),
        (["--label", "hair"], "is read as folder, which has no labels. Leave --label out."),
    ],
)
def test_options_that_say_nothing_are_one_sentence(home: Path, tmp_path: Path, options: list[str], said: str) -> None:
    code, answer = ingest(source(tmp_path / "usual", (HAIR * 255).astype(np.uint8)), *options)
    assert code == 1
    assert said in answer


def test_a_source_from_before_is_read_as_before(home: Path, tmp_path: Path) -> None:
    folder = source(tmp_path / "usual", (HAIR * 255).astype(np.uint8))
    assert ingest(folder)[0] == 0
    engine, _ = stored()
    with engine.execution_options(writes=True).begin() as connection:
        connection.execute(Source.__table__.update().values(meaning=None))
    assert remembered(engine, "folder", str(folder), NOTHING_ASKED) is None
    with pytest.raises(WinnowError, match="and then each mask was read by itself"):
        remembered(engine, "folder", str(folder), Asked(hair=(255,)))
