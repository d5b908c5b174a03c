"""What a proof of an export measures, for all six files of a run: differences and the limits, costs, seconds.

python benchmarks/proof.py --home HOME --run 1
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import machine


def command(home: Path, *arguments: str) -> dict[str, Any]:
    """Run one of the trainer's commands with --json; returns what it printed."""
    environment = {**os.environ, "WINNOW_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "trainer", *arguments, "--json"], env=environment, capture_output=True, text=True
    )
    if not done.stdout:
        raise SystemExit(done.stderr.strip()[-2000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home folder with a run")
    parser.add_argument("--run", type=int, default=1)
    given = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}\n")
    print("| file | MB | max. | mean | allowed | cost in F1 | in IoU | in grad-cons. | crops | seconds |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind in ("coreml", "litert"):
        for precision in ("float32", "float16", "int8"):
            made = command(given.home, "export", str(given.run), "--format", kind, "--precision", precision)
            began = time.perf_counter()
            proof = command(given.home, "verify", str(made["export"]))
            seconds = time.perf_counter() - began
            costs = " | ".join(f"{proof[f'cost_{name}']:+.4f}" for name in ("f1", "iou", "gradient_consistency"))
            differences = f"{proof['max_abs_diff']:.1e} | {proof['mean_abs_diff']:.1e} | {proof['tolerance']:g}"
            size = f"{made['bytes'] / 1e6:.1f}"
            print(f"| {kind} {precision} | {size} | {differences} | {costs} | {proof['images']} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
