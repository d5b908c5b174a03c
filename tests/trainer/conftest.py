"""Shared parts of the trainer's tests: small drawn pictures, curated sets out of them, and the ImageNet weights if given."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, update

from db.jobs import enqueue, utc_now
from db.session import writing
from db.settings import Settings
from db.store import Store
from db.tables import CROP_SIDE, CuratedSet, Example, Job, JobState, SetMember, Source, Split, Submission
from trainer.pictures import png

if TYPE_CHECKING:
    from trainer.fit import Place


Picture = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # (512, 512, 3) RGB and (512, 512)
Freeze = Callable[..., int]


def drawn(number: int, hair: bool = True) -> Picture:
    """A face-like disc under a cap of striped hair, and the cap's mask; without hair where asked."""
    rng = np.random.default_rng(number)
    image = np.full((CROP_SIDE, CROP_SIDE, 3), rng.integers(120, 220, 3), np.uint8)
    mask = np.zeros((CROP_SIDE, CROP_SIDE), np.uint8)
    row, column, radius = int(rng.integers(220, 280)), int(rng.integers(220, 290)), int(rng.integers(110, 150))
    if hair:
        cv2.circle(mask, (column, row - 30), radius + 50, 255, -1)
    tint = rng.integers(20, 90, 3)
    stripes = (tint * (1 + 0.3 * np.sin(np.arange(CROP_SIDE) / 5))[:, None]).astype(np.uint8)
    image = np.where(mask[..., None] > 0, stripes[None], image)
    cv2.circle(image, (column, row), radius, (224, 180, 150), -1)
    cv2.circle(mask, (column, row), radius, 0, -1)
    return np.asarray(image, np.uint8), mask


def freeze(
    engine: Engine,
    store: Store,
    splits: Sequence[Split],
    pictures: Sequence[Picture] | None = None,
    inside: tuple[int, int, int, int] = (0, 0, CROP_SIDE, CROP_SIDE),
) -> int:
    """A curated set with one example for each split named; its number. Its pictures are drawn where none are given."""
    pictures = pictures or [drawn(number) for number in range(len(splits))]
    now = utc_now()
    with writing(engine) as session:
        source = Source(adapter="folder", location=f"drawn {now.isoformat()}", added_at=now)
        frozen = CuratedSet(hash="", frozen_at=now)
        hashes = hashlib.sha256(source.location.encode())
        for position, (split, (image, mask)) in enumerate(zip(splits, pictures, strict=True)):
            image_sha256, mask_sha256 = store.put(png(image)), store.put(png(mask))
            hashes.update(image_sha256.encode() + mask_sha256.encode())
            example = Example(
                submission=_submission(source, hashes.hexdigest()),
                face_top=100,
                face_left=100,
                face_bottom=300,
                face_right=300,
                face_score=1.0,
                crop_top=0.0,
                crop_left=0.0,
                crop_side=512.0,
                inside_top=inside[0],
                inside_left=inside[1],
                inside_bottom=inside[2],
                inside_right=inside[3],
                image_sha256=image_sha256,
                mask_sha256=mask_sha256,
                split=split,
            )
            frozen.members.append(
                SetMember(position=position, example=example, image_sha256=image_sha256, mask_sha256=mask_sha256, split=split)
            )
        frozen.hash = hashes.hexdigest()
        session.add(frozen)
        session.flush()
        return frozen.id


def label(engine: Engine, store: Store, set_number: int, skins: Mapping[int, NDArray[np.uint8]]) -> None:
    """Give the set's members at those positions a skin mask, as if their source had labelled it."""
    with writing(engine) as session:
        for position, skin in skins.items():
            place = (SetMember.set_id == set_number, SetMember.position == position)
            session.execute(update(SetMember).where(*place).values(skin_sha256=store.put(png(skin))))


def _submission(source: Source, unique: str) -> Submission:
    return Submission(
        source=source,
        photo_name="drawn.png",
        photo_sha256=unique,
        mask_sha256=unique,
        height=CROP_SIDE,
        width=CROP_SIDE,
        drawn=True,
        received_at=source.added_at,
    )


@pytest.fixture
def freeze_set(engine: Engine, store: Store) -> Freeze:
    def frozen(splits: Sequence[Split], **more: object) -> int:
        return freeze(engine, store, splits, **more)

    return frozen


@pytest.fixture(scope="session")
def encoder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that fits as ImageNet weights, drawn at random: tests download nothing."""
    import keras

    from trainer.encoder import encoder

    keras.utils.set_random_seed(3)
    file = tmp_path_factory.mktemp("weights") / "encoder.weights.h5"
    encoder(224, dilated=False).save_weights(file)
    return file


@pytest.fixture
def settings(tmp_path: Path, encoder_file: Path) -> Settings:
    return Settings(home=tmp_path / "home", encoder_weights=encoder_file)


@pytest.fixture(scope="session")
def imagenet_file() -> Path:
    """Keras' own ImageNet weights, where WINNOW_REAL_DATA has them."""
    home = os.environ.get("WINNOW_REAL_DATA")
    if not home:
        pytest.skip("needs the ImageNet weights: set WINNOW_REAL_DATA")
    return Path(home) / "weights" / "mobilenet_v1_1.0_224_notop.weights.h5"


@pytest.fixture
def place(engine: Engine, store: Store, settings: Settings) -> "Place":
    from trainer.fit import Place

    return Place(engine, store, settings, lambda share, words: None, utc_now)


def ended(engine: Engine) -> None:
    """No job is on any more."""
    with writing(engine) as session:
        session.execute(update(Job).values(state=JobState.done))


def job(engine: Engine) -> int:
    """The row of a training that is on; one already on is ended first."""
    ended(engine)
    return enqueue(engine, "fit", ["fit"], utc_now())


@pytest.fixture
def trained(freeze_set: Freeze, place: "Place", tiny_network: None) -> int:
    """A run of one epoch of the tiny network on a set with all three splits: its number."""
    from trainer.fit import fit
    from trainer.recipe import FitSettings

    number = freeze_set([Split.train] * 2 + [Split.validation] * 2 + [Split.test] * 2)
    run = fit(place, number, FitSettings(epochs=1, size=32, decoder_depth=8), job(place.engine)).run
    ended(place.engine)
    return run


@pytest.fixture
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five layers under HairMatteNet's name: what is tested with it asks how a training goes, not what it learns."""
    from tests.tiny_trainer import build
    from trainer import fit, models

    monkeypatch.setitem(models.MODELS, "hairmattenet", build)
    monkeypatch.setattr(fit, "imagenet", lambda application, file: None if file is None else [])
