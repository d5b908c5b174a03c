"""Table I of the paper on LFW Parts: each network and refinement, on photos that were used for no choice.

    WINNOW_ENCODER_WEIGHTS=... python benchmarks/table1.py --data ../shared/data/lfw-parts --home ../table1 --epochs 20

The networks are trained on the official 1,500 photos, uncropped; the best epoch is chosen on the second half of the official
500, and measured on the first. The benchmark can be interrupted at any time: when it is started again, each training resumes
after its last complete epoch. It prints the table of all runs so far, and below it HairMatteNet's results by groups of photos.
`--epochs 0` only prints. `--only` names the trainings to continue, in that order. A home trains one network at a time. Of
several homes, only the first trains, and the table shows the longest run of each training in any of them. The dense CRF of Qin
et al. needs
`pip install -c constraints.txt -e .[benchmarks]`.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import csv
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from benchmarks.loop import command
from benchmarks.machine import machine
from curator.runs import results
from db.session import open_database, reading
from db.settings import Settings
from db.store import Store
from db.tables import CuratedSet, Run, Split
from trainer import inputs, runs
from trainer.arrays import Alpha, Image
from trainer.inputs import Subset
from trainer.recipe import FitSettings
from trainer.report import Prediction, measured, summary
from trainer.runs import TrainedRun
from trainer.slices import slices

Averages = dict[str, Any]  # of each measure by name, and "intervals"

# The trainings, the most important first.
TRAININGS = {
    "hairmattenet": FitSettings(),
    "hairsegnet": FitSettings(model="hairsegnet", consistency=0.0),  # section III-A: L_M alone
    "hairmattenet-3": FitSettings(classes=3),
    "hairmattenet-band": FitSettings(band=8),
    "fcn-vgg16": FitSettings(model="fcn-vgg16", consistency=0.0),
}
# The rows of the table: name, training and refinement.
ROWS = (
    ("HairSegNet", "hairsegnet", "none"),
    ("HairSegNet + guided filter", "hairsegnet", "guided"),
    ("HairMatteNet", "hairmattenet", "none"),
    ("HairMatteNet superpixel", "hairmattenet", "superpixel"),
    ("HairMatteNet, eq. 1 within 8 px", "hairmattenet-band", "none"),
    ("HairMatteNet, three classes", "hairmattenet-3", "none"),
    ("HairMatteNet superpixel, three classes", "hairmattenet-3", "superpixel"),
    ("fcn-vgg16", "fcn-vgg16", "none"),
    ("fcn-vgg16 + CRF", "fcn-vgg16", "crf"),
)
COLUMNS = {
    "f1": "F1",
    "performance": "Perf.",
    "iou": "IoU",
    "accuracy": "Acc.",
    "gradient_consistency": "Grad-cons.",
    "leak": "Leak",
    "hollow": "Hollow",
    "class_accuracy": "Acc. of 3",
}
PAPER = """\
| paper, own photos: HairSegNet | | .9212 | .7833 | .8564 | .9624 | .2696 | | | |
| paper, own photos: HairSegNet + GF | | .9251 | .7964 | .8637 | .9646 | .1803 | | | |
| paper, own photos: HairMatteNet | | .9219 | .7945 | .8589 | .9619 | .0533 | | | |
| paper, LFW Parts: HairMatteNet | | | | | | | | | .965 |
| paper, LFW Parts: HairMatteNet SP | | | | | | | | | .9769 |
| paper, LFW Parts: Qin et al., FCN+CRF | | | | | | | | | .9676 |
| paper, LFW Parts: Qin et al., FCN+CRF SP | | | | | | | | | .9732 |"""


def prepare(home: Path, data: Path) -> None:
    """Create the curated set in a new home: all photos uncropped, the first half of the official 500 as test split."""
    if (home / "halves").exists():
        raise SystemExit(f"{home} is incomplete. Delete it, and start again.")
    halves = home / "halves"
    shutil.copytree(data / "images", halves / "images")
    shutil.copytree(data / "masks", halves / "masks")
    shutil.copy(data / "parts_train.txt", halves)
    lines = (data / "parts_validation.txt").read_text().splitlines(keepends=True)
    (halves / "parts_test.txt").write_text("".join(lines[: len(lines) // 2]))
    (halves / "parts_validation.txt").write_text("".join(lines[len(lines) // 2 :]))
    command(home, "curator", "ingest", str(halves), "--format", "lfw-parts", "--crop", "whole")
    queue, _ = command(home, "curator", "queue", "-n", "0")
    with (home / "verdicts.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["example", "verdict", "reason", "reviewer"])
        rows.writerows((one["example"], "keep", "", "benchmark") for one in queue["examples"])
    command(home, "curator", "verdicts", str(home / "verdicts.csv"))
    command(home, "curator", "freeze", "--note", "LFW Parts, whole photos")
    shutil.rmtree(halves)


def run_of(session: Session, wanted: FitSettings) -> tuple[int, int, int | None] | None:
    """The newest run with those settings, whatever its planned epochs: its number, epochs so far, and best epoch."""
    for run in session.scalars(select(Run).order_by(Run.id.desc())):
        if replace(FitSettings(**run.settings), epochs=wanted.epochs) == wanted:
            best = max((epoch.number for epoch in run.epochs if epoch.best), default=None)
            return run.id, len(run.epochs), best
    return None


def train(home: Path, engine: Engine, name: str, wanted: FitSettings, epochs: int) -> None:
    """Start or resume a training, up to that many epochs."""
    with reading(engine) as session:
        found = run_of(session, wanted)
    if found is None:
        settings = asdict(replace(wanted, epochs=epochs))
        given = [text for key, value in settings.items() for text in (f"--{key.replace('_', '-')}", str(value))]
        command(home, "trainer", "fit", "1", *given)
    elif found[1] < epochs:
        command(home, "trainer", "fit", "--resume", str(found[0]), "--epochs", str(epochs))
    print(f"{name}: {epochs} epochs", file=sys.stderr, flush=True)


def crf(image: Image, alpha: Alpha) -> Alpha:
    """The alpha after Krähenbühl and Koltun's dense CRF (NIPS 2011) with the defaults of their code: float32 (H, W), 0 to 1.

    Qin et al. name no settings. `image` uint8 (H, W, 3) RGB, `alpha` float32 (H, W), 0 to 1.
    """
    from pydensecrf import densecrf

    height, width = alpha.shape
    field = densecrf.DenseCRF2D(width, height, 2)
    both = np.stack([1 - alpha, alpha]).clip(1e-6, 1).reshape(2, -1)
    field.setUnaryEnergy(np.ascontiguousarray(-np.log(both), np.float32))
    field.addPairwiseGaussian(sxy=3, compat=3)
    field.addPairwiseBilateral(sxy=80, srgb=13, rgbim=np.ascontiguousarray(image), compat=10)
    return np.asarray(field.inference(5), np.float32)[1].reshape(height, width)


def averages(subset: Subset, alphas: Sequence[Alpha]) -> Averages:
    """The measures of mattes from elsewhere: one for each image and each mirror image of the subset."""
    rows = measured(subset, subset, [Prediction(alpha) for alpha in alphas])
    return summary(rows)


def of_mediapipe(file: Path, subset: Subset, large: Subset) -> Averages:
    """MediaPipe's hair segmenter on the same photos, with its own input of 512 pixels, measured at the subset's size."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(file))
    interpreter.allocate_tensors()
    [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()
    alphas = []
    for image in large.batch(np.arange(len(large))).images:
        picture = np.concatenate([image / 255, np.zeros((*image.shape[:2], 1))], axis=2)
        interpreter.set_tensor(taken["index"], picture[None].astype(np.float32))
        interpreter.invoke()
        background, hair = np.moveaxis(interpreter.get_tensor(given["index"])[0], -1, 0)  # before their softmax
        alpha = 1 / (1 + np.exp(background - hair))
        alphas.append(cv2.resize(alpha, subset.images.shape[1:3], interpolation=cv2.INTER_AREA))
    return averages(subset, alphas)


def furthest(homes: Sequence[Path], wanted: FitSettings) -> tuple[Path, int, TrainedRun] | None:
    """Of the homes' newest runs with those settings, the one with the most epochs: home, epochs, and best weights."""
    most: tuple[Path, int, int] | None = None
    for home in homes:
        with reading(open_database(Settings(home=home))) as session:
            found = run_of(session, wanted)
        if found is not None and found[2] is not None and (most is None or found[1] > most[2]):
            most = home, found[0], found[1]
    if most is None:
        return None
    home, run, epochs = most
    settings = Settings(home=home)
    with reading(open_database(settings)) as session:
        return home, epochs, runs.load(session, settings, run)


def table(homes: Sequence[Path], peer: Path | None) -> str:
    """The table of all runs so far, in Markdown. All homes have the same curated set."""
    settings = Settings(home=homes[0])
    store = Store(settings.store)
    with reading(open_database(settings)) as session:
        examples = inputs.set_examples(session, 1, Split.test)
    subset = inputs.load(store, examples, 224, skins=True)
    lines = head("model", "epochs, best")
    for name, training, refine in ROWS:
        found = furthest(homes, TRAININGS[training])
        if found is None:
            continue
        home, epochs, trained = found
        if refine == "crf":
            images = subset.batch(np.arange(len(subset))).images
            row = averages(subset, [crf(image, alpha) for image, alpha in zip(images, trained.alpha(images), strict=True)])
        else:
            row, _ = command(home, "trainer", "report", str(trained.number), "--split", "test", "--refine", refine)
        scratch = "" if trained.encoder == "imagenet" else ", from scratch"
        lines.append(line(name, f"{epochs}, {trained.epoch}{scratch}", row))
    if peer is not None:
        lines.append(line("MediaPipe's hair segmenter", "", of_mediapipe(peer, subset, inputs.load(store, examples, 512))))
    return "\n".join([*lines, PAPER])


def by_kind(homes: Sequence[Path]) -> str:
    """HairMatteNet's results by groups of photos, in Markdown; empty before it has a run."""
    found = furthest(homes, TRAININGS["hairmattenet"])
    if found is None:
        return ""
    home, _, trained = found
    with reading(open_database(Settings(home=home))) as session:
        seen = results.examples(session, trained.number, Split.test, "none")
    lines = head("HairMatteNet, by kinds of photos", "photos")
    for one in slices(seen, COLUMNS):
        if one.by != "source":  # there is only one
            lines.append(line(f"{one.by}: {one.name}", str(one.images), {**one.means, "intervals": one.intervals}))
    return "\n".join(lines)


def head(name: str, number: str) -> list[str]:
    """The first two lines of a table of `line`s."""
    return [f"| {name} | {number} | " + " | ".join(COLUMNS.values()) + " |", "|---|---|" + "---|" * len(COLUMNS)]


def line(name: str, number: str, row: Averages) -> str:
    """A row of a table: each mean with its 95 % interval over photos."""
    cells = [name, number]
    for key in COLUMNS:
        mean, interval = row[key], row["intervals"][key]
        cells.append(
            "" if mean is None else rounded(mean) + (f" ({rounded(interval[0])}–{rounded(interval[1])})" if interval else "")
        )
    return "| " + " | ".join(cells) + " |"


def rounded(value: float) -> str:
    """0.05331 as .0533."""
    return f"{value:.4f}".replace("0.", ".", 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="LFW Parts: images/, masks/ and the official lists")
    parser.add_argument("--home", type=Path, nargs="+", required=True, help="home folders of the runs, kept between calls")
    parser.add_argument("--epochs", type=int, default=50, help="train up to this epoch; 0 only prints")
    parser.add_argument("--only", nargs="*", choices=list(TRAININGS), default=list(TRAININGS))
    parser.add_argument("--peer", type=Path, default=None, help="MediaPipe's hair_segmenter.tflite")
    given = parser.parse_args()
    home = given.home[0]
    engine = open_database(Settings(home=home))
    with reading(engine) as session:
        made = session.get(CuratedSet, 1) is not None
    if not made:
        prepare(home, given.data)
    for name in given.only if given.epochs else ():
        train(home, engine, name, TRAININGS[name], given.epochs)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; 250 photos and their mirror images\n")
    print(table(given.home, given.peer), by_kind(given.home), sep="\n\n")


if __name__ == "__main__":
    main()
