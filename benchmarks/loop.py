"""The whole loop on a folder of real pairs, by the commands alone: counts and seconds of every stage.

    WINNOW_ENCODER_WEIGHTS=... python benchmarks/loop.py ../shared/data/street --epochs 3

The verdicts replace a reviewer's: examples with a suspicion below --keep-below are kept, the others are rejected.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def command(home: Path, module: str, *arguments: str) -> tuple[dict[str, Any], float]:
    """Run one of Winnow's commands with --json; returns what it printed, and the seconds it took."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments, "--json"],
        env={**os.environ, "WINNOW_HOME": str(home)},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"{module} {' '.join(arguments)}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout), time.perf_counter() - began


def decide(home: Path, keep_below: float) -> dict[str, int]:
    """Give all open examples a verdict by their suspicion; returns the number of each."""
    queue, _ = command(home, "curator", "queue", "-n", "0")
    rows = [(one["example"], "keep" if one["suspicion"] < keep_below else "reject") for one in queue["examples"]]
    file = home / "verdicts.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["example", "verdict", "reason", "reviewer"])
        writer.writerows((example, verdict, "", "benchmark") for example, verdict in rows)
    command(home, "curator", "verdicts", str(file))
    return {verdict: sum(one == verdict for _, one in rows) for verdict in ("keep", "reject")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--model", default="hairmattenet")
    parser.add_argument("--keep-below", type=float, default=0.3)
    parser.add_argument(
        "--home", type=Path, default=None, help="home folder to use and keep, for example to open it in the app"
    )
    given = parser.parse_args()
    home = given.home or Path(tempfile.mkdtemp(prefix="winnow-loop-"))
    began = time.perf_counter()

    def show(stage: str, seconds: float, result: dict[str, Any]) -> None:
        parts = [f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}" for name, value in result.items()]
        print(f"{stage:<24}{seconds:>8.1f} s   {', '.join(parts)}", flush=True)

    first, seconds = command(home, "curator", "ingest", str(given.source))
    show("ingest", seconds, {**first, "refused": len(first["refused"])})
    again, seconds = command(home, "curator", "ingest", str(given.source))
    show("ingest again", seconds, {**again, "refused": len(again["refused"])})
    verdicts_began = time.perf_counter()
    verdicts = decide(home, given.keep_below)
    show("verdicts", time.perf_counter() - verdicts_began, verdicts)
    frozen, seconds = command(home, "curator", "freeze")
    show("freeze", seconds, {**frozen, "hash": frozen["hash"][:12]})
    settings = ["--epochs", str(given.epochs), "--size", str(given.size), "--model", given.model]
    fit, seconds = command(home, "trainer", "fit", str(frozen["set"]), *settings)
    show("fit", seconds, fit)
    for split in ("validation", "test"):
        report, seconds = command(home, "trainer", "report", str(fit["run"]), "--split", split)
        show(f"report {split}", seconds, report)
    to_package = 0.0
    for kind, precision in (("coreml", "float16"), ("coreml", "float32"), ("coreml", "int8"), ("litert", "float32")):
        export, seconds = command(home, "trainer", "export", str(fit["run"]), "--format", kind, "--precision", precision)
        show(f"export {kind} {precision}", seconds, {"bytes": export["bytes"]})
        proof, seconds = command(home, "trainer", "verify", str(export["export"]))
        show(f"verify {kind} {precision}", seconds, proof)
        to_package = to_package or time.perf_counter() - began
    print(f"\nupload to verified .mlpackage: {to_package:.0f} s; home folder: {home if given.home else 'a temporary one'}")


if __name__ == "__main__":
    main()
