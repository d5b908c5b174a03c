"""Table II of the paper on LFW Parts: how many channels the decoder needs, without the gradient consistency loss.

    WINNOW_ENCODER_WEIGHTS=... python benchmarks/table2.py --data ../shared/data/lfw-parts --home ../table1 --epochs 5

It uses the same photos, halves and home as `benchmarks/table1.py` and can be interrupted in the same way. Epochs are fewer than
the paper's 50, as shown in the table.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
from datetime import UTC, datetime

from benchmarks.loop import command
from benchmarks.machine import machine
from benchmarks.table1 import head, line, prepare, run_of, train
from db.session import open_database, reading
from db.settings import Settings
from db.tables import CuratedSet
from trainer.recipe import FitSettings

DEPTHS = (16, 32, 64, 128)
PAPER = """\
| paper, own photos: 16 | 50 | .9202 | .7878 | .8559 | .9585 | | | | |
| paper, own photos: 32 | 50 | .9217 | .8001 | .8584 | .9581 | | | | |
| paper, own photos: 64 | 50 | .9229 | .7939 | .8608 | .9604 | | | | |
| paper, own photos: 128 | 50 | .9225 | .7937 | .8605 | .9596 | | | | |"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="LFW Parts: images/, masks/ and the official lists")
    parser.add_argument("--home", type=Path, required=True, help="home folder of the runs, kept between calls")
    parser.add_argument("--epochs", type=int, default=5, help="train up to this epoch; 0 only prints")
    given = parser.parse_args()
    engine = open_database(Settings(home=given.home))
    with reading(engine) as session:
        made = session.get(CuratedSet, 1) is not None
    if not made:
        prepare(given.home, given.data)
    trainings = {depth: FitSettings(consistency=0.0, decoder_depth=depth) for depth in DEPTHS}
    for depth, settings in trainings.items() if given.epochs else ():
        train(given.home, engine, f"depth {depth}", settings, given.epochs)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; 250 photos and their mirror images\n")
    print(*head("decoder depth", "epochs, best"), sep="\n")
    for depth, settings in trainings.items():
        with reading(engine) as session:
            found = run_of(session, settings)
        if found is not None and found[2] is not None:
            row, _ = command(given.home, "trainer", "report", str(found[0]), "--split", "test")
            print(line(str(depth), f"{found[1]}, {found[2]}", row))
    print(PAPER)


if __name__ == "__main__":
    main()
