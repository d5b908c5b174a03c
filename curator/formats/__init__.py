"""The formats of other tools, one module each: how to recognise, read and write it; and the search for a source's format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from curator.formats import (
    archive,
    celebamask,
    coco,
    cvat,
    fiftyone,
    folder,
    hugging_face,
    hugging_face_parquet,
    label_studio,
    lfw_parts,
    manifest,
    mmsegmentation,
    supervisely,
    voc,
)
from curator.formats.accounting import Counted, accounted
from curator.formats.locations import Location, display_name, download, is_signed, parse_location, passed_over, readable_errors
from curator.formats.members import Fact, Write, Writer
from curator.formats.pairs import (
    EncodedMask,
    Item,
    NotRead,
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

__all__ = [
    "ADAPTERS",
    "WRITERS",
    "Adapter",
    "EncodedMask",
    "Fact",
    "NotRead",
    "OpenedSource",
    "RawPair",
    "Refused",
    "SetItem",
    "Writer",
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

    `recognise` returns why a location has this format, or None. `write` and `keeps` are those of a `Writer`; reading an export
    back gives the same masks, bit for bit, and the facts that are kept. `labels` is what the format calls its labels; `read`
    then takes the one that means hair, too, None for the one that is called so.
    """

    name: str
    description: str
    recognise: Callable[[Location], str | None]
    read: Callable[..., Iterator[Item]]
    write: Write | None = None
    labels: str = ""
    keeps: frozenset[Fact] = frozenset()


@dataclass(frozen=True)
class OpenedSource:
    """A source in a known format: the adapter's name, why it was recognised, and its items, which can be read once."""

    format: str
    because: str
    items: Iterator[RawPair | Refused | NotRead]
    counted: Counted  # complete once the items have been read


def _read_nested(location: Location) -> Iterator[Item]:
    raise WinnowError(f"{location.name} is a zip inside a zip. Send the inner zip by itself.")


NEARLY = 0.9  # of the photos that another adapter finds

# In the order in which they are tried: formats with unmistakable files come before the others.
ADAPTERS = (
    Adapter("zip", "a .zip of any of the others", archive.recognise, _read_nested),
    Adapter("manifest", "a .csv, .jsonl or .parquet with columns image and mask", manifest.recognise, manifest.read),
    Adapter(
        "lfw-parts",
        "images/, masks/ and parts_train.txt",
        lfw_parts.recognise,
        lfw_parts.read,
        lfw_parts.write,
        keeps=lfw_parts.KEEPS,
    ),
    Adapter(
        "supervisely",
        "meta.json, and img/ and ann/ in a folder",
        supervisely.recognise,
        supervisely.read,
        supervisely.write,
        "classes",
        supervisely.KEEPS,
    ),
    Adapter("cvat", "annotations.xml and images/", cvat.recognise, cvat.read, cvat.write, "labels", cvat.KEEPS),
    Adapter("coco", "a .json with images and annotations", coco.recognise, coco.read, coco.write, "categories", coco.KEEPS),
    Adapter(
        "label-studio",
        "a .json export with brush masks",
        label_studio.recognise,
        label_studio.read,
        label_studio.write,
        "labels",
        label_studio.KEEPS,
    ),
    Adapter(
        "hf",
        "metadata.jsonl in folders train, validation, test",
        hugging_face.recognise,
        hugging_face.read,
        hugging_face.write,
        keeps=hugging_face.KEEPS,
    ),
    Adapter(
        "folder",
        "images/ and masks/ with the same names, or photo.jpg beside photo.png",
        folder.recognise,
        folder.read,
        folder.write,
        keeps=folder.KEEPS,
    ),
)
# Formats without an adapter of their own that a curated set can be exported to.
OTHER_WRITERS = {
    "hf-parquet": Writer(
        "data/train-00000-of-00001.parquet with the pictures inside", hugging_face_parquet.write, hugging_face_parquet.KEEPS
    ),
    "voc": Writer("JPEGImages/, SegmentationClass/ and labelmap.txt", voc.write, voc.KEEPS),
    "mmsegmentation": Writer("img_dir/ and ann_dir/", mmsegmentation.write, mmsegmentation.KEEPS),
    "celebamask": Writer("CelebA-HQ-img/ and CelebAMask-HQ-mask-anno/", celebamask.write, celebamask.KEEPS),
    "fiftyone": Writer("data/ and labels/", fiftyone.write, fiftyone.KEEPS),
}
# The formats that a curated set can be exported to.
WRITERS = {
    each.name: Writer(each.description, each.write, each.keeps) for each in ADAPTERS if each.write is not None
} | OTHER_WRITERS


def adapter_named(name: str) -> Adapter:
    """The adapter with this name. Raises WinnowError, listing all names, if there is none."""
    for each in ADAPTERS:
        if each.name == name:
            return each
    raise WinnowError(f"There is no format {name!r}. Winnow reads: {', '.join(each.name for each in ADAPTERS)}.")


def recognise(location: Location, label: str | None = None) -> tuple[str, str]:
    """The name of the adapter for a location, and why it was chosen, with what else is there.

    Where several adapters recognise it, such as a list that somebody left beside a folder of pairs, the one that finds most
    photos is chosen. Raises WinnowError if the location does not exist or can't be read, or, listing all formats, if no adapter
    recognises it.
    """
    with readable_errors(location):
        if not location.exists():
            raise WinnowError(f"{display_name(location)} does not exist. Give the path or URL of a folder or a file.")
        _check_kind(location)
        found = [(each, why) for each in ADAPTERS if (why := each.recognise(location)) is not None]
        if len(found) > 1 and found[0][0].name != "zip":
            return _best(location, found, label)
        if found:
            return found[0][0].name, found[0][1]
    formats = "; ".join(f"{each.name}: {each.description}" for each in ADAPTERS)
    raise WinnowError(f"{display_name(location)}: Winnow does not recognise this format. It reads {formats}.")


def _best(location: Location, found: list[tuple[Adapter, str]], label: str | None) -> tuple[str, str]:
    """The adapter that finds most photos, or an earlier one that finds nearly as many; why; and what the others recognised.

    The earlier ones have unmistakable lists, which may leave a photo out that lies there.
    """
    counted = [(each, why, _count_photos(location, each, label)) for each, why in found]
    most = max(photos for _, _, photos in counted)
    best, why, photos = next(one for one in counted if one[2] >= NEARLY * most)
    if most == 0:
        return best.name, why
    others = "; ".join(f"{one_why} ({each.name}): {number:,}" for each, one_why, number in counted if each is not best)
    return best.name, f"{why} (photos: {photos:,}). Not used: {others}"


def _count_photos(location: Location, by: Adapter, label: str | None) -> int:
    try:
        return len(
            {str(item.photo) for item in _items(location, by, label if by.labels else None) if isinstance(item, RawPair)}
        )
    except WinnowError:
        return 0  # if it is chosen nevertheless, reading it says so


def open_source(
    location: Location, name: str, workspace: Path, limits: Limits, called: str = "", label: str | None = None
) -> OpenedSource:
    """Open a source with the adapter of this name, or with "auto" by the one that recognises it.

    A zip's content is read by the named adapter, or recognised anew. Raises WinnowError if the location can't be read by the
    adapter; reading the items may raise it, too.

    Args:
        location: a folder or file, local or behind a URL.
        name: an adapter's name, or "auto".
        workspace: an empty folder, into which a zip is unpacked. It has to exist for as long as the items are in use.
        limits: for zips; a photo or mask is checked when it is read.
        called: what errors call a zip; empty: the name of its file.
        label: the label that means hair, in a format that has labels; None: the one that is called so.
    """
    with readable_errors(location):
        if name == "auto":
            name, why = recognise(location, label)
        else:
            name, why = adapter_named(name).name, "this format was given"
            _check_kind(location)
        if name == "zip" or (location.exists() and archive.recognise(location) is not None):
            return _open_zip(location, name, why, workspace, limits, called, label)
    if is_signed(location):
        raise WinnowError(f"{display_name(location)}: a signed URL must point to a single zip.")
    counted = Counted()
    return OpenedSource(name, why, _read_with(location, adapter_named(name), label, counted), counted)


def _check_kind(location: Location) -> None:
    """Raises WinnowError for a local pipe, socket or device: reading it might wait for ever, or never end."""
    if isinstance(location, Path) and location.exists() and not location.is_dir() and not location.is_file():
        raise WinnowError(f"{location} is a pipe, a socket or a device. Give the path or URL of a folder or a file.")


def read_source(name: str, location: Location, workspace: Path, limits: Limits) -> Iterator[RawPair | Refused | NotRead]:
    """The items of `open_source`."""
    yield from open_source(location, name, workspace, limits).items


def count_items(found: OpenedSource) -> dict[str, Any]:
    """The counts that `ingest --dry-run --json` prints. Photos are not opened, so more of them may be refused later."""
    photos, junk, refused, not_read = 0, 0, [], []
    for item in found.items:
        if isinstance(item, Refused):
            refused.append({"file": item.file, "reason": item.reason})
        elif isinstance(item, RawPair):
            photos += 1
        elif item.junk:
            junk += 1
        else:
            not_read.append({"file": item.file, "reason": item.why})
    return {
        "format": found.format,
        "because": found.because,
        "photos": photos,
        "files": found.counted.files,
        "refused": refused,
        "not_read": not_read,
        "junk": junk,
    }


def _open_zip(
    location: Location, name: str, why: str, workspace: Path, limits: Limits, called: str, label: str | None
) -> OpenedSource:
    folder = workspace
    if not isinstance(location, Path):
        location = download(location, workspace, limits)
        folder = workspace / "unpacked"
        folder.mkdir()
    called = called or location.name
    content, refused = archive.unpack(location, folder, limits, called)
    if refused and not any(content.iterdir()):
        return OpenedSource(
            "zip", why, map(storable, refused), Counted(len(refused))
        )  # nothing is left to read, and each refusal says why
    with _content_of(called, content):
        inner, inner_why = recognise(content, label) if name == "zip" else (name, why)
    because = f"{why}; its content is {inner}: {inner_why}" if name == "zip" else f"{inner} in a zip: {why}"
    counted = Counted(len(refused))
    items = _read_content(called, content, adapter_named(inner), label, counted)
    return OpenedSource("zip", because, chain(map(storable, refused), items), counted)


def _read_content(
    called: str, content: Path, by: Adapter, label: str | None, counted: Counted
) -> Iterator[RawPair | Refused | NotRead]:
    with _content_of(called, content):
        yield from _read_with(content, by, label, counted)


@contextmanager
def _content_of(called: str, content: Path) -> Iterator[None]:
    """Errors about the content of a zip name the zip, not the temporary folder that it was unpacked into."""
    try:
        yield
    except WinnowError as error:
        raise type(error)(str(error).replace(str(content), called)) from None


def _read_with(location: Location, by: Adapter, label: str | None, counted: Counted) -> Iterator[RawPair | Refused | NotRead]:
    with readable_errors(location):
        if label is not None and not by.labels:
            raise WinnowError(f"{display_name(location)} is read as {by.name}, which has no labels. Leave --label out.")
        yield from map(storable, accounted(location, by.name, _items(location, by, label), counted))


def _items(location: Location, by: Adapter, label: str | None) -> Iterator[Item]:
    if isinstance(location, Path) and location.is_dir():
        yield from (Refused(readable_name(name), why) for name, why in passed_over(location))
    yield from by.read(location, label) if by.labels else by.read(location)
