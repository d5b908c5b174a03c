"""Whether an exported file is still what was exported, byte by byte."""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from db.errors import WinnowError

CHUNK = 2**20  # bytes


@dataclass(frozen=True)
class Fingerprint:
    """The sha256 of a file, None for a folder; and of each file in a Core ML package, by its path in the package."""

    file: str | None
    parts: dict[str, str]


def fingerprint(path: Path) -> Fingerprint:
    """The fingerprint of a LiteRT file, a zipped Core ML package, or one that was unzipped (a folder).

    A zip that cannot be read has no parts. Raises WinnowError for a path that does not exist.
    """
    if path.is_dir():
        inside = sorted(each for each in path.rglob("*") if each.is_file())
        return Fingerprint(None, {each.relative_to(path).as_posix(): _hash(each) for each in inside})
    if not path.is_file():
        raise WinnowError(f"There is no file {path}.")
    return Fingerprint(_hash(path), _parts_of_zip(path) if zipfile.is_zipfile(path) else {})


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _parts_of_zip(file: Path) -> dict[str, str]:
    parts = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                if entry.is_dir():
                    continue
                digest = hashlib.sha256()
                with archive.open(entry) as member:
                    while chunk := member.read(CHUNK):
                        digest.update(chunk)
                parts[_inside_package(entry.filename)] = digest.hexdigest()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
        return {}  # damaged beyond reading, which the hash of the file shows
    return parts


def _inside_package(member: str) -> str:
    """A member's path below the package, which is the zip's one folder; a member outside keeps its path."""
    path = PurePosixPath(member)
    inside = len(path.parts) > 1 and path.parts[0].endswith(".mlpackage")
    return str(PurePosixPath(*path.parts[1:])) if inside else member


def first_change(made: Fingerprint, found: Fingerprint) -> str | None:
    """What differs from the file that was made, for people; None if nothing does. Folders are compared by their parts."""
    if found.file is not None and found.file == made.file:
        return None
    for name in sorted(made.parts.keys() | found.parts.keys()):
        if name not in found.parts:
            return f"{name} is missing" if found.parts else "the file cannot be read"
        if name not in made.parts:
            return f"{name} was added"
        if made.parts[name] != found.parts[name]:
            return f"{name} has changed"
    return None if found.file is None and made.parts else "the file has changed"


def likeness(made: Mapping[str, str], found: Mapping[str, str]) -> int:
    """How many parts two packages have in common."""
    return len(made.items() & found.items())
