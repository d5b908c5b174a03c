"""The formats of other tools, one module each: how to recognise, read and write it; and the search for a source's format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from curator.formats import archive, coco, cvat, folder, hugging_face, label_studio, lfw_parts, manifest, supervisely
from curator.formats.locations import Location, display_name, download, is_signed, parse_location, passed_over, readable_errors
from curator.formats.pairs import (
    EncodedMask,
    RawPair,
    Refused,
    SetItem,
    mask_bytes,
    photo_bytes,
    readable_name,
    storable,
    unreadable,
)
from db.errors import WinnowError
from db.settings import Limits
from db.store import Store

__all__ = [
    "ADAPTERS",
    "WRITERS",
    "Adapter",
    "EncodedMask",
    "OpenedSource",
    "RawPair",
    "Refused",
    "SetItem",
    "adapter_named",
    "count_items",
    "display_name",
    "mask_bytes",
    "open_source",
    "parse_location",
    "photo_bytes",
    "read_source",
    "recognise",
    "unreadable",
]


@dataclass(frozen=True)
class Adapter:
    """One format: its name, what it looks like, and how to recognise, read and (if we export to it) write it.

    `recognise` returns why a location has this format, or None. `write` writes the members of a curated set into an empty
    folder, and returns how many soft masks it had to cut at half, because the format has one bit a pixel. It writes the
    lists last, so that a folder without them is an unfinished export. Reading it back gives the same masks, bit for bit, but
    for those.
    """

    name: str
    description: str
    recognise: Callable[[Location], str | None]
    read: Callable[[Location], Iterator[RawPair | Refused]]
    write: Callable[[Path, list[SetItem], Store], int] | None = None


@dataclass(frozen=True)
class OpenedSource:
    """A source in a known format: the adapter's name, why it was recognised, and its items, which can be read once."""

    format: str
    because: str
    items: Iterator[RawPair | Refused]


def _read_nested(location: Location) -> Iterator[RawPair | Refused]:
    raise WinnowError(f"{location.name} is a zip inside a zip. Send the inner zip by itself.")


# In the order in which they are tried: formats with unmistakable files come before the others.
ADAPTERS = (
    Adapter("zip", "a .zip of any of the others", archive.recognise, _read_nested),
    Adapter("manifest", "a .csv, .jsonl or .parquet with columns image and mask", manifest.recognise, manifest.read),
    Adapter("lfw-parts", "images/, masks/ and parts_train.txt", lfw_parts.recognise, lfw_parts.read, lfw_parts.write),
    Adapter(
        "supervisely", "meta.json, and img/ and ann/ in a folder", supervisely.recognise, supervisely.read, supervisely.write
    ),
    Adapter("cvat", "annotations.xml and images/", cvat.recognise, cvat.read, cvat.write),
    Adapter("coco", "a .json with images and annotations", coco.recognise, coco.read, coco.write),
    Adapter("label-studio", "a .json export with brush masks", label_studio.recognise, label_studio.read, label_studio.write),
    Adapter(
        "hf", "metadata.jsonl in folders train, validation, test", hugging_face.recognise, hugging_face.read, hugging_face.write
    ),
    Adapter(
        "folder",
        "images/ and masks/ with the same names, or photo.jpg beside photo.png",
        folder.recognise,
        folder.read,
        folder.write,
    ),
)
WRITERS = {
    each.name: each.write for each in ADAPTERS if each.write is not None
}  # the formats that a curated set can be exported to


def adapter_named(name: str) -> Adapter:
    """The adapter with this name. Raises WinnowError, listing all names, if there is none."""
    for each in ADAPTERS:
        if each.name == name:
            return each
    raise WinnowError(f"There is no format {name!r}. Winnow reads: {', '.join(each.name for each in ADAPTERS)}.")


def recognise(location: Location) -> tuple[str, str]:
    """The name of the adapter for a location, and why it was recognised.

    Raises WinnowError if the location does not exist or can't be read, or, listing all formats, if no adapter recognises it.
    """
    with readable_errors(location):
        if not location.exists():
            raise WinnowError(f"{display_name(location)} does not exist. Give the path or URL of a folder or a file.")
        _check_kind(location)
        for each in ADAPTERS:
            why = each.recognise(location)
            if why is not None:
                return each.name, why
    formats = "; ".join(f"{each.name}: {each.description}" for each in ADAPTERS)
    raise WinnowError(f"{display_name(location)}: Winnow does not recognise this format. It reads {formats}.")


def open_source(location: Location, name: str, workspace: Path, limits: Limits, called: str = "") -> OpenedSource:
    """Open a source with the adapter of this name, or with "auto" by the one that recognises it.

    A zip's content is read by the named adapter, or recognised anew. Raises WinnowError if the location can't be read by the
    adapter; reading the items may raise it, too.

    Args:
        location: a folder or file, local or behind a URL.
        name: an adapter's name, or "auto".
        workspace: an empty folder, into which a zip is unpacked. It has to exist for as long as the items are in use.
        limits: for zips; a photo or mask is checked when it is read.
        called: what errors call a zip; empty: the name of its file.
    """
    with readable_errors(location):
        if name == "auto":
            name, why = recognise(location)
        else:
            name, why = adapter_named(name).name, "this format was given"
            _check_kind(location)
        if name == "zip" or (location.exists() and archive.recognise(location) is not None):
            return _open_zip(location, name, why, workspace, limits, called)
    if is_signed(location):
        raise WinnowError(f"{display_name(location)}: a signed URL must point to a single zip.")
    return OpenedSource(name, why, _read_with(location, adapter_named(name)))


def _check_kind(location: Location) -> None:
    """Raises WinnowError for a local pipe, socket or device: reading it might wait for ever, or never end."""
    if isinstance(location, Path) and location.exists() and not location.is_dir() and not location.is_file():
        raise WinnowError(f"{location} is a pipe, a socket or a device. Give the path or URL of a folder or a file.")


def read_source(name: str, location: Location, workspace: Path, limits: Limits) -> Iterator[RawPair | Refused]:
    """The items of `open_source`."""
    yield from open_source(location, name, workspace, limits).items


def count_items(found: OpenedSource) -> dict[str, Any]:
    """The counts that `ingest --dry-run --json` prints. Photos are not opened, so more of them may be refused later."""
    pairs, refused = 0, []
    for item in found.items:
        if isinstance(item, Refused):
            refused.append({"file": item.file, "reason": item.reason})
        else:
            pairs += 1
    return {"format": found.format, "because": found.because, "pairs": pairs, "refused": refused}


def _open_zip(location: Location, name: str, why: str, workspace: Path, limits: Limits, called: str) -> OpenedSource:
    folder = workspace
    if not isinstance(location, Path):
        location = download(location, workspace, limits)
        folder = workspace / "unpacked"
        folder.mkdir()
    called = called or location.name
    content, refused = archive.unpack(location, folder, limits, called)
    if refused and not any(content.iterdir()):
        return OpenedSource("zip", why, map(storable, refused))  # nothing is left to read, and each refusal says why
    with _content_of(called, content):
        inner, inner_why = recognise(content) if name == "zip" else (name, why)
    because = f"{why}; its content is {inner}: {inner_why}" if name == "zip" else f"{inner} in a zip: {why}"
    return OpenedSource("zip", because, chain(map(storable, refused), _read_content(called, content, adapter_named(inner))))


def _read_content(called: str, content: Path, by: Adapter) -> Iterator[RawPair | Refused]:
    with _content_of(called, content):
        yield from _read_with(content, by)


@contextmanager
def _content_of(called: str, content: Path) -> Iterator[None]:
    """Errors about the content of a zip name the zip, not the temporary folder that it was unpacked into."""
    try:
        yield
    except WinnowError as error:
        raise type(error)(str(error).replace(str(content), called)) from None


def _read_with(location: Location, by: Adapter) -> Iterator[RawPair | Refused]:
    with readable_errors(location):
        if isinstance(location, Path) and location.is_dir():
            yield from (storable(Refused(readable_name(name), why)) for name, why in passed_over(location))
        yield from map(storable, by.read(location))
