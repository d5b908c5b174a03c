"""Keep log lines of TensorFlow and coremltools out of a command's output."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Discard what native code writes to stderr inside the `with`. Python exceptions are still raised.

    Only for imports and conversions, whose remarks on missing GPUs and untested versions hide the one line that matters.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
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
