"""Where submissions come from: one adapter a file, all yielding the same RawPair, and the way to find the right one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from curator.pictures import Limits
from curator.sources import archive, coco, folder, label_studio, lfw_parts, manifest
from curator.sources.pairs import EncodedMask, RawPair, Refused, mask_bytes, photo_bytes
from db.errors import WinnowError

__all__ = [
    "ADAPTERS",
    "Adapter",
    "EncodedMask",
    "RawPair",
    "Refused",
    "adapter",
    "mask_bytes",
    "photo_bytes",
    "read",
    "recognise",
]


@dataclass(frozen=True)
class Adapter:
    """One format: what it is called, what it looks like, how to tell it, how to read it."""

    name: str
    looks_like: str
    recognise: Callable[[Path], str | None]
    read: Callable[[Path], Iterator[RawPair | Refused]]


def _read_nested(location: Path) -> Iterator[RawPair | Refused]:
    raise WinnowError(f"{location.name} is a zip inside a zip. Send what is in it.")


# In the order in which they are tried: what only this format has comes before what several have.
ADAPTERS = (
    Adapter("zip", "a .zip of any of the others", archive.recognise, _read_nested),
    Adapter("manifest", "a .csv with columns image and mask", manifest.recognise, manifest.read),
    Adapter("lfw-parts", "images/, masks/ and parts_train.txt", lfw_parts.recognise, lfw_parts.read),
    Adapter("coco", "a .json with images and annotations", coco.recognise, coco.read),
    Adapter("label-studio", "a .json export with brush masks", label_studio.recognise, label_studio.read),
    Adapter("folder", "images/ and masks/ with the same names", folder.recognise, folder.read),
)


def adapter(name: str) -> Adapter:
    """The adapter of that name. Raises WinnowError for a name that none has, listing all."""
    for each in ADAPTERS:
        if each.name == name:
            return each
    raise WinnowError(f"There is no format {name!r}. Winnow reads: {', '.join(each.name for each in ADAPTERS)}.")


def recognise(location: Path) -> tuple[str, str]:
    """The name of the adapter for a location, and what it is known by.

    Raises WinnowError where nothing is there or no adapter knows it, listing what is understood.
    """
    if not location.exists():
        raise WinnowError(f"{location} isn't there. Name a folder, a .zip, a .csv or a .json.")
    for each in ADAPTERS:
        why = each.recognise(location)
        if why is not None:
            return each.name, why
    understood = "; ".join(f"{each.name}: {each.looks_like}" for each in ADAPTERS)
    raise WinnowError(f"{location} is nothing that Winnow reads. It reads {understood}.")


def read(name: str, location: Path, workspace: Path, limits: Limits) -> Iterator[RawPair | Refused]:
    """Everything in a location, read by the adapter of that name.

    `workspace` is an empty folder of the caller's: a zip is unpacked there, so it must outlive the pairs. Raises
    WinnowError where the location is not what the adapter reads.
    """
    if name != "zip":
        yield from adapter(name).read(location)
        return
    content, refused = archive.unpack(location, workspace, limits)
    yield from refused
    if len(refused) and not any(content.iterdir()):
        return  # nothing was left to read, and every member has said why
    inner, _ = recognise(content)
    yield from adapter(inner).read(content)
