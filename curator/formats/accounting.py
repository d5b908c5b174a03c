"""Every file of a source is accounted for: it belongs to a photo, is a list that was read, is refused, is junk, or is named."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from posixpath import splitext

from upath import UPath

from curator.formats.locations import WEB_PROTOCOLS, Location, all_files, is_folder, is_junk, relative_path
from curator.formats.pairs import Item, ListRead, NotRead, RawPair, Refused, readable_name
from curator.pictures.opening import PICTURE_ENDINGS


@dataclass
class Counted:
    """How many files a source has, those included that are not read."""

    files: int = 0


def accounted(source: Location, format: str, items: Iterator[Item], counted: Counted) -> Iterator[RawPair | Refused | NotRead]:
    """The photos and refusals among a source's items; after them, what is below the source and none of them named.

    All files are added to `counted`. A source that is one file, or a folder of a web server, which need not list all of its
    files, has only the items.
    """
    seen: set[str] = set()
    for item in items:
        seen.update(_names(source, item))
        if not isinstance(item, ListRead):
            yield item
    if is_folder(source) and (isinstance(source, Path) or source.protocol not in WEB_PROTOCOLS):
        for other in _others(source, format, seen):
            seen.add(other.file)
            yield other
    counted.files += len(seen)


def _others(source: Location, format: str, seen: set[str]) -> Iterator[NotRead]:
    for name in sorted(all_files(source)):
        shown = readable_name(name)
        if is_junk(name):
            yield NotRead(shown, "a program left it there.", junk=True)
        elif seen.isdisjoint({name, shown, *_link_target(source, name)}):
            yield NotRead(shown, _why(name, format))


def _names(source: Location, item: Item) -> Iterator[str]:
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


def _why(name: str, format: str) -> str:
    if splitext(name)[1].lower() in PICTURE_ENDINGS:
        return f"this picture is neither a photo nor a mask of a source read as {format}."
    return f"this is no picture, and no list of a source read as {format}."
