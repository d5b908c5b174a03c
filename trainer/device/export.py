"""From a run to a file for a device, with its row."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from db.errors import WinnowError
from db.files import disk_full_errors, write
from db.jobs import Clock
from db.session import reading, writing
from db.settings import Settings
from db.tables import CuratedSet, Export
from trainer import runs
from trainer.runs import TrainedRun

PRECISIONS = ("float32", "float16", "int8")
USUAL = {"coreml": "float16", "litert": "float32"}  # the precision where none is asked for


def export(engine: Engine, settings: Settings, run: int, format_: str, precision: str | None, clock: Clock) -> dict[str, Any]:
    """Write the run's best epoch for a device: `coreml` (a zipped .mlpackage) or `litert` (a .tflite).

    Its folder, `runs/<run>/exports/<hash>`, is named by the file's sha256, so that no file ever changes under a row. Returns
    what `python -m trainer export --json` prints. Raises WinnowError for a format or precision there is none for, for a run
    that is not there or has no model yet, and where the disk is full.
    """
    if format_ not in USUAL:
        raise WinnowError(f"There is no format {format_}. Choose one of: {', '.join(USUAL)}.")
    precision = precision or USUAL[format_]
    if precision not in PRECISIONS:
        raise WinnowError(f"There is no precision {precision}. Choose one of: {', '.join(PRECISIONS)}.")
    with reading(engine) as session:
        trained = runs.load(session, settings, run)
        set_hash = session.get_one(CuratedSet, trained.set_number).hash
    with tempfile.TemporaryDirectory(prefix="winnow-") as scratch, disk_full_errors(Path(scratch)):
        made = _written(trained, set_hash, format_, precision, Path(scratch))
        data = made.read_bytes()
    name = f"runs/{run}/exports/{hashlib.sha256(data).hexdigest()[:12]}/{made.name}"
    file = settings.exported(name)
    write(file, data)
    with writing(engine) as session:
        row = Export(run_id=run, format=format_, precision=precision, file=name, bytes=len(data), created_at=clock())
        session.add(row)
    return {"export": row.id, "run": run, "format": format_, "precision": precision, "file": str(file), "bytes": row.bytes}


def _written(trained: TrainedRun, set_hash: str, format_: str, precision: str, folder: Path) -> Path:
    if format_ == "coreml":
        from trainer.device import coreml

        return coreml.export(trained, set_hash, precision, folder)
    from trainer.device import litert

    return litert.export(trained, precision, folder)
