"""Everything that a run needs to be resumed, in one file. It is renamed into place, so that a crash leaves a complete file."""

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from upath import UPath

from db.errors import WinnowError
from db.files import write


def save(file: Path | UPath, model: keras.Model, optimizer: keras.Optimizer, row: dict[str, Any]) -> None:
    """Write the model's and the optimizer's variables and the epoch's row (of JSON types) to the file.

    Raises DiskFullError; then an older file is still there.
    """
    arrays = {f"model/{at}": np.asarray(variable) for at, variable in enumerate(model.variables)}
    arrays |= {f"optimizer/{at}": np.asarray(variable) for at, variable in enumerate(optimizer.variables)}
    bytes_ = io.BytesIO()
    np.savez(bytes_, allow_pickle=False, row=np.array(json.dumps(row)), **arrays)
    write(file, bytes_.getvalue())


def restore(file: Path | UPath, model: keras.Model, optimizer: keras.Optimizer) -> dict[str, Any]:
    """Load a checkpoint into a built model and its built optimizer; returns the epoch's row.

    Raises WinnowError for a file that is damaged or belongs to another network, and FileNotFoundError for none.
    """
    data = file.read_bytes()
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as saved:
            _assign(model.variables, saved, "model")
            _assign(optimizer.variables, saved, "optimizer")
            row: dict[str, Any] = json.loads(str(saved["row"]))
            return row
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise WinnowError(
            f"The checkpoint {file} is damaged or belongs to another network, so the run cannot be resumed. Start a new one."
        ) from error


def _assign(variables: Sequence[Any], saved: Any, part: str) -> None:
    if sum(name.startswith(part) for name in saved.files) != len(variables):
        raise ValueError(f"the file does not hold {len(variables)} {part} variables")
    for at, variable in enumerate(variables):
        variable.assign(saved[f"{part}/{at}"])
