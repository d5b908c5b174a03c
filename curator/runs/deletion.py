"""Deletes a run: its files, epochs, previews, reports and exports. Its row stays, empty: other rows name it.

Rows go first, so that no row names a picture or file that is gone. What a crash leaves of the files, the same command deletes.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.orm import Session

from db.blobs import delete_unnamed
from db.errors import WinnowError
from db.files import delete_folder
from db.jobs import ACTIVE, active_jobs, job_state
from db.session import transact
from db.settings import Settings
from db.store import Store
from db.tables import Epoch, Event, Export, Job, Measure, Preview, Proof, Run

USES_RUNS = ("report", "export")  # jobs that read a run's weights


@dataclass(frozen=True)
class Deleted:
    """What was deleted with a run. The fields are keys of `delete-run --json`."""

    run: int
    epochs: int
    exports: int
    pictures: int


def why_not_delete(run: Run, jobs: list[Job], now: datetime) -> str | None:
    """Why a run can't be deleted beside these jobs, which are active at `now`, in a sentence; None if it can be."""
    if job_state(run.job, now) in ACTIVE:
        return f"Run {run.id} is training. Stop it first."
    if any(job.kind in USES_RUNS for job in jobs):
        return "A run is being measured or exported. Wait until that has finished."
    return None


def delete_run(
    engine: Engine, store: Store, settings: Settings, number: int, who: str, now: datetime, *, with_exports: bool
) -> Deleted:
    """Delete a run and all that was made of it; its curated set stays, and so does what people decided by its reports.

    Raises WinnowError for a run that does not exist, for the reasons of `why_not_delete`, and for one that has exports, unless
    they are to go `with_exports`.
    """

    def forget(session: Session) -> tuple[int, int, set[str]]:
        run = session.get(Run, number, with_for_update=True)
        if run is None:
            raise WinnowError(f"There is no run {number}.")
        if reason := why_not_delete(run, active_jobs(session, now), now):
            raise WinnowError(reason)
        exports = list(session.scalars(select(Export.id).where(Export.run_id == number)))
        if exports and not with_exports:
            raise WinnowError(
                f"Run {number} has exported files ({len(exports)}), with their proofs. Add --with-exports to delete them, too."
            )
        epochs = session.scalar(select(func.count()).where(Epoch.run_id == number)) or 0
        pictures = {
            sha256
            for table in (Preview, Measure)
            for sha256 in session.scalars(select(table.matte_sha256).where(table.run_id == number))
        }
        session.execute(delete(Proof).where(Proof.export_id.in_(exports)))
        for table in (Export, Preview, Measure, Epoch):
            session.execute(delete(table).where(table.run_id == number))
        if run.deleted_at is None:
            run.name, run.note, run.deleted_at = "", "", now
            session.add(Event(at=now, who=who, what="delete run", detail={"run": number, "exports": len(exports)}))
        return epochs, len(exports), pictures

    epochs, exports, pictures = transact(engine, forget)
    for folder in (settings.runs / str(number), settings.tensorboard / str(number)):
        delete_folder(folder)
    return Deleted(number, epochs, exports, len(delete_unnamed(engine, store, pictures, None)))
