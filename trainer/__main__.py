"""The trainer's commands, which parse, call and print but hold no rules. See `python -m trainer --help`.

TensorFlow is imported inside the commands, so that `--help` and misspelt options are answered at once.
"""

import contextlib
import gc
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Engine

from db.commands import Version, exit_on_error, print_result
from db.course import Course
from db.errors import WinnowError
from db.jobs import Progress, running_job, utc_now
from db.session import open_database, reading
from db.settings import Settings, read_settings
from db.store import Store
from db.tables import Run, Split
from trainer import course
from trainer.device.formats import ExportPrecision, FormatName
from trainer.quiet import quiet
from trainer.recipe import BestBy, FitSettings, NetworkName, Refinement, TrainingPrecision

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
JobNumber = Annotated[int | None, typer.Option("--job", hidden=True, help="The job's number, if the app has created its row.")]
RunNumber = Annotated[int, typer.Argument(metavar="RUN", help="The run's number.")]


@app.callback()
def main(version: Version = False) -> None:
    """From a curated set to a file for a device."""


@app.command()
def fit(
    set_number: Annotated[int | None, typer.Argument(metavar="SET", help="The curated set's number.")] = None,
    resume: Annotated[int | None, typer.Option(metavar="RUN", help="Resume this run after its last complete epoch.")] = None,
    model: Annotated[NetworkName, typer.Option(help="The network.")] = "hairmattenet",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the training examples. Default: 50, or the resumed run's.")
    ] = None,
    size: Annotated[int, typer.Option(min=32, help="Side of the input in pixels, a multiple of 32.")] = 224,
    decoder_depth: Annotated[int, typer.Option(min=1, help="Channels of the decoder's layers.")] = 64,
    classes: Annotated[int, typer.Option(help="1: hair. 3: hair, skin and background; needs a set with skin labels.")] = 1,
    consistency: Annotated[
        float, typer.Option(min=0, help="Weight w of the gradient consistency loss L_C in L = L_M + w L_C; 0: without it.")
    ] = 0.5,
    band: Annotated[
        int,
        typer.Option(min=0, help="Apply L_C only within this many pixels of the mask's edge; 0: everywhere, as in the paper."),
    ] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Examples per step.")] = 4,
    l2: Annotated[float, typer.Option(min=0, help="Weight of the L2 penalty on plain convolutions.")] = 2e-5,
    learning_rate: Annotated[float, typer.Option(min=0, help="Adadelta learning rate.")] = 1.0,
    rho: Annotated[float, typer.Option(min=0, help="Adadelta decay rate rho.")] = 0.95,
    epsilon: Annotated[float, typer.Option(min=0, help="Adadelta constant epsilon.")] = 1e-7,
    best_by: Annotated[BestBy, typer.Option(help="Validation result by which the best epoch is chosen.")] = "f1",
    precision: Annotated[
        TrainingPrecision,
        typer.Option(help="Arithmetic of the layers: mixed_float16 is faster on GPUs, mixed_bfloat16 on some CPUs and TPUs."),
    ] = "float32",
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    as_json: AsJson = False,
    job: JobNumber = None,
) -> None:
    """Train on a curated set, or resume a run, then report on its validation and test examples."""
    if (set_number is None) == (resume is None):
        raise typer.BadParameter("Name either a curated set, or a run with --resume.")
    arguments = _job_arguments(job, "fit")
    with (
        _opened(tensorflow=False) as (settings, engine, store),
        running_job(engine, "fit", arguments, job, by=settings.reviewer) as progress,
    ):
        chosen = FitSettings(
            model=model,
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
            best_by=best_by,
            precision=precision,
            seed=seed,
        )
        say = _teller(progress, _course_of_fit(engine, set_number, resume, chosen, epochs))
        _import_tensorflow(say)
        from trainer import fit as fitting

        context = fitting.Context(engine, store, settings, say, utc_now)
        if resume is not None:
            fitted = fitting.resume(context, resume, progress.number, epochs)
        else:
            fitted = fitting.fit(context, set_number or 0, chosen, progress.number)
        progress.told = asdict(fitted)  # the training is done, whatever becomes of its reports
        note = _reports(settings, engine, store, fitted.run, say)
        progress.result = {"run": fitted.run, "state": "done", "epochs": fitted.epochs, "best_epoch": fitted.best_epoch}
        words = f"Run {fitted.run} is done: epochs trained {fitted.epochs}, best {fitted.best_epoch}.{note}"
        progress.report(1.0, words)
    print_result(progress.result, words, as_json=as_json)


def _course_of_fit(
    engine: Engine, set_number: int | None, resume: int | None, chosen: FitSettings, epochs: int | None
) -> Course:
    """The course of a training; of what does not exist, that of an empty set, because the training will say so."""
    with reading(engine) as session:
        run, done = (None, 0) if resume is None else course.epochs_done(session, resume)
        if run is not None:
            settings = FitSettings(**run.settings)
            chosen, set_number = replace(settings, epochs=epochs or settings.epochs), run.set_id
        return course.fit_course(course.set_sizes(session, set_number or 0), chosen, done)


def _teller(progress: Progress, along: Course) -> course.OnProgress:
    """What writes a job's progress along its course."""

    def say(done: course.Done, words: str) -> None:
        share, left = along.at(*done)
        progress.report(min(share, 0.999), words, left)

    return say


def _reports(settings: Settings, engine: Engine, store: Store, run: int, say: course.OnProgress) -> str:
    """Make the reports of a run that has just ended; returns a note if the set has no test examples."""
    from trainer.report import report, splits

    with reading(engine) as session:
        there = splits(session, run)
    say(course.Done(course.LOADING_RUN), course.LOADING_RUN)
    for split in there:
        report(engine, store, settings, run, split, say=say)
    return "" if Split.test in there else " Its set has no test examples, so there is no test report."


@app.command()
def report(
    run: RunNumber,
    split: Annotated[Split, typer.Option(help="The split to measure.")] = Split.test,
    refine: Annotated[Refinement, typer.Option(help="Refinement of the mattes before they are measured.")] = "none",
    as_json: AsJson = False,
    job: JobNumber = None,
) -> None:
    """Measure a run's best epoch on a split of its set: the paper's five measures, then Winnow's own."""
    arguments = _job_arguments(job, "report")
    with (
        _opened(tensorflow=False) as (settings, engine, store),
        running_job(engine, "report", arguments, job, by=settings.reviewer) as progress,
    ):
        with reading(engine) as session:
            row = session.get(Run, run)
            sizes = course.set_sizes(session, 0 if row is None else row.set_id)
        say = _teller(progress, course.report_course(split, sizes[split]))
        _import_tensorflow(say)
        from trainer import report as reporting
        from trainer.measures import ALL

        say(course.Done(course.LOADING_RUN), course.LOADING_RUN)
        result = reporting.report(engine, store, settings, run, split, refine, say)
        progress.result = result
    measures = ", ".join(f"{each.name} {_number(result[each.name])}" for each in ALL)
    print_result(result, f"Run {run} on {result['images']} {split} examples: {measures}.", as_json=as_json)


@app.command()
def matte(
    run: RunNumber,
    photos: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="The photos.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write the mattes to.")],
    as_json: AsJson = False,
) -> None:
    """Write alpha mattes of photos: grey PNG files, white for hair."""
    from trainer import pictures

    with _opened() as (settings, engine, _store):
        from trainer import runs

        with reading(engine) as session:
            trained = runs.load(session, settings, run)
        output.mkdir(parents=True, exist_ok=True)
        files = []
        for photo in photos:
            alpha = pictures.matte_of_photo(pictures.read(photo), trained.size, lambda image: trained.alpha(image[None])[0])
            files.append(output / f"{photo.stem}.png")
            files[-1].write_bytes(pictures.png(pictures.grey(alpha)))
    result = {"run": run, "files": [str(file) for file in files]}
    print_result(result, f"Mattes written to {output}: {len(files)}.", as_json=as_json)


@app.command()
def recolor(
    run: RunNumber,
    photo: Annotated[Path, typer.Argument(metavar="IMAGE", help="The photo.")],
    colour: Annotated[str, typer.Option("--colour", "--color", help="The new hair colour, such as '#8a2be2'.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The PNG file to write.")],
    as_json: AsJson = False,
) -> None:
    """Change the hair colour of a photo."""
    from trainer import pictures, recolor

    with _opened() as (settings, engine, _store):
        recolor.colour(colour)  # raises for a misspelt colour before the network is loaded
        image = pictures.read(photo)
        from trainer import runs

        with reading(engine) as session:
            trained = runs.load(session, settings, run)
        alpha = pictures.matte_of_photo(image, trained.size, lambda square: trained.alpha(square[None])[0])
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(pictures.png(recolor.recolor(image, alpha, colour)))
    print_result({"run": run, "file": str(output)}, f"The recoloured photo is {output}.", as_json=as_json)


@app.command()
def export(
    run: RunNumber,
    format_: Annotated[FormatName, typer.Option("--format", help="coreml: a zipped .mlpackage; litert: a .tflite file.")],
    precision: Annotated[
        ExportPrecision | None, typer.Option(help="Precision of the weights. Default: float16 for coreml, float32 for litert.")
    ] = None,
    as_json: AsJson = False,
    job: JobNumber = None,
) -> None:
    """Export a run's best epoch to a file for a device, and verify that the file computes the same as the run."""
    arguments = _job_arguments(job, "export")
    with (
        _opened(tensorflow=False) as (settings, engine, store),
        running_job(engine, "export", arguments, job, by=settings.reviewer) as progress,
    ):
        say = _teller(progress, course.export_course())
        _import_tensorflow(say)
        from trainer.device import export as exporting
        from trainer.device import verify as verifying

        say(course.Done(course.WRITING), f"Writing run {run} for {format_}")
        result = exporting.export(engine, settings, run, format_, precision, utc_now)
        progress.told = {name: result[name] for name in ("export", "run", "format", "precision")}
        proof = verifying.verify(engine, store, settings, result["export"], utc_now, say)
        progress.told["passed"] = proof["passed"]
        result |= proof
        progress.result = result
    print_result(
        result,
        f"Export {result['export']}: {result['file']}, {result['bytes'] / 1e6:.1f} MB. {proof['outcome']}",
        as_json=as_json,
    )
    _fail_unless(proof)


@app.command()
def verify(
    export_or_file: Annotated[
        str, typer.Argument(metavar="EXPORT|FILE", help="The export's number, or the path of a file that was exported.")
    ],
    run: Annotated[int | None, typer.Option(metavar="RUN", help="The run that the file has to be an export of.")] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that a file is what was exported, and that it computes what its run computes. Exits 1 if not."""
    with _opened() as (settings, engine, store):
        from trainer.device import verify as verifying

        if export_or_file.isdecimal() and not Path(export_or_file).exists():
            if run is not None:
                raise WinnowError("An export's number says which run it is of: --run goes with a file.")
            result = verifying.verify(engine, store, settings, int(export_or_file), utc_now)
        else:
            result = verifying.verify_file(engine, store, settings, Path(export_or_file), run, utc_now)
    print_result(result, result["outcome"], as_json=as_json)
    _fail_unless(result)


def _fail_unless(proof: dict[str, Any]) -> None:
    with exit_on_error():
        if not proof["passed"]:
            raise WinnowError(f"Export {proof['export']} did not pass. Don't ship this file; export the run again.")


@contextlib.contextmanager
def _opened(*, tensorflow: bool = True) -> Iterator[tuple[Settings, Engine, Store]]:
    """Settings, database and store for a command, which loads `tensorflow` itself where it is to tell of it.

    An error inside it becomes one line on stderr and exit code 1.
    """
    with exit_on_error("Stopped. Resume a training with `python -m trainer fit --resume RUN`."):
        settings = read_settings()
        engine = open_database(settings)
        try:
            # Libraries print to stdout, which is for the result alone.
            with contextlib.redirect_stdout(sys.stderr):
                if tensorflow:
                    _import_tensorflow()
                yield settings, engine, Store(settings.store)
        finally:
            engine.dispose()


def _import_tensorflow(say: course.OnProgress = lambda done, words: None) -> None:
    """Load TensorFlow and Keras, which stay until the end: the garbage collector need not look at them again and again."""
    say(course.Done(course.STARTING), course.STARTING)
    if "tensorflow" in sys.modules:
        return
    gc.disable()
    with quiet(), warnings.catch_warnings(action="ignore"):
        import keras  # noqa: F401
        import tensorflow  # noqa: F401
    gc.enable()
    gc.freeze()


def _job_arguments(job: int | None, command: str) -> list[str]:
    """The arguments to store in the job's row if a person typed the command; for its own jobs, the app has stored them."""
    return [] if job is not None else sys.argv[1:] or [command]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


if __name__ == "__main__":
    app(prog_name="python -m trainer")
