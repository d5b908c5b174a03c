"""The proof of an export: the file as it would be downloaded, against the run it came from, on crops of the run's set.

A Core ML package is taken out of its zip again, so that what is proven is what is downloaded, and run by `interpreter`, which
computes in float32: it finds a wrong layout, a wrong scale, lost or damaged weights, but does not imitate how the Neural
Engine accumulates. A LiteRT file is run by LiteRT itself.
"""

import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
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
from trainer.device.interpreter import CoreMlProgram
from trainer.device.litert_runtime import LiteRt
from trainer.report import splits

IMAGES = 16

# The largest difference of alpha (0 to 1) that passes; on average a 20th of it. Chosen between what right and wrong files
# measured, on 16 crops and the steepest network at hand (8 epochs on 20 photos):
#   float32: 1e-5 at most. It differs by rounding alone.
#   float16: .066 at most, .0009 on average. The run itself with its weights rounded to float16: .118 and .0008.
#   int8:    .373 at most, .007 on average. A pixel between hair and not swings far on 8 bits of each weight.
#   wrong:   one tensor's channels turned .97 and .11, colours in the wrong order .89 and .08, moved by a pixel .82 and .025.
TOLERANCE = {"float32": 1e-4, "float16": 0.2, "int8": 0.5}
MEAN = 1 / 20

Alpha = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def verify(engine: Engine, store: Store, settings: Settings, number: int, clock: Clock) -> dict[str, Any]:
    """Compare an export with its run, and keep the outcome as a proof; a difference is an outcome, not an error.

    Returns what `python -m trainer verify --json` prints. Raises WinnowError for an export that is not there, a file that
    is gone or cannot be read, and a set of which nobody is left to compare on.
    """
    with reading(engine) as session:
        export = find(session, number)
        trained = runs.load(session, settings, export.run_id)
        members = _members(session, trained.number, trained.set_number)
    subset = inputs.load(store, members, trained.size)
    file = settings.exported(export.file)
    if not file.is_file():
        raise WinnowError(f"The file of export {number} is gone ({file}). Export the run again.")
    with local(file) as here, tempfile.TemporaryDirectory() as folder:
        alpha = _loaded(export, here, Path(folder))
        exported = np.stack([alpha(image) for image in subset.images])
    # A file that computes NaN is as wrong as can be.
    difference = np.nan_to_num(np.abs(exported - trained.alpha(subset.images)), nan=1.0, posinf=1.0)
    tolerance = TOLERANCE[export.precision]
    proof = Proof(
        export_id=number,
        images=len(members),
        max_abs_diff=float(difference.max()),
        mean_abs_diff=float(difference.mean()),
        tolerance=tolerance,
        passed=bool(difference.max() <= tolerance and difference.mean() <= tolerance * MEAN),
        at=clock(),
    )
    with writing(engine) as session:
        session.add(proof)
    keys = ("passed", "images", "max_abs_diff", "mean_abs_diff", "tolerance")
    return {"export": number, **{key: getattr(proof, key) for key in keys}}


def find(session: Session, number: int) -> Export:
    """An export by its number. Raises WinnowError where there is none."""
    export = session.get(Export, number)
    if export is None:
        newest = session.scalar(select(func.max(Export.id)))
        known = f"The newest is export {newest}" if newest is not None else "Make one with `python -m trainer export`"
        raise WinnowError(f"There is no export {number}. {known}.")
    return export


def _members(session: Session, run: int, set_number: int) -> list[inputs.Member]:
    """Crops that the run did not learn from: of the test split, or of validation where there is none."""
    there = splits(session, run)
    return inputs.members(session, set_number, Split.test if Split.test in there else Split.validation)[:IMAGES]


def _loaded(export: Export, file: Path, folder: Path) -> Alpha:
    if export.format == "litert":
        return LiteRt(file).alpha
    try:
        with zipfile.ZipFile(file) as archive:
            archive.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise WinnowError(f"The file of export {export.id} is damaged ({export.file}). Export the run again.") from error
    packages = list(folder.glob("*.mlpackage"))
    if len(packages) != 1:
        raise WinnowError(f"The file of export {export.id} holds no Core ML package ({export.file}). Export the run again.")
    return CoreMlProgram(packages[0]).alpha
