"""The home's secret: it signs the tokens of the pages, and hides in keyed hashes who was erased."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path


def home_secret(home: Path) -> bytes:
    """The secret in the file `secret` of a home; created at first use, readable only by its owner."""
    file = home / "secret"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=file.parent, prefix=".secret-")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(secrets.token_hex(32).encode())
            with suppress(FileExistsError):
                os.link(part, file)  # whole, or not at all; the first of two processes wins
        finally:
            Path(part).unlink()
    return file.read_bytes()
