"""The phases of a training, a report and an export, and what each usually takes: the share done and the time left come from it.

Imports nothing heavy, so that a job says what it does before TensorFlow is loaded.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.course import Course, Phase
from db.tables import Epoch, Run, SetMember, Split
from trainer.recipe import FitSettings

STARTING, LOADING, COMPILING = "Starting TensorFlow", "Loading the examples", "Compiling"
# In a process's first epoch, whichever that is: validation steps, and a last step of fewer items.
COMPILING_REST = "Compiling the validation"
LOADING_RUN, WRITING, COMPARING = "Loading the run", "Writing the file", "Comparing the file with the run"
MEASURED = (Split.validation, Split.test)  # after a training, as far as the set has them
# Of docs/results.md, "What a network costs": milliseconds of a training step of four images at 224 pixels, on two cores.
STEP_MS = {"hairmattenet": 330.5, "hairsegnet": 694.0, "fcn-vgg16": 3387.9}
PIXELS, BATCH = 224, 4
FORWARD = 0.28  # of an image's part of a step: 23.0 ms, which validation takes
# Seconds on the same machine: of the whole, or of an example to load, and of one to measure with its mirror image.
START_SECONDS, COMPILE_SECONDS, LOAD_RUN_SECONDS, WRITE_SECONDS, SAVE_SECONDS = 8.0, 20.0, 6.0, 20.0, 3.0
LOAD_SECONDS, MEASURE_SECONDS, COMPARE_SECONDS = 0.01, 0.35, 15.0


class Done(NamedTuple):
    """How far a phase is: so many of so many items."""

    phase: str
    done: float = 0.0
    total: float = 1.0


OnProgress = Callable[[Done, str], None]  # is told how far a phase is, and a line for people; may raise to stop the work


def epoch(number: int, epochs: int) -> str:
    """The phase in which an epoch learns from the training examples."""
    return f"Epoch {number} of {epochs}"


def validation(number: int, epochs: int) -> str:
    """The phase in which an epoch is measured on the validation examples."""
    return f"{epoch(number, epochs)}, validation"


def saving(number: int, epochs: int) -> str:
    """The phase in which an epoch is saved."""
    return f"{epoch(number, epochs)}, saving"


def measuring(split: Split) -> str:
    """The phase in which a report measures a split."""
    return f"Measuring {split}"


def image_seconds(model: str, size: int) -> float:
    """What an image's part of a training step takes, on the machine of docs/results.md, at `size` pixels."""
    return STEP_MS[model] / 1000 / BATCH * (size / PIXELS) ** 2


def set_sizes(session: Session, set_number: int) -> dict[Split, int]:
    """How many examples of a set there still are, by split; 0 for a set that does not exist."""
    there = select(SetMember.split, func.count()).where(SetMember.set_id == set_number, SetMember.example_id.is_not(None))
    return dict.fromkeys(Split, 0) | dict(session.execute(there.group_by(SetMember.split)).all())


def epochs_done(session: Session, run: int) -> tuple[Run | None, int]:
    """A run that is to be resumed, and how many epochs it has; None if it does not exist."""
    return session.get(Run, run), session.scalar(select(func.count()).where(Epoch.run_id == run)) or 0


def fit_course(
    sizes: Mapping[Split, int], settings: FitSettings, done: int = 0, clock: Callable[[], float] = time.monotonic
) -> Course:
    """The course of a training after `done` epochs, on a set of these sizes, with the reports that follow it."""
    image = image_seconds(settings.model, settings.size)
    phases = [
        Phase(STARTING, START_SECONDS, paced=False),
        # Disks and decoders set its pace, not what trains.
        Phase(LOADING, LOAD_SECONDS * (sizes[Split.train] + sizes[Split.validation]), paced=False),
        Phase(COMPILING, COMPILE_SECONDS, paced=False),
    ]
    for number in range(done + 1, settings.epochs + 1):
        phases.append(Phase(epoch(number, settings.epochs), 2 * image * sizes[Split.train]))
        if number == done + 1:
            smaller = 2 * sizes[Split.train] % settings.batch > 0
            again = COMPILE_SECONDS * (0.9 if smaller else 0.3)
            phases.append(Phase(COMPILING_REST, again, paced=False))
        phases.append(Phase(validation(number, settings.epochs), 2 * image * FORWARD * sizes[Split.validation]))
        phases.append(Phase(saving(number, settings.epochs), SAVE_SECONDS))
    phases.append(Phase(LOADING_RUN, LOAD_RUN_SECONDS, paced=False))
    phases += [Phase(measuring(split), MEASURE_SECONDS * sizes[split]) for split in MEASURED]
    return Course(phases, clock=clock)


def report_course(split: Split, examples: int, clock: Callable[[], float] = time.monotonic) -> Course:
    """The course of a report on so many examples."""
    start = [Phase(STARTING, START_SECONDS, paced=False), Phase(LOADING_RUN, LOAD_RUN_SECONDS, paced=False)]
    return Course([*start, Phase(measuring(split), MEASURE_SECONDS * examples)], clock=clock)


def export_course(clock: Callable[[], float] = time.monotonic) -> Course:
    """The course of an export and its proof."""
    start = [Phase(STARTING, START_SECONDS, paced=False), Phase(WRITING, WRITE_SECONDS, paced=False)]
    return Course([*start, Phase(COMPARING, COMPARE_SECONDS)], clock=clock)
