"""From a run to a file for a device, with its row."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from db.errors import WinnowError
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

    Each export has a folder of its own, `runs/<run>/exports/<export>`, so that no file ever changes under a row. Returns
    what `python -m trainer export --json` prints. Raises WinnowError for a format or precision there is none for, and for a
    run that is not there or has no model yet.
    """
    if format_ not in USUAL:
        raise WinnowError(f"There is no format {format_}. Choose one of: {', '.join(USUAL)}.")
    precision = precision or USUAL[format_]
    if precision not in PRECISIONS:
        raise WinnowError(f"There is no precision {precision}. Choose one of: {', '.join(PRECISIONS)}.")
    with reading(engine) as session:
        trained = runs.load(session, settings, run)
        set_hash = session.get_one(CuratedSet, trained.set_number).hash
    exports = runs.folder(settings, run) / "exports"
    exports.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=exports))
    try:
        file = _written(trained, set_hash, format_, precision, part)
        with writing(engine) as session:
            row = Export(
                run_id=run, format=format_, precision=precision, file="", bytes=file.stat().st_size, created_at=clock()
            )
            session.add(row)
            session.flush()
            folder = exports / str(row.id)
            shutil.rmtree(folder, ignore_errors=True)  # of an export whose row was never committed
            row.file = str((folder / file.name).relative_to(settings.home.resolve()))
            part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    where = str(settings.home / row.file)
    return {"export": row.id, "run": run, "format": format_, "precision": precision, "file": where, "bytes": row.bytes}


def _written(trained: TrainedRun, set_hash: str, format_: str, precision: str, folder: Path) -> Path:
    folder.chmod(0o755)  # mkdtemp's own is for its maker alone
    if format_ == "coreml":
        from trainer.device import coreml

        return coreml.export(trained, set_hash, precision, folder)
    from trainer.device import litert

    return litert.export(trained, precision, folder)
