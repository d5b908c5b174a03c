"""The trainer's commands: parse, call, print; no rule. `python -m trainer --help`.

TensorFlow is imported inside the commands, so that `--help` and a misspelt option answer at once.
"""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Engine

from db.commands import Version, exit_on_error, print_result
from db.errors import WinnowError
from db.jobs import Progress, running_job, utc_now
from db.session import open_database, reading
from db.settings import Settings
from db.store import Store
from db.tables import Split
from trainer.quiet import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

FIT_SHARE = 0.95  # of the bar; the reports after it take the rest


class Format(StrEnum):
    """Where an export runs."""

    coreml = "coreml"
    litert = "litert"


class Precision(StrEnum):
    """Of an export's weights."""

    float32 = "float32"
    float16 = "float16"
    int8 = "int8"


class Refine(StrEnum):
    """What is done to the mattes before they are measured."""

    none = "none"
    guided = "guided"
    superpixel = "superpixel"


class Network(StrEnum):
    """The networks there are."""

    hairmattenet = "hairmattenet"
    hairsegnet = "hairsegnet"
    fcn_vgg16 = "fcn-vgg16"


class BestBy(StrEnum):
    """What the best epoch is chosen by."""

    f1 = "f1"
    loss = "loss"


class Arithmetic(StrEnum):
    """Of the layers while training; weights are float32 in each."""

    float32 = "float32"
    mixed_float16 = "mixed_float16"
    mixed_bfloat16 = "mixed_bfloat16"


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
JobNumber = Annotated[int | None, typer.Option("--job", hidden=True, help="The job's row, where the app has made it.")]
RunNumber = Annotated[int, typer.Argument(metavar="RUN", help="The run's number.")]


@app.callback()
def main(version: Version = False) -> None:
    """From a curated set to a file for a device."""


@app.command()
def fit(
    set_number: Annotated[int | None, typer.Argument(metavar="SET", help="The curated set's number.")] = None,
    resume: Annotated[int | None, typer.Option(metavar="RUN", help="Go on with this run after its last whole epoch.")] = None,
    model: Annotated[Network, typer.Option(help="The network.")] = Network.hairmattenet,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Times through the training examples; 50, or as the resumed run says.")
    ] = None,
    size: Annotated[int, typer.Option(min=32, help="Pixels of the input's side, a multiple of 32.")] = 224,
    decoder_depth: Annotated[int, typer.Option(min=1, help="Channels of the decoder.")] = 64,
    classes: Annotated[int, typer.Option(help="1: hair; 3: hair, skin and background, on a set with skin labels.")] = 1,
    consistency: Annotated[float, typer.Option(min=0, help="w in L = L_M + w L_C.")] = 0.5,
    band: Annotated[
        int, typer.Option(min=0, help="Pixels around the mask's edge that L_C is kept to; 0: everywhere, as in the paper.")
    ] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Examples a step.")] = 4,
    l2: Annotated[float, typer.Option(min=0, help="Penalty on the weights of plain convolutions.")] = 2e-5,
    learning_rate: Annotated[float, typer.Option(min=0, help="Adadelta's.")] = 1.0,
    rho: Annotated[float, typer.Option(min=0, help="Adadelta's.")] = 0.95,
    epsilon: Annotated[float, typer.Option(min=0, help="Adadelta's.")] = 1e-7,
    best_by: Annotated[BestBy, typer.Option(help="What the best epoch is chosen by, on validation.")] = BestBy.f1,
    precision: Annotated[Arithmetic, typer.Option(help="Of the layers' arithmetic: float16 for GPUs.")] = Arithmetic.float32,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn at random.")] = 0,
    as_json: AsJson = False,
    job: JobNumber = None,
) -> None:
    """Train on a curated set, or go on with a run; then report on its validation and test examples."""
    if (set_number is None) == (resume is None):
        raise typer.BadParameter("Name a curated set, or a run with --resume, and not both.")
    arguments = _typed(job, "fit")
    with _house() as (settings, engine, store), running_job(engine, "fit", arguments, job) as progress:
        from trainer import fit as fitting
        from trainer.recipe import FitSettings

        place = fitting.Place(engine, store, settings, lambda share, words: progress.report(share * FIT_SHARE, words), utc_now)
        if resume is not None:
            fitted = fitting.resume(place, resume, progress.number, epochs)
        else:
            chosen = FitSettings(
                model=model.value,
                epochs=epochs or FitSettings.epochs,
                size=size,
                decoder_depth=decoder_depth,
                classes=classes,
                consistency=consistency,
                band=band,
                batch=batch,
                l2=l2,
                learning_rate=learning_rate,
                rho=rho,
                epsilon=epsilon,
                best_by=best_by.value,
                precision=precision.value,
                seed=seed,
            )
            fitted = fitting.fit(place, set_number or 0, chosen, progress.number)
        note = _reports(settings, engine, store, fitted.run, progress)
        progress.result = {"run": fitted.run, "state": "done", "epochs": fitted.epochs, "best_epoch": fitted.best_epoch}
        words = f"Run {fitted.run} is done: epochs trained {fitted.epochs}, best {fitted.best_epoch}.{note}"
        progress.report(1.0, words)
    print_result(progress.result, words, as_json=as_json)


def _reports(settings: Settings, engine: Engine, store: Store, run: int, progress: Progress) -> str:
    """The reports of a run that has just ended; a note when the set has no test examples."""
    from trainer.report import report, splits

    with reading(engine) as session:
        there = splits(session, run)
    for split in there:
        report(engine, store, settings, run, split, say=lambda _share, words: progress.report(FIT_SHARE, words))
    return "" if Split.test in there else " Its set has no test examples, so there is no test report."


@app.command()
def report(
    run: RunNumber,
    split: Annotated[Split, typer.Option(help="Which examples.")] = Split.test,
    refine: Annotated[Refine, typer.Option(help="What is done to the mattes first.")] = Refine.none,
    as_json: AsJson = False,
    job: JobNumber = None,
) -> None:
    """Measure a run's best epoch on a split of its set: the paper's five measures, then those beside them."""
    arguments = _typed(job, "report")
    with _house() as (settings, engine, store), running_job(engine, "report", arguments, job) as progress:
        from trainer import report as reporting
        from trainer.measures import ALL

        result = reporting.report(engine, store, settings, run, split, refine.value, progress.report)
        progress.result = result
    measures = ", ".join(f"{each.name} {_number(result[each.name])}" for each in ALL)
    print_result(result, f"Run {run} on {result['images']} {split} examples: {measures}.", as_json=as_json)


@app.command()
def matte(
    run: RunNumber,
    photos: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Photos.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the mattes.")],
    as_json: AsJson = False,
) -> None:
    """Make alpha mattes of photos: grey PNG files, white for hair."""
    from trainer import pictures

    with _house() as (settings, engine, _store):
        from trainer import runs

        with reading(engine) as session:
            trained = runs.load(session, settings, run)
        output.mkdir(parents=True, exist_ok=True)
        files = []
        for photo in photos:
            alpha = pictures.matte(pictures.read(photo), trained.size, lambda image: trained.alpha(image[None])[0])
            files.append(output / f"{photo.stem}.png")
            files[-1].write_bytes(pictures.png(pictures.grey(alpha)))
    result = {"run": run, "files": [str(file) for file in files]}
    print_result(result, f"{len(files)} mattes are in {output}.", as_json=as_json)


@app.command()
def recolor(
    run: RunNumber,
    photo: Annotated[Path, typer.Argument(metavar="IMAGE", help="A photo.")],
    colour: Annotated[str, typer.Option("--colour", "--color", help="The new hair colour, such as '#8a2be2'.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The PNG file to write.")],
    as_json: AsJson = False,
) -> None:
    """Give the hair on a photo another colour."""
    from trainer import pictures, recolor

    with _house() as (settings, engine, _store):
        recolor.colour(colour)  # a misspelt colour is told before the network is loaded
        image = pictures.read(photo)
        from trainer import runs

        with reading(engine) as session:
            trained = runs.load(session, settings, run)
        alpha = pictures.matte(image, trained.size, lambda square: trained.alpha(square[None])[0])
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(pictures.png(recolor.recolor(image, alpha, colour)))
    print_result({"run": run, "file": str(output)}, f"The recoloured photo is {output}.", as_json=as_json)


@app.command()
def export(
    run: RunNumber,
    format_: Annotated[Format, typer.Option("--format", help="coreml: a zipped .mlpackage; litert: a .tflite file.")],
    precision: Annotated[
        Precision | None, typer.Option(help="Of the weights; float16 for coreml and float32 for litert where not said.")
    ] = None,
    as_json: AsJson = False,
    job: JobNumber = None,
) -> None:
    """Write a run's best epoch for a device, and prove at once that the file computes what the run computes."""
    arguments = _typed(job, "export")
    with _house() as (settings, engine, store), running_job(engine, "export", arguments, job) as progress:
        progress.report(0.0, f"Writing run {run} for {format_}")
        from trainer.device import export as exporting
        from trainer.device import verify as verifying

        result = exporting.export(engine, settings, run, format_.value, precision and precision.value, utc_now)
        progress.report(0.7, "Comparing the file with the run")
        proof = verifying.verify(engine, store, settings, result["export"], utc_now)
        result |= {key: proof[key] for key in ("passed", "images", "max_abs_diff", "mean_abs_diff", "tolerance")}
        progress.result = result
    print_result(
        result, f"Export {result['export']}: {result['file']}, {result['bytes'] / 1e6:.1f} MB. {_proof(proof)}", as_json=as_json
    )
    _fail_unless(proof)


@app.command()
def verify(
    number: Annotated[int, typer.Argument(metavar="EXPORT", help="The export's number.")],
    as_json: AsJson = False,
) -> None:
    """Run an exported file against its run, off the device."""
    with _house() as (settings, engine, store):
        from trainer.device import verify as verifying

        result = verifying.verify(engine, store, settings, number, utc_now)
    print_result(result, _proof(result), as_json=as_json)
    _fail_unless(result)


def _proof(proof: dict[str, Any]) -> str:
    return (
        f"On {proof['images']} crops its alpha differs by {proof['max_abs_diff']:.2g} at most, "
        f"{proof['mean_abs_diff']:.2g} on average; up to {proof['tolerance']:g}, and a 20th of it on average, passes."
    )


def _fail_unless(proof: dict[str, Any]) -> None:
    with exit_on_error():
        if not proof["passed"]:
            raise WinnowError(f"The file does not compute what the run computes. {_proof(proof)} Export the run again.")


@contextlib.contextmanager
def _house() -> Iterator[tuple[Settings, Engine, Store]]:
    """Settings, database and store for a command; what goes wrong in it becomes one line on stderr and exit 1."""
    with exit_on_error("It was stopped. A training goes on with `python -m trainer fit --resume RUN`."):
        settings = Settings()
        engine = open_database(settings)
        try:
            # Libraries print as they please; stdout is the result's alone.
            with contextlib.redirect_stdout(sys.stderr):
                _import_tensorflow()
                yield settings, engine, Store(settings.store)
        finally:
            engine.dispose()


def _import_tensorflow() -> None:
    with quiet(), warnings.catch_warnings(action="ignore"):
        import tensorflow  # noqa: F401


def _typed(job: int | None, command: str) -> list[str]:
    """The arguments that a job's row is to hold when a person typed the command; the app has written them itself."""
    return [] if job is not None else sys.argv[1:] or [command]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


if __name__ == "__main__":
    app(prog_name="python -m trainer")
