"""The proof of an export, in two halves: the file is what was exported, and it computes what its run computes.

*Integrity* comes first and runs nothing: the file's bytes are compared with the hashes in the export's row. *Computation*: its
weights are the run's own, as near as float16 or int8 allows; and with these weights the run's network and the saved program
compute the same mattes, but for float32's rounding (`trainer/device/rounding.py`). What the precision itself costs is measured
apart, on the same crops.

A Core ML program is run by `interpreter`, which does not imitate how the Neural Engine accumulates sums. A LiteRT file is run
by LiteRT itself.
"""

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

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
from db.workspaces import outside, workspace
from trainer import inputs, runs
from trainer.arrays import Alpha, Image
from trainer.course import COMPARING, Done, OnProgress
from trainer.device.formats import INPUT_TOLERANCE, TOLERANCE, ExportPrecision
from trainer.device.integrity import Fingerprint, fingerprint, first_change, likeness
from trainer.device.interpreter import CoreMlProgram
from trainer.device.litert_program import LiteRtProgram
from trainer.device.outcome import cost, outcome
from trainer.device.rounding import Rounded, first_difference, layer_finder, rounded
from trainer.device.saved import SavedProgram, Trace
from trainer.measures import Values, average, measure
from trainer.report import Prediction, case, splits
from trainer.runs import TrainedRun, network_input

CROPS = 32  # to compare on, at most
COSTS = ("f1", "iou", "gradient_consistency")  # measures by which the cost of a precision is reported
RESULT = (
    "passed",
    "intact",
    "differs_at",
    "images",
    "max_abs_diff",
    "mean_abs_diff",
    "tolerance",
    *(f"cost_{name}" for name in COSTS),
)


def verify(
    engine: Engine, store: Store, settings: Settings, number: int, clock: Clock, say: OnProgress = lambda done, words: None
) -> dict[str, Any]:
    """Prove an export, and save the outcome. A difference is an outcome, not an error. `say` is told how many crops are done.

    Returns what `python -m trainer verify --json` prints. Raises WinnowError for an export that does not exist or has no hash,
    a file that is missing, and a set without examples left to compare on.
    """
    with reading(engine) as session:
        export = find_export(session, number)
    file = settings.exported(export.file)
    if not file.is_file():
        raise WinnowError(f"The file of export {number} is gone ({file}). Export the run again.")
    if export.file_hash is None:
        raise WinnowError(
            f"Export {number} was made before files had hashes, so nothing can show whether its file has changed. "
            "Export the run again."
        )
    with local(file) as here:
        proof = _prove(engine, store, settings, export, Path(here), say)
    return _saved(engine, proof, export, clock)


def verify_file(engine: Engine, store: Store, settings: Settings, file: Path, run: int | None, clock: Clock) -> dict[str, Any]:
    """Prove a file by its path: a zipped package, an unzipped one (a folder), or a LiteRT file, wherever it was copied to.

    The file shows by its hashes which export it is, of this run if one is given. Its proof is saved like that of `verify`. If
    it is none of the run's exports, the outcome says how it differs from the most similar one, and nothing is run or saved.
    Raises WinnowError for a path that does not exist, and for a file that is no export when no run is given.
    """
    found = fingerprint(file)
    with reading(engine) as session:
        wanted = select(Export).where(Export.file_hash.is_not(None)).order_by(Export.id.desc())
        if run is not None:
            runs.find(session, run)
            wanted = wanted.where(Export.run_id == run)
        exports = list(session.scalars(wanted))
    same = next((export for export in exports if first_change(_made(export), found) is None), None)
    if same is not None:
        return _saved(engine, _prove(engine, store, settings, same, file), same, clock)
    if run is None:
        raise WinnowError(f"{file} is not a file that was exported here. Name its run with --run to see what differs.")
    suffix = ".tflite" if file.suffix == ".tflite" else ".zip"
    alike = [export for export in exports if export.file.endswith(suffix)]
    if not alike:
        raise WinnowError(f"Run {run} has no export in this format. Its exports are listed on the Export page.")
    nearest = max(alike, key=lambda export: (likeness(export.parts or {}, found.parts), export.id))
    return _outcome(_changed(nearest, first_change(_made(nearest), found) or ""), nearest)


def find_export(session: Session, number: int) -> Export:
    """An export by its number. Raises WinnowError if it does not exist."""
    export = session.get(Export, number)
    if export is None:
        newest = session.scalar(select(func.max(Export.id)))
        known = f"The newest is export {newest}" if newest is not None else "Make one with `python -m trainer export`"
        raise WinnowError(f"There is no export {number}. {known}.")
    return export


def _made(export: Export) -> Fingerprint:
    return Fingerprint(export.file_hash, dict(export.parts or {}))


def _prove(
    engine: Engine,
    store: Store,
    settings: Settings,
    export: Export,
    path: Path,
    say: OnProgress = lambda done, words: None,
) -> Proof:
    """The proof of an export by a file or folder, not saved yet."""
    with workspace(outside()) as folder:
        copy = _copied(path, folder)  # what is hashed is what is run, whatever happens to the file meanwhile
        change = first_change(_made(export), fingerprint(copy))
        if change is not None:
            return _changed(export, change)
        program = _program(export, copy, folder / "package")
        with reading(engine) as session:
            trained = runs.load(session, settings, export.run_id)
            examples = _examples(session, trained.number, trained.set_number)
        subset = inputs.load(store, examples, trained.size)
        return _computation(export, program, trained, subset, say)


def _computation(export: Export, program: SavedProgram, trained: TrainedRun, subset: inputs.Subset, say: OnProgress) -> Proof:
    """The second half of the proof: the program against the run's network with the weights rounded alike."""
    precision = cast("ExportPrecision", export.precision)
    traces: list[Trace] = []
    crops = len(subset.images)
    for image in subset.images:
        say(Done(COMPARING, len(traces), crops), f"{COMPARING}, crop {len(traces) + 1} of {crops}")
        traces.append(_without_tensors(program.trace(image)))
    entering = np.stack([trace.network_input for trace in traces])
    reference = rounded(trained.model, program.convolutions(), precision)
    difference = np.abs(np.stack([trace.float_alpha for trace in traces]) - reference.alpha(entering))
    difference = np.nan_to_num(difference, nan=1.0, posinf=1.0)  # a file that computes NaN differs as much as one can
    worst = int(difference.max(axis=(1, 2)).argmax())
    scaling = float(np.abs(entering - network_input(subset.images).numpy()).max())
    differs_at = None
    if reference.wrong:
        more = f" and of {len(reference.wrong) - 1} more layers" if len(reference.wrong) > 1 else ""
        differs_at = f"the weights of {reference.wrong[0]}{more}"
    elif not scaling <= INPUT_TOLERANCE[precision]:
        differs_at = "what enters the first layer"
    elif difference.max() > TOLERANCE:
        differs_at = _first_layer(trained, reference, program, subset.images[worst])
    return Proof(
        export_id=export.id,
        intact=True,
        images=len(subset.examples),
        max_abs_diff=float(difference.max()),
        mean_abs_diff=float(difference.mean()),
        tolerance=TOLERANCE,
        differs_at=differs_at,
        passed=differs_at is None,
        **_costs(trained, subset, [trace.alpha for trace in traces]),
    )


def _copied(path: Path, folder: Path) -> Path:
    target = folder / path.name
    return Path(shutil.copytree(path, target)) if path.is_dir() else Path(shutil.copyfile(path, target))


def _program(export: Export, file: Path, folder: Path) -> SavedProgram:
    """The program of an intact file; a zipped package is unpacked into the folder."""
    if export.format == "litert":
        return LiteRtProgram(file)
    if file.is_dir():
        return CoreMlProgram(file)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    [package] = folder.glob("*.mlpackage")
    return CoreMlProgram(package)


def _examples(session: Session, run: int, set_number: int) -> list[inputs.SetExample]:
    """Examples that the run was not trained on: of the test split, or of validation if the set has no test examples."""
    there = splits(session, run)
    return inputs.set_examples(session, set_number, Split.test if Split.test in there else Split.validation)[:CROPS]


def _without_tensors(trace: Trace) -> Trace:
    """The same without the layers' results, which are a hundred times larger than the matte."""
    return Trace(trace.alpha, trace.float_alpha, trace.network_input, {})


def _first_layer(trained: TrainedRun, reference: Rounded, program: SavedProgram, image: Image) -> str:
    trace = program.trace(image)
    layer = first_difference(reference.tensors(trace.network_input), trace.tensors, layer_finder(trained.model), TOLERANCE)
    return f"the layer {layer}" if layer is not None else "what follows the last layer"


def _costs(trained: TrainedRun, subset: inputs.Subset, exported: Sequence[Alpha]) -> dict[str, float | None]:
    """How much worse than the run the file does on the masks of the crops, by the columns of a proof."""

    def measured(mattes: Sequence[Alpha]) -> Values:
        return average([measure(case(subset, at, Prediction(matte))) for at, matte in enumerate(mattes)], COSTS)

    run, file = measured(list(trained.alpha(subset.images))), measured(exported)
    return {
        "cost_f1": _less(run["f1"], file["f1"]),
        "cost_iou": _less(run["iou"], file["iou"]),
        "cost_gradient_consistency": _less(file["gradient_consistency"], run["gradient_consistency"]),  # lower is better
    }


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _changed(export: Export, change: str) -> Proof:
    return Proof(export_id=export.id, intact=False, differs_at=change[:200], images=0, tolerance=TOLERANCE, passed=False)


def _saved(engine: Engine, proof: Proof, export: Export, clock: Clock) -> dict[str, Any]:
    proof.at = clock()
    with writing(engine) as session:
        session.add(proof)
    return _outcome(proof, export)


def _outcome(proof: Proof, export: Export) -> dict[str, Any]:
    words = " ".join(filter(None, (outcome(proof), cost(proof, export.precision))))
    return {"export": export.id, **{name: getattr(proof, name) for name in RESULT}, "outcome": words}
