"""CVAT for images 1.1: annotations.xml with masks (runs along the rows of a box) and polygons, and the photos in images/."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from defusedxml import DTDForbidden
from defusedxml.ElementTree import fromstring

from curator.formats.locations import (
    SNIFF_BYTES,
    FileLookup,
    Location,
    display_name,
    file_in,
    is_folder,
    is_link,
    list_bytes,
    write_file,
)
from curator.formats.members import SKIN_LABEL, UNKNOWN_LABEL, Fact, about_from, masks_of
from curator.formats.pairs import (
    HAIR,
    NO_HAIR,
    Item,
    ListRead,
    RawPair,
    Refused,
    SetItem,
    check_rows,
    hair_label,
    pair_or_refusal,
    parse_split,
)
from curator.formats.rle import Runs, mask_to_runs
from curator.formats.shapes import Polygon, Shape, Shapes, bounding_box, parse_points
from curator.pictures.arrays import Mask
from db.errors import WinnowError
from db.store import Store

NAME = "annotations.xml"
ABOUT = "about"  # the tag whose attributes say what is known of a photo in our exports
KEEPS = frozenset(Fact) - {Fact.soft}
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # characters that no XML file may have
AREAS = ("mask", "polygon")  # boxes, lines and points do not outline hair


def recognise(location: Location) -> str | None:
    """Why this is CVAT's, or None: an XML file, or a folder with `annotations.xml`, that annotates images."""
    file = file_in(location, NAME, location) if is_folder(location) else location
    if file is None or file.suffix.lower() != ".xml":
        return None
    start = list_bytes(file, SNIFF_BYTES)
    return f"{file.name} holds CVAT's annotations" if b"<annotations" in start and b"<track" not in start else None


def read(location: Location, label: str | None = None) -> Iterator[Item]:
    """A pair for every image in the file. Photos are looked for in `images/` beside the file, then beside it.

    Raises WinnowError if there is no such file, if it is no XML or declares a document type, or if it is unclear which label
    is hair.
    """
    file = (file_in(location, NAME, location) if is_folder(location) else location) or location / NAME
    images = _images(file)
    check_rows(file.name, len(images))
    yield ListRead(file)
    hair = _hair_label(file, images, label)
    folders = (file.parent / "images", file.parent)
    lookups = [FileLookup(folder) for folder in folders if not is_link(folder, location)]
    for image in images:
        name = image.get("name") or f"image {image.get('id')}"
        yield pair_or_refusal(name, partial(_pair, lookups, name, image, hair))


def write(folder: Path, items: list[SetItem], store: Store) -> int:
    """Write `images/`, and `annotations.xml` with a mask for each label of an image, or the tag NO_HAIR if it shows no hair.

    The attributes of the tag ABOUT say what else is known. Returns how many soft masks were cut at half.
    """
    soft = 0
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    labels = SubElement(SubElement(SubElement(root, "meta"), "task"), "labels")
    for name, kind in ((HAIR, "mask"), (SKIN_LABEL, "mask"), (UNKNOWN_LABEL, "mask"), (NO_HAIR, "tag"), (ABOUT, "tag")):
        label = SubElement(labels, "label")
        SubElement(label, "name").text = name
        SubElement(label, "type").text = kind
        attributes = SubElement(label, "attributes")
        for column in items[0].about if name == ABOUT and items else ():
            attribute = SubElement(attributes, "attribute")
            for field, word in (("name", column), ("mutable", "False"), ("input_type", "text"), ("default_value", "")):
                SubElement(attribute, field).text = word
    for number, item in enumerate(items):
        write_file(folder / "images" / f"{item.name}.jpg", store.get(item.image))
        masks = masks_of(item, store)
        soft += masks.soft
        height, width = masks.hair.shape
        about = {"id": str(number), "name": f"{item.name}.jpg", "subset": item.split.value}
        image = SubElement(root, "image", about | {"width": str(width), "height": str(height)})
        for z_order, (name, mask) in enumerate(masks.cut().labelled):
            if mask.any():
                _add_mask(image, name, mask, z_order)
            elif name == HAIR:
                SubElement(image, "tag", label=NO_HAIR, source="manual")
        tag = SubElement(image, "tag", label=ABOUT, source="manual")
        for column, word in item.about.items():
            SubElement(tag, "attribute", name=column).text = NOT_XML.sub("\ufffd", word)
    ElementTree.indent(root)
    write_file(folder / "annotations.xml", ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
    return soft


def _add_mask(image: Element, label: str, mask: Mask, z_order: int) -> None:
    top, left, bottom, right = bounding_box(mask)
    runs = mask_to_runs(mask[top:bottom, left:right].T)  # CVAT's go along the rows
    place = {"left": left, "top": top, "width": right - left, "height": bottom - top, "z_order": z_order}
    about = {"label": label, "source": "manual", "occluded": "0", "rle": ", ".join(map(str, runs))}
    SubElement(image, "mask", about | {name: str(number) for name, number in place.items()})


def _about(image: Element) -> dict[str, str]:
    """What the tag ABOUT of an image says."""
    tags = [tag for tag in image.findall("tag") if tag.get("label") == ABOUT]
    return {str(one.get("name")): one.text or "" for tag in tags for one in tag.findall("attribute")}


def _images(file: Location) -> list[Element]:
    try:
        root = fromstring(list_bytes(file), forbid_dtd=True)
    except DTDForbidden as error:  # CVAT writes no document type; one can make entities explode or read our files
        raise WinnowError(
            f"{file.name} declares a document type ({error.name}), which CVAT never does. It was not read."
        ) from None
    except OSError as error:
        raise WinnowError(f"{display_name(file)} can't be read ({error.strerror or type(error).__name__}).") from None
    except (ElementTree.ParseError, ValueError) as error:
        raise WinnowError(f"{file.name} can't be read as XML ({error}).") from None
    if root.tag != "annotations":
        raise WinnowError(f"{file.name} is not CVAT's: its root element is {root.tag}, not annotations.")
    return root.findall("image")


def _hair_label(file: Location, images: list[Element], label: str | None) -> str:
    used = {str(shape.get("label")) for image in images for shape in image if shape.tag in AREAS}
    return hair_label(file.name, "labels", sorted(used), label) if used else HAIR


def _pair(lookups: list[FileLookup], name: str, image: Element, hair: str) -> RawPair | Refused:
    subset = image.get("subset") or ""
    named = [name, f"{subset}/{name}"] if subset else [name]
    places = [(lookup, place) for lookup in lookups for each in named if (place := lookup.find(each)) is not None]
    if not places:
        return Refused(name, "its path points outside the folder.")
    photo = next((place for lookup, place in places if lookup.exists(place)), None)
    if photo is None:
        return Refused(name, "the photo is missing.")
    shapes = tuple(_shape(drawn) for drawn in image if drawn.tag in AREAS and drawn.get("label") == hair)
    if not shapes and NO_HAIR not in {tag.get("label") for tag in image.findall("tag")}:
        return Refused(name, "it has no hair annotation.")
    height, width = _numbers(image, "height", "width")
    return RawPair(name, photo, Shapes(height, width, shapes), split=parse_split(subset), **about_from(_about(image)))


def _shape(drawn: Element) -> Shape:
    if drawn.tag == "polygon":
        return Polygon(parse_points(drawn.get("points", "").replace(";", ",").split(",")))
    top, left, height, width = _numbers(drawn, "top", "left", "height", "width")
    try:
        runs = tuple(int(run) for run in drawn.get("rle", "").split(","))
    except ValueError:
        raise WinnowError("its mask's runs have to be whole numbers separated by commas.") from None
    return Runs(height, width, runs, top, left, along_rows=True)


def _numbers(element: Any, *names: str) -> list[int]:
    try:
        return [int(element.get(name)) for name in names]
    except (TypeError, ValueError):
        raise WinnowError(f"its {element.tag} needs whole numbers for {', '.join(names)}.") from None
