"""Export a run's best epoch to a file for a device, and record it in the database."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from db.errors import WinnowError
from db.files import disk_full_errors, write
from db.jobs import Clock
from db.session import reading, writing
from db.settings import Settings
from db.tables import CuratedSet, Export
from db.workspaces import outside, workspace
from trainer import runs
from trainer.device.formats import DEFAULT_PRECISION, EXPORT_PRECISIONS, FORMATS, ExportPrecision, FormatName
from trainer.device.integrity import fingerprint
from trainer.runs import TrainedRun


def export(engine: Engine, settings: Settings, run: int, format_: str, precision: str | None, clock: Clock) -> dict[str, Any]:
    """Write the run's best epoch for a device: `coreml` (a zipped .mlpackage) or `litert` (a .tflite file).

    `precision` is one of EXPORT_PRECISIONS; None takes the format's default. The file's folder, `runs/<run>/exports/<hash>`, is
    named after its sha256, so a file that a row points to never changes. Returns what `python -m trainer export --json` prints.
    Raises WinnowError for an unknown format or precision, for a run that does not exist or has no model yet, and when the disk
    is full.
    """
    if format_ not in FORMATS:
        raise WinnowError(f"There is no format {format_}. Choose one of: {', '.join(FORMATS)}.")
    precision = precision or DEFAULT_PRECISION[format_]
    if precision not in EXPORT_PRECISIONS:
        raise WinnowError(f"There is no precision {precision}. Choose one of: {', '.join(EXPORT_PRECISIONS)}.")
    with reading(engine) as session:
        trained = runs.load(session, settings, run)
        set_hash = session.get_one(CuratedSet, trained.set_number).hash
    with workspace(outside()) as scratch, disk_full_errors(scratch):
        made = _written(trained, set_hash, format_, precision, scratch)
        data, printed = made.read_bytes(), fingerprint(made)
    assert printed.file is not None
    name = f"runs/{run}/exports/{printed.file[:12]}/{made.name}"
    file = settings.exported(name)
    write(file, data)
    with writing(engine) as session:
        row = Export(
            run_id=run,
            format=format_,
            precision=precision,
            file=name,
            bytes=len(data),
            file_hash=printed.file,
            parts=printed.parts,
            created_at=clock(),
        )
        session.add(row)
    return {"export": row.id, "run": run, "format": format_, "precision": precision, "file": str(file), "bytes": row.bytes}


def _written(trained: TrainedRun, set_hash: str, format_: FormatName, precision: ExportPrecision, folder: Path) -> Path:
    if format_ == "coreml":
        from trainer.device import coreml

        return coreml.export(trained, set_hash, precision, folder)
    from trainer.device import litert

    return litert.export(trained, precision, folder)
