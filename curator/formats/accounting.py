"""Every file of a source is accounted for: it belongs to a photo, is a list that was read, is refused, is junk, or is named."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from posixpath import splitext

from upath import UPath

from curator.formats.locations import WEB_PROTOCOLS, Location, all_files, is_folder, is_junk, passed_over, relative_path
from curator.formats.pairs import Documented, Item, ListRead, NotRead, RawPair, Refused, readable_name
from curator.pictures.meaning import Meaning
from curator.pictures.opening import PICTURE_ENDINGS

VIDEOS = (".mov", ".mp4", ".avi", ".mkv", ".m4v", ".webm")  # .mov also lies beside a phone's Live Photo
RAW_PHOTOS = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".raw")
ARCHIVES = (".zip", ".tar", ".tgz", ".gz")
OTHER_ARCHIVES = (".rar", ".7z", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tar.lzma")


@dataclass
class Counted:
    """How many files a source has, those included that are not read, and what it says itself of its masks' values."""

    files: int = 0
    meaning: Meaning | None = None


def accounted(source: Location, format: str, items: Iterator[Item], counted: Counted) -> Iterator[RawPair | Refused | NotRead]:
    """The photos and refusals among a source's items; after them, what is below the source and none of them named.

    All files are added to `counted`. A source that is one file, or a folder of a web server, which need not list all of its
    files, has only the items.
    """
    seen: set[str] = set()
    for item in items:
        if isinstance(item, Documented):
            counted.meaning = item.meaning
            continue
        seen.update(_names(source, item))
        if not isinstance(item, ListRead):
            yield item
    if is_folder(source) and (isinstance(source, Path) or source.protocol not in WEB_PROTOCOLS):
        there = sorted(all_files(source))
        yield from _others(there, source, format, seen)
        counted.files += len(there) + (sum(1 for _ in passed_over(source)) if isinstance(source, Path) else 0)
    else:
        counted.files += len(seen)


def _others(there: list[str], source: Location, format: str, seen: set[str]) -> Iterator[NotRead]:
    for name in there:
        shown = readable_name(name)
        if is_junk(name):
            yield NotRead(shown, "a program or a camera left it there.", junk=True)
        elif seen.isdisjoint({name, shown, *_link_target(source, name)}):
            yield NotRead(shown, why_not_read(name, format))


def _names(source: Location, item: RawPair | Refused | ListRead) -> Iterator[str]:
    """What an item's files are called below the source."""
    places: tuple[object, ...]
    if isinstance(item, ListRead):
        places = (item.file,)
    elif isinstance(item, Refused):
        yield item.file
        places = (item.place,)
    else:
        places = (item.photo, item.mask, item.skin, item.unknown, item.annotation)
    for place in places:
        if isinstance(place, Path):
            name = _below(str(place), str(source))
            yield from (name, *_link_target(source, name))
        elif isinstance(place, UPath):
            yield relative_path(place, source).as_posix()


def _below(path: str, source: str) -> str:
    for folder in (source, os.path.realpath(source)):  # what a list names was resolved
        if path.startswith(folder.rstrip("/") + "/"):
            return PurePath(path[len(folder.rstrip("/")) + 1 :]).as_posix()
    return path


def _link_target(source: Location, name: str) -> tuple[str, ...]:
    """What the file is called that a link of this name leads to; () if it is no link."""
    path = os.path.join(str(source), name)  # noqa: PTH118 - asked for every file, and a Path takes much longer
    return (_below(os.path.realpath(path), str(source)),) if isinstance(source, Path) and os.path.islink(path) else ()  # noqa: PTH114


def why_not_read(name: str, format: str) -> str:
    """Why a file that no adapter read was left out, by what its name says it is."""
    ending = splitext(name)[1].lower()
    if ending in PICTURE_ENDINGS:
        return f"this picture is neither a photo nor a mask of a source read as {format}."
    if ending in VIDEOS:
        return "this is a video. Winnow reads photos."
    if ending in RAW_PHOTOS:
        return "this is a camera's raw file, which Winnow can't develop. Send it as JPEG, HEIC or TIFF, with its mask."
    if ending in ARCHIVES:
        return "this is an archive inside the source. Send it by itself if its photos are wanted."
    return cannot_unpack(name) or f"this is no picture, and no list of a source read as {format}."


def cannot_unpack(name: str) -> str | None:
    """What to do with an archive of a kind that Winnow can't unpack; None for any other name."""
    ending = next((ending for ending in OTHER_ARCHIVES if name.lower().endswith(ending)), None)
    if ending is None:
        return None
    what = f"{readable_name(name)} is a {ending} archive, which Winnow can't unpack."
    return f"{what} Unpack it, and give the folder or a zip of it."
