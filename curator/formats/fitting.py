"""Fit the shapes that a list draws to the photo: leave out what covers no area, and find the size that they were drawn at."""

import io
import warnings
from collections import Counter
from collections.abc import Sequence

from PIL import Image

from curator.formats.locations import Location
from curator.formats.pairs import Embedded
from curator.formats.shapes import NO_AREA, Box, Cut, NotAnArea, Polygon, Shape, Shapes
from curator.pictures.opening import DECODER_ERRORS, IMAGE_FORMATS, ORIENTATION_TAG, open_regular
from db.errors import WinnowError

Size = tuple[int, int]  # height, width

THIN = 0.5  # pixels: what is thinner is a slip of the hand
OVER_THE_EDGE = 0.05  # of a side: so far beyond the edge an outline may be drawn; beyond that, the size must be wrong
SLACK = 1.0  # pixels, for rounding


def fit_shapes(
    drawn: Sequence[Shape | NotAnArea], stated: Size | None, photo: Location | Embedded, by: str
) -> tuple[Shapes, tuple[str, ...]]:
    """The mask that shapes make, and remarks on what was left out or understood otherwise than it is said.

    Boxes, lines and points are left out, and so are outlines without an area. Where an outline leaves the size that is stated,
    the photo's header is read: the outlines may have been drawn at the size that the photo is stored or shown at. Without a
    stated size, that is always so.

    Args:
        drawn: the shapes, in the order in which they are drawn.
        stated: the size that the list gives to the photo.
        photo: the photo's file, or what a list holds of it.
        by: what states the size, for sentences.

    Raises:
        WinnowError: if nothing is left, if the outlines fit no size, or if no size is stated and the photo can't be read.
    """
    outlines = [each.box() for each in drawn if isinstance(each, Polygon) and each.thickness() > 0]
    if outlines and all(_lies_in(box, (1, 1), 0) for box in outlines):
        raise WinnowError(f"its coordinates in {by} are shares of the photo from 0 to 1; they have to be pixels.")
    areas: list[Shape] = []
    left_out: Counter[str] = Counter()
    for each in drawn:
        if isinstance(each, NotAnArea):
            left_out[each.kind] += 1
        elif isinstance(each, Polygon) and each.thickness() < THIN:
            left_out[NO_AREA] += 1
        else:
            areas.append(each)
    kinds = ", ".join(kind if number == 1 else f"{kind} ({number:,} times)" for kind, number in left_out.items())
    if left_out and all(isinstance(each, Cut) for each in areas):
        raise WinnowError(f"it is annotated with {kinds} only, which does not outline its hair. Use a mask or a polygon.")
    remarks = [f"{by} also annotates it with {kinds}, which outlines nothing and was left out."] if left_out else []
    (height, width), remark = _drawn_at(areas, stated, photo, by)
    return Shapes(height, width, tuple(areas)), (*remarks, *remark)


def photo_sizes(photo: Location | Embedded) -> list[Size]:
    """The sizes (H, W) at which a photo is shown, upright by its EXIF orientation, and stored, if they differ.

    Only its header is read. Empty if that can't be done; whoever reads the photo says why.
    """
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # about large pictures; whoever decodes this one has limits of its own
            io.BytesIO(photo.data) if isinstance(photo, Embedded) else open_regular(photo) as file,
            Image.open(file, formats=IMAGE_FORMATS) as image,
        ):
            width, height = image.size
            lies_on_its_side = image.getexif().get(ORIENTATION_TAG, 1) in (5, 6, 7, 8)
    except (WinnowError, *DECODER_ERRORS, Image.DecompressionBombError):
        return []
    return [(width, height), (height, width)] if lies_on_its_side else [(height, width)]


def _drawn_at(areas: Sequence[Shape], stated: Size | None, photo: Location | Embedded, by: str) -> tuple[Size, tuple[str, ...]]:
    """The size (H, W) at which shapes were drawn, and a remark if it is not the stated one."""
    boxes = [box for each in areas if (box := each.box()) is not None]
    if stated is not None and all(_lies_in(box, stated, SLACK) for box in boxes):
        return stated, ()
    own = photo_sizes(photo)
    if stated is None and not own:
        raise WinnowError("its size can't be read from the photo's file, so its outlines can't be drawn.")
    for size, over in (
        *((size, 0.0) for size in own if stated is None or size == stated[::-1]),
        *((size, OVER_THE_EDGE) for size in ([own[0]] if stated is None else [stated])),
        *((size, 0.0) for size in own if stated is not None),
    ):
        if all(_lies_in(box, size, max(SLACK, over * max(size))) for box in boxes):
            height, width = size
            if stated is None or size == stated:
                return size, ()
            return size, (f"{by} says that it is {stated[1]} x {stated[0]}; its outlines were drawn at {width} x {height}.",)
    height, width = own[0] if stated is None else stated
    bottom, right = max(box[2] for box in boxes), max(box[3] for box in boxes)
    top, left = min(box[0] for box in boxes), min(box[1] for box in boxes)
    raise WinnowError(
        f"its outlines reach from {left:,.0f}, {top:,.0f} to {right:,.0f}, {bottom:,.0f}, beyond its {width} x {height} pixels."
    )


def _lies_in(box: Box, size: Size, over: float) -> bool:
    top, left, bottom, right = box
    return min(top, left) >= -over and bottom <= size[0] + over and right <= size[1] + over
