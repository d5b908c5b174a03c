"""Where a job runs: a training on a worker of the Dask cluster if one is set, everything else on this machine.

(An ingest's own process runs on this machine too; only its pictures are processed on the cluster: curator/ingest/workers.py.)
"""

import threading
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from db.cluster import submit_job
from db.jobs import enqueue, start_process, wait_for_process
from db.settings import Settings

GPU_JOBS = ("fit",)  # the kinds of job that benefit from a GPU


def start_job(
    engine: Engine,
    settings: Settings,
    kind: str,
    module: str,
    arguments: Sequence[str],
    now: datetime,
    by: str | None = None,
) -> int:
    """Start `python -m module arguments --job N` on the cluster or on this machine, `by` a reviewer of this name; returns N.

    Raises WinnowError like `enqueue`. A cluster that does not accept the job is not raised: the job's row then says failed,
    and why.
    """
    number = enqueue(engine, kind, arguments, now, by)
    if settings.cluster and kind in GPU_JOBS:
        submit_job(engine, settings, number, module, arguments, now)
    else:
        process = start_process(engine, number, module, arguments, settings.logs)
        # Waiting in the background reaps the finished process (no zombie), and a crashed job does not stay queued.
        threading.Thread(target=wait_for_process, args=(engine, number, process), daemon=True).start()
    return number
