"""TensorFlow's and coremltools' own chatter kept out of a command's output."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what native code writes to stderr nowhere, for as long as the `with` lasts. Python's errors still come through.

    Only for imports and conversions: their remarks on missing GPUs and untested versions hide the one line that matters.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all: nothing to keep quiet
        yield
        return
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
