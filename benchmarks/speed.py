"""The cost of each network: forward pass, training step, size and memory, and what reading the input adds to a step.

    python benchmarks/speed.py                    all rows; --rows hairmattenet 224 litert int8 selects some by name
    python benchmarks/speed.py --peer ../shared/peers/mediapipe_hair.tflite

Every row is measured in a process of its own. Memory is the process's peak, minus its peak before the network was built. Times
are medians. Weights are random, which does not affect times.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.machine import machine

ROWS = [
    ("forward", "hairmattenet", 224, "keras"),
    ("forward", "hairsegnet", 224, "keras"),
    ("forward", "fcn-vgg16", 224, "keras"),
    ("forward", "hairmattenet", 480, "keras"),
    ("forward", "hairsegnet", 480, "keras"),
    ("forward", "hairmattenet", 224, "litert float32"),
    ("forward", "hairmattenet", 224, "litert float16"),
    ("forward", "hairmattenet", 224, "litert int8"),
    ("forward", "hairsegnet", 224, "litert float32"),
    ("forward", "hairmattenet", 480, "litert float32"),
    ("step", "hairmattenet", 224, "float32"),
    ("step", "hairsegnet", 224, "float32"),
    ("step", "fcn-vgg16", 224, "float32"),
    ("step", "hairmattenet", 480, "float32"),
]
RUNS, TEN_SECONDS = 30, 10.0


def peak() -> float:
    """The peak memory of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 * 1.048576


def timed(once: Callable[[], Any], runs: int = RUNS, warm: int = 3) -> float:
    """The median call in milliseconds, of at most `runs` calls and some ten seconds, after `warm` uncounted calls."""
    for _ in range(warm):
        once()
    seconds: list[float] = []
    while len(seconds) < runs and sum(seconds) < TEN_SECONDS:
        began = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1000


def forward(model: str, size: int, kind: str) -> dict[str, float]:
    """A matte of one image: time in ms, file size in MB, memory in MB."""
    from trainer.arrays import HAIR
    from trainer.models import build
    from trainer.runs import network_input

    image = np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        if kind == "keras":
            import tensorflow as tf

            before = peak()
            network = build(model, size, 64)
            compiled = tf.function(lambda x: network.model(network_input(x), training=False)[..., HAIR])
            ms = timed(lambda: compiled(image[None]))
            memory = peak() - before
            file = Path(folder) / "saved.weights.h5"
            network.model.save_weights(file)
        else:
            # Another process writes the file, so that TensorFlow's memory does not count as the runtime's.
            file = Path(folder) / f"{model}.tflite"
            code = (
                "from pathlib import Path; from trainer.models import build; from trainer.runs import TrainedRun; "
                "from trainer.device import litert; "
                f"litert.export(TrainedRun(1, 1, {model!r}, {size}, 1, 'scratch', build({model!r}, {size}, 64).model), "
                f"{kind.split()[1]!r}, Path({folder!r}))"
            )
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
            return peer(file, size)
        return {"ms": ms, "file": file.stat().st_size / 1e6, "memory": memory}


def peer(file: Path, size: int | None = None) -> dict[str, float]:
    """The same for any LiteRT file with one input, such as MediaPipe's hair segmenter."""
    from ai_edge_litert.interpreter import Interpreter

    before = peak()
    interpreter = Interpreter(model_path=str(file), num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    [image] = interpreter.get_input_details()
    picture = np.random.default_rng(0).random(image["shape"]).astype(np.float32)

    def once() -> None:
        interpreter.set_tensor(image["index"], picture)
        interpreter.invoke()

    return {"ms": timed(once), "file": file.stat().st_size / 1e6, "memory": peak() - before}


def step(model: str, size: int, precision: str) -> dict[str, float]:
    """A training step of four examples, with a fixed batch and with reading its input; what the input adds, in percent."""
    import tensorflow as tf

    from trainer.inputs import Subset, batches
    from trainer.models import build
    from trainer.recipe import FitSettings
    from trainer.step import Stepper

    before = peak()
    rng = np.random.default_rng(0)
    count = 200
    subset = Subset(
        [None] * count,  # type: ignore[list-item] # a step does not use the examples themselves
        rng.integers(0, 256, (count, size, size, 3), np.uint8),
        rng.integers(0, 256, (count, size, size), np.uint8),
        np.tile(np.array([0, 0, size, size], np.int32), (count, 1)),
    )
    tf.config.experimental.enable_op_determinism()  # as in training
    settings = FitSettings(model=model, size=size)
    stepper = Stepper(build(model, size, 64), settings)
    endless = iter(batches(subset, rng.integers(0, 2 * count, 4000), 4))
    same = next(endless)
    ratios, bares = [], []
    for _ in range(5):  # in turns, so that other load on the machine affects both
        bare = timed(lambda: stepper.train(same), 10, warm=1)
        fed = timed(lambda: stepper.train(next(endless)), 10, warm=1)
        bares.append(bare)
        ratios.append(fed / bare)
    return {"ms": statistics.median(bares), "input": (statistics.median(ratios) - 1) * 100, "memory": peak() - before}


def measured(row: tuple[str, ...]) -> dict[str, float]:
    """A row, measured in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--one", json.dumps(row)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{row}: {done.stderr.strip()[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="*", default=None, help="only rows that contain each of these words")
    parser.add_argument("--peer", type=Path, default=None, help="MediaPipe's hair_segmenter.tflite")
    parser.add_argument("--one", default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        what, *rest = json.loads(given.one)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        call: Callable[..., dict[str, float]] = {"forward": forward, "step": step, "peer": lambda file: peer(Path(file))}[what]
        print(json.dumps(call(*rest)))
        return
    rows: list[tuple[Any, ...]] = [row for row in ROWS if all(word in f"{row}" for word in given.rows or [])]
    if given.peer:
        rows.append(("peer", str(given.peer)))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}\n")
    print("| what | network | pixels | how | ms | times HairMatteNet | file, MB | memory, MB | input adds |")
    print("|---|---|---|---|---|---|---|---|---|")
    first: dict[str, float] = {}
    for row in rows:
        found = measured(row)
        what, name, size, how = row if row[0] != "peer" else ("forward", "MediaPipe hair segmenter", 512, "litert float32")
        base = first.setdefault(what, found["ms"])
        file = f"{found['file']:.1f}" if "file" in found else ""
        added = f"{found['input']:.1f} %" if "input" in found else ""
        ratio = f"{found['ms'] / base:.2f}"
        print(
            f"| {what} | {name} | {size} | {how} | {found['ms']:.1f} | {ratio} | {file} | {found['memory']:.0f} | {added} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
