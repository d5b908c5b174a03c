"""CVAT for images 1.1: annotations.xml with masks (runs along the rows of a box) and polygons, and the photos in images/."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from defusedxml import DTDForbidden
from defusedxml.ElementTree import fromstring

from curator.formats.fitting import fit_shapes
from curator.formats.locations import (
    SNIFF_BYTES,
    FileLookup,
    Found,
    Location,
    display_name,
    file_in,
    files_in,
    find_photo,
    is_folder,
    is_link,
    list_bytes,
    subfolder,
    write_file,
)
from curator.formats.members import SKIN_LABEL, UNKNOWN_LABEL, Fact, about_from, masks_of
from curator.formats.pairs import (
    HAIR,
    NO_HAIR,
    SKIN,
    UNKNOWN,
    Item,
    ListRead,
    RawPair,
    Refused,
    SetItem,
    alike,
    called,
    check_rows,
    hair_label,
    label_key,
    pair_or_refusal,
    parse_split,
)
from curator.formats.rle import Runs, mask_to_runs
from curator.formats.shapes import Box, Cut, NotAnArea, Shape, bounding_box, parse_ellipse, parse_outline
from curator.pictures.arrays import Mask
from db.errors import WinnowError
from db.store import Store

NAMES = ("annotations.xml", "labels.xml")  # CVAT's, and that of FiftyOne's export in this format
VOC = re.compile(rb"<annotation[\s>]")  # the root of PASCAL VOC's files, one a photo
BACKGROUND = "background"  # the label that cuts holes into what lies below it, by CVAT's manual
NO_AREAS = {"box": "a box", "polyline": "a line", "points": "points", "cuboid": "a cuboid", "skeleton": "a skeleton"}
AREAS = ("mask", "polygon", "ellipse")
ABOUT = "about"  # the tag whose attributes say what is known of a photo in our exports
KEEPS = frozenset(Fact) - {Fact.soft}
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # characters that no XML file may have


def recognise(location: Location) -> str | None:
    """Why this is CVAT's, or None: an XML file, or a folder with `annotations.xml`, that annotates images or a video.

    PASCAL VOC's XML files with boxes are recognised, too, so that `read` can say what they are.
    """
    file = _file(location)
    if file is None:
        return _why_voc(location)
    if file.suffix.lower() != ".xml":
        return None
    if VOC.search(start := list_bytes(file, SNIFF_BYTES)):
        return f"{file.name} is PASCAL VOC's"
    if b"<annotations" not in start:
        return None
    content = start if len(start) < SNIFF_BYTES else list_bytes(file)
    if b"<image" in content or b"<meta" in content:
        return f"{file.name} holds CVAT's annotations"
    return f"{file.name} holds CVAT's annotations of a video" if b"<track" in content else None


def read(location: Location, label: str | None = None) -> Iterator[Item]:
    """A pair for every image in the file. Photos are looked for in `images/` beside the file, then beside it.

    Shapes are drawn from the lowest `z_order` up. A shape of the label `background`, and one of another label that has a higher
    `z_order`, covers the hair below it. Raises WinnowError if there is no such file, if it is no XML, declares a document type
    or is of a video, or if it is unclear which label is hair.
    """
    file = _file(location)
    if file is None:
        if _why_voc(location):
            raise _boxes_only(f"{display_name(location)}: the files in annotations/")
        file = location / NAMES[0]
    root = _root(file)
    images = root.findall("image")
    if tracks := len(root.findall("track")):
        raise WinnowError(
            f"{file.name} is of a video ({tracks:,} tracks), and Winnow reads photos. In CVAT, export the task as "
            '"CVAT for images 1.1" with its images saved.'
        )
    check_rows(file.name, len(images))
    yield ListRead(file)
    labels = _labels(file, root, images, label)
    folders = (file.parent / "images", file.parent, file.parent / "data")
    lookups = [FileLookup(folder) for folder in folders if not is_link(folder, location)]
    for image in images:
        name = image.get("name") or f"image {image.get('id')}"
        subset = image.get("subset") or ""
        found = find_photo(lookups, name, location)
        if isinstance(found, str) and subset:
            in_subset = find_photo(lookups, f"{subset}/{name}", location)
            found = found if isinstance(in_subset, str) else in_subset
        if isinstance(found, str):
            yield Refused(name, found)
        else:
            yield pair_or_refusal(name, partial(_pair, file, found, name, image, labels), found.place)


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
        for name, mask in masks.cut().labelled:
            if mask.any():
                _add_mask(image, name, mask)
            elif name == HAIR:
                SubElement(image, "tag", label=NO_HAIR, source="manual")
        tag = SubElement(image, "tag", label=ABOUT, source="manual")
        for column, word in item.about.items():
            SubElement(tag, "attribute", name=column).text = NOT_XML.sub("\ufffd", word)
    ElementTree.indent(root)
    write_file(folder / "annotations.xml", ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
    return soft


def _add_mask(image: Element, label: str, mask: Mask) -> None:
    top, left, bottom, right = bounding_box(mask)
    runs = mask_to_runs(mask[top:bottom, left:right].T)  # CVAT's go along the rows
    place = {
        "left": left,
        "top": top,
        "width": right - left,
        "height": bottom - top,
        "z_order": 0,
    }  # one level: none covers another
    about = {"label": label, "source": "manual", "occluded": "0", "rle": ", ".join(map(str, runs))}
    SubElement(image, "mask", about | {name: str(number) for name, number in place.items()})


def _about(image: Element) -> dict[str, str]:
    """What the tag ABOUT of an image says."""
    tags = [tag for tag in image.findall("tag") if tag.get("label") == ABOUT]
    return {str(one.get("name")): one.text or "" for tag in tags for one in tag.findall("attribute")}


@dataclass(frozen=True)
class _Labels:
    """What the labels of a project mean."""

    hair: frozenset[str]
    skin: frozenset[str]
    unknown: frozenset[str]


def _file(location: Location) -> Location | None:
    if not is_folder(location):
        return location
    return next((file for name in NAMES if (file := file_in(location, name, location)) is not None), None)


def _why_voc(location: Location) -> str | None:
    """Why a folder's XML files are PASCAL VOC's, or None."""
    inner = subfolder(location, "annotations") if is_folder(location) else None
    files = files_in(inner, ".xml", location)[:1] if inner is not None else []
    return next(
        (f"annotations/{file.name} is PASCAL VOC's" for file in files if VOC.search(list_bytes(file, SNIFF_BYTES))), None
    )


def _boxes_only(what: str) -> WinnowError:
    return WinnowError(
        f"{what} are PASCAL VOC's, with boxes, and a box does not outline hair. Winnow reads PASCAL VOC's masks in "
        "SegmentationClass/."
    )


def _root(file: Location) -> Element:
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
    if root.tag == "annotation":
        raise _boxes_only(f"{file.name} and its like")
    if root.tag != "annotations":
        raise WinnowError(f"{file.name} is not CVAT's: its root element is {root.tag}, not annotations.")
    return root


def _labels(file: Location, root: Element, images: list[Element], wanted: str | None) -> _Labels:
    """The labels of the project, and those that are used; a shape's label in the file is a project's label."""
    listed = [name.text.strip() for name in root.iterfind("meta//labels/label/name") if name.text]
    used = Counter(str(shape.get("label")) for image in images for shape in image if shape.tag in (*AREAS, *NO_AREAS))
    choice = [name for name in dict.fromkeys((*listed, *used)) if label_key(name) not in (BACKGROUND, NO_HAIR)]
    hair = alike(choice, hair_label(file.name, "labels", choice, wanted, used))
    return _Labels(hair, called(choice, *SKIN) - hair, called(choice, *UNKNOWN) - hair)


def _pair(file: Location, found: Found, name: str, image: Element, labels: _Labels) -> RawPair | Refused:
    marks = {str(tag.get("label")) for tag in image.findall("tag")}
    shapes = [drawn for drawn in image if drawn.tag in (*AREAS, *NO_AREAS)]
    if not any(drawn.get("label") in labels.hair for drawn in shapes) and NO_HAIR not in marks:
        others = sorted({str(drawn.get("label")) for drawn in shapes})
        also = f" It has {', '.join(others[:5])}." if others else ""
        return Refused(name, f"it has no hair annotation.{also}", found.place)
    height, width = _numbers(image, "height", "width")
    size = (height, width)
    drawn, covering = _drawn(shapes, labels.hair)
    hair, remarks = fit_shapes(drawn, size, found.place, file.name)
    more = {
        field: fit_shapes(_drawn(shapes, meant)[0], size, found.place, file.name)[0]
        for field, meant in (("skin", labels.skin), ("unknown", labels.unknown))
        if any(shape.get("label") in meant and shape.tag in AREAS for shape in shapes)
    }
    above = f"{', '.join(covering)} lies above its hair, and covers what is below." if covering else ""
    return RawPair(
        name,
        found.place,
        hair,
        skin=more.get("skin"),
        unknown=more.get("unknown"),
        remarks=tuple(filter(None, (found.remark, *remarks, above))),
        split=parse_split(image.get("subset") or ""),
        **about_from(_about(image)),
    )


def _order(drawn: Element) -> int:
    return _numbers(drawn, "z_order")[0] if drawn.get("z_order") else 0


def _drawn(shapes: list[Element], meant: frozenset[str]) -> tuple[list[Shape | NotAnArea], list[str]]:
    """The shapes of some labels, from the lowest up, with cuts for what covers them; and the labels that cover them.

    On one level, what is meant lies above all but the background, which lies where it was drawn.
    """
    drawn: list[Shape | NotAnArea] = []
    below: list[Box] = []
    covering = set()
    for shape in sorted(shapes, key=lambda shape: (_order(shape), shape.get("label") in meant or _is_background(shape))):
        if shape.get("label") in meant:
            one = NotAnArea(NO_AREAS[shape.tag]) if shape.tag in NO_AREAS else _area(shape)
            drawn.append(one)
            below += [box] if not isinstance(one, NotAnArea) and (box := one.box()) is not None else []
        elif below and shape.tag in AREAS and not isinstance(area := _area(shape), NotAnArea):
            box = area.box()
            if box is not None and any(_overlap(box, other) for other in below):
                drawn.append(Cut(area))
                covering.add(str(shape.get("label")))
    return drawn, sorted(covering)


def _overlap(one: Box, other: Box) -> bool:
    return all(max(one[side], other[side]) < min(one[side + 2], other[side + 2]) for side in (0, 1))


def _is_background(shape: Element) -> bool:
    return label_key(str(shape.get("label"))) == BACKGROUND


def _area(drawn: Element) -> Shape | NotAnArea:
    if drawn.tag == "polygon":
        return parse_outline(drawn.get("points", "").replace(";", ",").split(","))
    if drawn.tag == "ellipse":
        x, y, across, down = (drawn.get(name) for name in ("cx", "cy", "rx", "ry"))
        return parse_ellipse(x, y, across, down, drawn.get("rotation") or 0)
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
