"""The formats of other tools, one module each: how to recognise, read and write it; and the search for a source's format."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from posixpath import splitext
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
    labelme,
    lfw_parts,
    manifest,
    mmsegmentation,
    supervisely,
    via,
    voc,
    yolo,
)
from curator.formats.accounting import Counted, accounted, cannot_unpack, why_not_read
from curator.formats.locations import (
    Location,
    all_files,
    display_name,
    download,
    is_folder,
    is_junk,
    is_signed,
    last_name,
    list_files,
    parse_location,
    passed_over,
    readable_errors,
    subfolders,
)
from curator.formats.members import Fact, Write, Writer
from curator.formats.pairs import (
    Embedded,
    EncodedMask,
    Item,
    NotRead,
    RawPair,
    Refused,
    SetItem,
    mask_bytes,
    photo_bytes,
    readable_name,
    skin_bytes,
    storable,
    unknown_bytes,
    unreadable,
)
from curator.plural import pluralise
from db.errors import WinnowError
from db.settings import Limits

__all__ = [
    "ADAPTERS",
    "WRITERS",
    "Adapter",
    "Counted",
    "Embedded",
    "EncodedMask",
    "Fact",
    "Location",
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
    "skin_bytes",
    "unknown_bytes",
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


# What happens until a source is open, in words, and how many steps that took: megabytes downloaded and files unpacked.
OnStep = Callable[[str, int], None]


@dataclass(frozen=True)
class OpenedSource:
    """A source in a known format: the adapter's name, why it was recognised, and its items, which can be read once.

    `inside` says the same of the content of an archive: the adapter's name, and why.
    """

    format: str
    because: str
    items: Iterator[RawPair | Refused | NotRead]
    counted: Counted = field(default_factory=Counted)  # complete once the items have been read
    inside: tuple[str, str] | None = None
    steps: int = 0  # that it took to open it


def _read_nested(location: Location) -> Iterator[Item]:
    raise WinnowError(f"{location.name} is an archive inside another. Send the inner one by itself.")


SEE = "docs/data-formats.md shows what each format looks like."
FOLDERS_TRIED, ENDINGS_NAMED = 20, 5
NEARLY = 0.9  # of the photos that another adapter finds

# In the order in which they are tried: formats with unmistakable files come before the others.
ADAPTERS = (
    Adapter("zip", "a .zip of any of the others", archive.recognise, _read_nested),
    Adapter("tar", "a .tar, .tar.gz or .tgz of any of the others", archive.recognise_tar, _read_nested),
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
        "celebamask",
        "CelebA-HQ-img/ and CelebAMask-HQ-mask-anno/",
        celebamask.recognise,
        celebamask.read,
        celebamask.write,
        keeps=celebamask.KEEPS,
    ),
    Adapter("voc", "JPEGImages/ and SegmentationClass/", voc.recognise, voc.read, voc.write, "labels", voc.KEEPS),
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
        "a .json export, or its brush masks with one",
        label_studio.recognise,
        label_studio.read,
        label_studio.write,
        "labels",
        label_studio.KEEPS,
    ),
    Adapter("labelme", "a .json of labelme for each photo", labelme.recognise, labelme.read, labels="labels"),
    Adapter("via", "a .json or .csv of VGG Image Annotator", via.recognise, via.read, labels="labels"),
    Adapter("yolo", "images/, and labels/ with outlines as .txt", yolo.recognise, yolo.read, labels="classes"),
    Adapter(
        "hf",
        "metadata.jsonl in folders train, validation, test, or Parquet with pictures inside",
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
ARCHIVES = ("zip", "tar")
# Formats without an adapter of their own that a curated set can be exported to.
OTHER_WRITERS = {
    "hf-parquet": Writer(
        "data/train-00000-of-00001.parquet with the pictures inside",
        hugging_face_parquet.write,
        hugging_face_parquet.KEEPS,
        "hf",
    ),
    "mmsegmentation": Writer("img_dir/ and ann_dir/", mmsegmentation.write, mmsegmentation.KEEPS, "folder"),
    "fiftyone": Writer("data/ and labels/", fiftyone.write, fiftyone.KEEPS, "folder"),
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
    photos is chosen. Raises WinnowError if the location does not exist or can't be read, or, if no adapter recognises it, with
    what is there.
    """
    with readable_errors(location):
        if not location.exists():
            raise WinnowError(f"{display_name(location)} does not exist. Give the path or URL of a folder or a file.")
        _check_kind(location)
        if (found := _recognised(location, label)) is not None:
            return found[0].name, found[1]
        raise WinnowError(_not_recognised(location))


def _recognised(location: Location, label: str | None) -> tuple[Adapter, str] | None:
    found = [(each, why) for each in ADAPTERS if (why := each.recognise(location)) is not None]
    if len(found) > 1 and found[0][0].name not in ARCHIVES:
        return _best(location, found, label)
    return found[0] if found else None


def _not_recognised(location: Location) -> str:
    return f"{display_name(location)}: Winnow does not recognise this format. {_what_is_there(location)}"


def _what_is_there(location: Location) -> str:
    """What is in a location that no adapter recognises, and what to give instead."""
    if not is_folder(location):
        return f"{cannot_unpack(location.name) or 'It is no list and no archive that can be read.'} {SEE}"
    inner = [each for each in subfolders(location)[:FOLDERS_TRIED] if any(one.recognise(each) for one in ADAPTERS)]
    if inner:
        why = next(why for one in ADAPTERS if (why := one.recognise(inner[0])) is not None)
        return f"One folder down, {why}: give {readable_name(last_name(inner[0]))}/ instead."
    wrong = manifest.what_is_wrong(location) or hugging_face.what_is_wrong(location)
    return f"{wrong or _held(list_files(location, location))} {SEE}"


def _held(names: list[str]) -> str:
    if not names:
        return "It holds no files."
    endings = Counter(splitext(name)[1].lower() or "without an ending" for name in names).most_common(ENDINGS_NAMED)
    packed = next((said for name in names if (said := cannot_unpack(name))), None)
    listed = ", ".join(f"{count:,} {readable_name(ending)}" for ending, count in endings)
    return f"It holds {len(names):,} {'file' if len(names) == 1 else 'files'}: {listed}." + (f" {packed}" if packed else "")


def _best(location: Location, found: list[tuple[Adapter, str]], label: str | None) -> tuple[Adapter, str]:
    """The adapter that finds most photos, or an earlier one that finds nearly as many; why; and what the others recognised.

    The earlier ones have unmistakable lists, which may leave a photo out that lies there.
    """
    counted = [(each, why, _count_photos(location, each, label)) for each, why in found]
    most = max(photos for _, _, photos in counted)
    best, why, photos = next(one for one in counted if one[2] >= NEARLY * most)
    others = "; ".join(
        f"{one_why} ({each.name}): {number:,}" for each, one_why, number in counted if number and each is not best
    )
    return best, f"{why} (photos: {photos:,}). Not used: {others}" if others else why


def _count_photos(location: Location, by: Adapter, label: str | None) -> int:
    try:
        items = _items(location, by, label if by.labels else None)
        photos = ((item.name, item.photo) for item in items if isinstance(item, RawPair))
        return len({name if isinstance(photo, Embedded) else str(photo) for name, photo in photos})
    except WinnowError:
        return 0  # if it is chosen nevertheless, reading it says so


def open_source(
    location: Location,
    name: str,
    workspace: Path,
    limits: Limits,
    called: str = "",
    label: str | None = None,
    on_step: OnStep = lambda words, steps: None,
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
        on_step: told how it goes, while a zip is downloaded and unpacked; it may raise Cancelled.
    """
    with readable_errors(location):
        if name == "auto" and isinstance(location, Path) and _is_of_archives(location, label):
            return _open_archives(location, workspace, limits, label, on_step)
        if name == "auto":
            name, why = recognise(location, label)
        else:
            name, why = adapter_named(name).name, "this format was given"
            _check_kind(location)
        if name in ARCHIVES or (location.exists() and any(adapter_named(each).recognise(location) for each in ARCHIVES)):
            return _open_archive(location, name, why, workspace, limits, called, label, on_step)
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
        "inside": None if found.inside is None else list(found.inside),
        "photos": photos,
        "files": found.counted.files,
        "refused": refused,
        "not_read": not_read,
        "junk": junk,
    }


def _open_archive(
    location: Location,
    name: str,
    why: str,
    workspace: Path,
    limits: Limits,
    called: str,
    label: str | None,
    on_step: OnStep,
) -> OpenedSource:
    folder, fetched = workspace, 0

    def on_fetched(megabytes: int) -> None:
        nonlocal fetched
        fetched = megabytes
        on_step(f"Downloading: {megabytes:,} MB", fetched)

    if not isinstance(location, Path):
        location = download(location, workspace, limits, on_fetched)
        folder = workspace / "unpacked"
        folder.mkdir()
    called = called or location.name
    found = archive.unpack(location, folder, limits, called, _telling(on_step, fetched))
    kind = "tar" if archive.recognise_tar(location) is not None else "zip"
    if found.refused and not any(found.folder.iterdir()):  # nothing is left to read, and each refusal says why
        return OpenedSource(kind, why, map(storable, found.refused), Counted(len(found.refused)))
    given = None if name in ARCHIVES else adapter_named(name)
    opened = _open_unpacked(found, kind, why, given, limits, called, label)
    return replace(opened, steps=fetched + found.files)


def _telling(on_step: OnStep, before: int) -> Callable[[int], None]:
    """What an archive tells how many files it wrote, after so many steps."""
    return lambda files: on_step(f"Unpacking: {pluralise(files, 'file')}", before + files)


def _open_archives(folder: Path, workspace: Path, limits: Limits, label: str | None, on_step: OnStep) -> OpenedSource:
    """A folder with images.zip and masks.zip, with parts of a set, or with a list beside photos.zip."""
    found = archive.Unpacked(workspace, _telling(on_step, 0), refused=_passed_over(folder))
    packed = archive.archives_in(folder)
    for name in sorted(all_files(folder)):
        shown = readable_name(name)
        if is_junk(name):
            found.junk.append(NotRead(shown, "a program or a camera left it there.", junk=True))
        elif name not in packed and (size := (folder / name).stat().st_size) > limits.file_bytes:
            found.refused.append(Refused(shown, f"it has {size:,} bytes; {limits.file_bytes:,} are allowed."))
        elif name not in packed:
            (workspace / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, workspace / name)
            found.count()
    archive.unpack_inner(folder, workspace, limits, found)
    why = f"it holds {', '.join(packed[:3])}"
    opened = _open_unpacked(found, "zip", why, None, limits, display_name(folder), label)
    return replace(opened, steps=found.files)


def _is_of_archives(location: Path, label: str | None) -> bool:
    """Whether a local folder holds no photos but in archives."""
    if not location.is_dir() or not archive.archives_in(location):
        return False
    found = _recognised(location, label)
    return found is None or not _count_photos(location, found[0], label)


def _open_unpacked(
    found: archive.Unpacked, kind: str, why: str, given: Adapter | None, limits: Limits, called: str, label: str | None
) -> OpenedSource:
    with _content_of(called, found.folder):
        if given is None and _is_of_archives(found.folder, label):
            archive.unpack_inner(found.folder, found.folder, limits, found)
        place = found.folder if given else _place_of_content(found.folder, label)
        by, inner_why = (given, "") if given else (_recognised(place, label) or (None, ""))
        if by is None:
            packed = f" {found.refused[0].file}: {found.refused[0].reason}" if found.refused else ""
            raise WinnowError(f"{_not_recognised(place)}{packed}")
    because = f"{by.name} in a {kind}: {why}" if given else f"{why}; its content is {by.name}: {inner_why}"
    counted = Counted(len(found.refused) + len(found.junk))
    items = _read_content(called, found, place, by, label, counted)
    every = chain(map(storable, found.refused), map(storable, found.junk), items)
    return OpenedSource(kind, because, every, counted, (by.name, inner_why or "this format was given"))


def _place_of_content(content: Path, label: str | None) -> Path:
    """The folder itself, or the only one in it that an adapter recognises, such as set/ beside a README."""
    if _recognised(content, label) is None:
        inner = [each for each in subfolders(content) if _recognised(each, label) is not None]
        if len(inner) == 1 and isinstance(inner[0], Path):
            return inner[0]
    return content


def _read_content(
    called: str, found: archive.Unpacked, place: Path, by: Adapter, label: str | None, counted: Counted
) -> Iterator[RawPair | Refused | NotRead]:
    remark = f"the zip does not say how its names are encoded; they were read as {found.encoding}."
    with _content_of(called, found.folder):
        for item in _read_with(place, by, label, counted):
            guessed = found.encoding and isinstance(item, RawPair) and not item.name.isascii()
            yield replace(item, remarks=(*item.remarks, remark)) if guessed and isinstance(item, RawPair) else item
    if place != found.folder:
        above = f"{place.relative_to(found.folder).as_posix()}/"
        for name in sorted(all_files(found.folder)):
            if not name.startswith(above):
                counted.files += 1
                yield storable(NotRead(readable_name(name), why_not_read(name, by.name), junk=is_junk(name)))


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
        yield from _passed_over(location)
    yield from by.read(location, label) if by.labels else by.read(location)


def _passed_over(folder: Path) -> list[Refused]:
    return [Refused(readable_name(name), why) for name, why in passed_over(folder)]
