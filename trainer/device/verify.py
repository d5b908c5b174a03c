"""The proof of an export: compare the file, as it would be downloaded, with its run on crops of the run's set.

A Core ML package is taken out of its zip and run by `interpreter`, which computes in float32. That detects a wrong layout, a
wrong scale, and lost or damaged weights, but does not imitate how the Neural Engine accumulates sums. A LiteRT file is run by
LiteRT itself.
"""

import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from db.errors import WinnowError
from db.files import local
from db.jobs import Clock
from db.session import reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Export, Proof, Split
from trainer import inputs, runs
from trainer.arrays import Alpha, Image
from trainer.device.formats import MEAN_TOLERANCE, TOLERANCE
from trainer.device.interpreter import CoreMlProgram
from trainer.device.litert_runtime import LiteRt
from trainer.report import splits

IMAGES = 16  # crops to compare on, at most

AlphaOf = Callable[[Image], Alpha]  # from uint8 (S, S, 3) RGB to float32 (S, S)


def verify(engine: Engine, store: Store, settings: Settings, number: int, clock: Clock) -> dict[str, Any]:
    """Compare an export with its run, and save the result as a proof. A difference is a result, not an error.

    Differences are those of alpha, 0 to 1, over all pixels of the crops. Returns what `python -m trainer verify --json` prints.
    Raises WinnowError for an export that does not exist, a file that is missing or cannot be read, and a set without examples
    left to compare on.
    """
    with reading(engine) as session:
        export = find_export(session, number)
        trained = runs.load(session, settings, export.run_id)
        examples = _examples(session, trained.number, trained.set_number)
    subset = inputs.load(store, examples, trained.size)
    file = settings.exported(export.file)
    if not file.is_file():
        raise WinnowError(f"The file of export {number} is gone ({file}). Export the run again.")
    with local(file) as here, tempfile.TemporaryDirectory() as folder:
        alpha = _loaded(export, here, Path(folder))
        exported = np.stack([alpha(image) for image in subset.images])
    # A file that computes NaN has the largest difference there is.
    difference = np.nan_to_num(np.abs(exported - trained.alpha(subset.images)), nan=1.0, posinf=1.0)
    tolerance = TOLERANCE[export.precision]
    proof = Proof(
        export_id=number,
        images=len(examples),
        max_abs_diff=float(difference.max()),
        mean_abs_diff=float(difference.mean()),
        tolerance=tolerance,
        passed=bool(difference.max() <= tolerance and difference.mean() <= tolerance * MEAN_TOLERANCE),
        at=clock(),
    )
    with writing(engine) as session:
        session.add(proof)
    keys = ("passed", "images", "max_abs_diff", "mean_abs_diff", "tolerance")
    return {"export": number, **{key: getattr(proof, key) for key in keys}}


def find_export(session: Session, number: int) -> Export:
    """An export by its number. Raises WinnowError if it does not exist."""
    export = session.get(Export, number)
    if export is None:
        newest = session.scalar(select(func.max(Export.id)))
        known = f"The newest is export {newest}" if newest is not None else "Make one with `python -m trainer export`"
        raise WinnowError(f"There is no export {number}. {known}.")
    return export


def _examples(session: Session, run: int, set_number: int) -> list[inputs.SetExample]:
    """Examples that the run was not trained on: of the test split, or of validation if the set has no test examples."""
    there = splits(session, run)
    return inputs.set_examples(session, set_number, Split.test if Split.test in there else Split.validation)[:IMAGES]


def _loaded(export: Export, file: Path, folder: Path) -> AlphaOf:
    """The exported model; a Core ML package is unpacked into the folder. Raises WinnowError for a damaged file."""
    if export.format == "litert":
        return LiteRt(file).alpha
    try:
        with zipfile.ZipFile(file) as archive:
            archive.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise WinnowError(f"The file of export {export.id} is damaged ({export.file}). Export the run again.") from error
    packages = list(folder.glob("*.mlpackage"))
    if len(packages) != 1:
        raise WinnowError(f"The file of export {export.id} contains no Core ML package ({export.file}). Export the run again.")
    return CoreMlProgram(packages[0]).alpha
