"""Shared parts of the trainer's tests: small drawn pictures, curated sets of them, tiny runs, and ImageNet weights if given."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, update

from db.jobs import enqueue, utc_now
from db.session import open_database, writing
from db.settings import Settings
from db.store import Store
from db.tables import CROP_SIDE, CuratedSet, Epoch, Example, Job, JobState, Run, SetMember, Source, Split, Submission
from trainer.pictures import png

if TYPE_CHECKING:
    from trainer.fit import Context


Picture = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # (512, 512, 3) RGB and (512, 512)
Freeze = Callable[..., int]


def drawn(number: int, hair: bool = True) -> Picture:
    """A face-like disc under a cap of striped hair, and the cap's mask; with `hair` false, without the cap."""
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
    """A curated set with one example for each split named; its number. Without pictures, they are drawn."""
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


def label(
    engine: Engine,
    store: Store,
    set_number: int,
    masks: Mapping[int, NDArray[np.uint8]],
    kind: Literal["skin", "unknown"] = "skin",
) -> None:
    """Give the set's members at those positions a mask, as if their source had labelled skin, or pixels as unknown."""
    with writing(engine) as session:
        for position, mask in masks.items():
            one = (SetMember.set_id == set_number, SetMember.position == position)
            session.execute(update(SetMember).where(*one).values({f"{kind}_sha256": store.put(png(mask))}))


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
    """A file of random weights with the shapes of the ImageNet weights, so that tests download nothing."""
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
    """Keras' ImageNet weights, if WINNOW_REAL_DATA is set."""
    home = os.environ.get("WINNOW_REAL_DATA")
    if not home:
        pytest.skip("needs the ImageNet weights: set WINNOW_REAL_DATA")
    return Path(home) / "weights" / "mobilenet_v1_1.0_224_notop.weights.h5"


@pytest.fixture
def context(engine: Engine, store: Store, settings: Settings) -> "Context":
    from trainer.fit import Context

    return Context(engine, store, settings, lambda share, words: None, utc_now)


def ended(engine: Engine) -> None:
    """Mark every job as done."""
    with writing(engine) as session:
        session.execute(update(Job).values(state=JobState.done))


def job(engine: Engine) -> int:
    """The row of a running training; one that is already running is ended first."""
    ended(engine)
    return enqueue(engine, "fit", ["fit"], utc_now())


TINY = {"size": 32, "decoder_depth": 8}  # settings of the tiny network's trainings


@contextmanager
def tiny_networks() -> Iterator[None]:
    """Replace HairMatteNet by five layers, for tests of how a training runs rather than what it learns."""
    from tests.tiny_trainer import build
    from trainer import fit, models

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(models.MODELS, "hairmattenet", build)
        patch.setattr(fit, "imagenet", lambda application, file: None if file is None else [])
        yield


@pytest.fixture
def tiny_network() -> Iterator[None]:
    with tiny_networks():
        yield


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory, encoder_file: Path) -> Path:
    """A home with one run of one epoch of the tiny network, on a set with all three splits; tests work on copies."""
    from trainer.fit import Context, fit
    from trainer.recipe import FitSettings

    settings = Settings(home=tmp_path_factory.mktemp("trained"), encoder_weights=encoder_file)
    engine, store = open_database(settings), Store(settings.store)
    number = freeze(engine, store, [Split.train] * 2 + [Split.validation] * 2 + [Split.test] * 2)
    context = Context(engine, store, settings, lambda share, words: None, utc_now)
    with tiny_networks():
        assert fit(context, number, FitSettings(epochs=1, **TINY), job(engine)).run == 1
    ended(engine)
    engine.dispose()
    return settings.home


@pytest.fixture
def trained(trained_home: Path, engine: Engine, settings: Settings, tiny_network: None) -> int:
    """The run of `trained_home`, in this test's home: its number."""
    engine.dispose()  # its database is about to be replaced
    shutil.copytree(trained_home, settings.home, dirs_exist_ok=True)
    return 1


@pytest.fixture
def add_run(trained_home: Path, engine: Engine, settings: Settings, tiny_network: None) -> Callable[[int], int]:
    """Add a run of one epoch on a set, with the weights of `trained_home`'s run instead of a training; its number."""
    from trainer import runs
    from trainer.recipe import FitSettings

    def added(set_number: int) -> int:
        values = asdict(FitSettings(epochs=1, **TINY))
        losses = (
            "loss",
            "mask_loss",
            "consistency_loss",
            "validation_loss",
            "validation_mask_loss",
            "validation_consistency_loss",
        )
        with writing(engine) as session:
            run = Run(
                set_id=set_number, job_id=job(engine), model=values["model"], settings=values, encoder="imagenet",
                parameters=1, created_at=utc_now(),
            )  # fmt: skip
            epoch = Epoch(number=1, best=True, seconds=1.0, at=utc_now(), **dict.fromkeys(losses, 0.5))
            run.epochs.append(epoch)
            session.add(run)
            session.flush()
            number = run.id
        ended(engine)
        folder = runs.folder(settings, number)
        folder.mkdir(parents=True)
        shutil.copy(trained_home / "runs" / "1" / runs.BEST, folder)
        return number

    return added
