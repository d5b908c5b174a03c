"""CVAT for images 1.1: annotations.xml with masks (runs along the rows of a box) and polygons, beside the photos in images/."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from curator.formats.locations import FileLookup, Location, display_name, is_folder, write_file
from curator.formats.pairs import HAIR, NO_HAIR, RawPair, Refused, SetItem, parse_split
from curator.formats.rle import Runs, mask_to_runs
from curator.formats.shapes import Polygon, Shape, Shapes, bounding_box, parse_points
from curator.pictures.codec import decode_mask
from db.errors import WinnowError
from db.store import Store

NAME = "annotations.xml"
ABOUT_ALL = 4096  # bytes that are enough to tell the format
COVERING = ("mask", "polygon")  # boxes, lines and points cover no hair pixel by pixel


class _NoTypes(ElementTree.TreeBuilder):
    """CVAT writes no document type; those who write one want to have entities blown up."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise WinnowError(f"{NAME} has a document type ({name}), which CVAT's files have not.")


def recognise(location: Location) -> str | None:
    """Why this is CVAT's, or None: an XML file, or a folder with `annotations.xml`, that annotates images."""
    file = location / NAME if is_folder(location) else location
    if file.suffix.lower() != ".xml" or not file.is_file():
        return None
    with file.open("rb") as opened:
        start = opened.read(ABOUT_ALL)
    return f"{file.name} holds CVAT's annotations" if b"<annotations" in start and b"<track" not in start else None


def read(location: Location) -> Iterator[RawPair | Refused]:
    """A pair for every image of the file. Photos are looked for in `images/` beside it, and beside it.

    Raises WinnowError where there is no such file, it is no XML or declares a type, or it is unclear which label is hair.
    """
    file = location / NAME if is_folder(location) else location
    images = _images(file)
    hair = _hair_label(file, images)
    lookups = [FileLookup(file.parent / "images"), FileLookup(file.parent)]
    for image in images:
        name = image.get("name") or f"image {image.get('id')}"
        try:
            yield _pair(lookups, name, image, hair)
        except WinnowError as error:
            yield Refused(name, str(error))


def write(folder: Path, items: list[SetItem], store: Store) -> None:
    """`images/`, and `annotations.xml` with one mask an image; a tag says of a photo without hair that it has none."""
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    labels = SubElement(SubElement(SubElement(root, "meta"), "task"), "labels")
    for name, kind in ((HAIR, "mask"), (NO_HAIR, "tag")):
        label = SubElement(labels, "label")
        SubElement(label, "name").text = name
        SubElement(label, "type").text = kind
    for number, item in enumerate(items):
        write_file(folder / "images" / f"{item.name}.jpg", store.get(item.image))
        mask = decode_mask(store.get(item.mask))
        about = {"id": str(number), "name": f"{item.name}.jpg", "subset": item.split.value}
        image = SubElement(root, "image", about | {"width": str(mask.shape[1]), "height": str(mask.shape[0])})
        if not mask.any():
            SubElement(image, "tag", label=NO_HAIR, source="manual")
            continue
        top, left, bottom, right = bounding_box(mask)
        runs = mask_to_runs(mask[top:bottom, left:right].T)  # CVAT's go along the rows
        about = {"label": HAIR, "source": "manual", "occluded": "0", "rle": ", ".join(map(str, runs))}
        place = {"left": str(left), "top": str(top), "width": str(right - left), "height": str(bottom - top)}
        SubElement(image, "mask", about | place | {"z_order": "0"})
    ElementTree.indent(root)
    write_file(folder / "annotations.xml", ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _images(file: Location) -> list[Element]:
    try:
        parser = ElementTree.XMLParser(target=_NoTypes())  # noqa: S314 - without types nothing can be blown up
        parser.feed(file.read_bytes())
        root = parser.close()
    except OSError as error:
        raise WinnowError(f"{display_name(file)} can't be read ({error.strerror or type(error).__name__}).") from None
    except (ElementTree.ParseError, ValueError) as error:
        raise WinnowError(f"{file.name} can't be read as XML ({error}).") from None
    if root.tag != "annotations":
        raise WinnowError(f"{file.name} is not CVAT's: its first tag is {root.tag}, not annotations.")
    return root.findall("image")


def _hair_label(file: Location, images: list[Element]) -> str:
    used = {str(shape.get("label")) for image in images for shape in image if shape.tag in COVERING}
    named = {label for label in used if label.strip().lower() == "hair"} or used
    if len(named) > 1:
        raise WinnowError(f"{file.name} has no label hair, nor only one; its labels: {', '.join(sorted(used))}.")
    return next(iter(named), "hair")


def _pair(lookups: list[FileLookup], name: str, image: Element, hair: str) -> RawPair | Refused:
    subset = image.get("subset") or ""
    named = [name, f"{subset}/{name}"] if subset else [name]
    places = [(lookup, place) for lookup in lookups for each in named if (place := lookup.find(each)) is not None]
    if not places:
        return Refused(name, "its name leads out of the folder.")
    photo = next((place for lookup, place in places if lookup.exists(place)), None)
    if photo is None:
        return Refused(name, "the photo isn't there.")
    shapes = tuple(_shape(drawn) for drawn in image if drawn.tag in COVERING and drawn.get("label") == hair)
    if not shapes and NO_HAIR not in {tag.get("label") for tag in image.findall("tag")}:
        return Refused(name, "no annotation of hair.")
    height, width = _numbers(image, "height", "width")
    return RawPair(name, photo, Shapes(height, width, shapes), split=parse_split(subset))


def _shape(drawn: Element) -> Shape:
    if drawn.tag == "polygon":
        return Polygon(parse_points(drawn.get("points", "").replace(";", ",").split(",")))
    top, left, height, width = _numbers(drawn, "top", "left", "height", "width")
    try:
        runs = tuple(int(run) for run in drawn.get("rle", "").split(","))
    except ValueError:
        raise WinnowError("its mask's runs are not numbers with commas between.") from None
    return Runs(height, width, runs, top, left, along_rows=True)


def _numbers(element: Any, *names: str) -> list[int]:
    try:
        return [int(element.get(name)) for name in names]
    except (TypeError, ValueError):
        raise WinnowError(f"its {element.tag} lacks {', '.join(names)}.") from None
