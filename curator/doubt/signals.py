"""Signals: numbers about a mask that hint at a bad one. Pure functions of a crop, its mask and the face in it.

photo uint8 (512, 512, 3) RGB | mask uint8 (512, 512), 0 to 255 | face (top, left, bottom, right) in crop pixels.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from curator.pictures.arrays import Box, Mask, Photo
from trainer.measures import gradient_consistency

Region = NDArray[np.bool_]  # (H, W)

FINGER = 15  # pixels of a 512 x 512 crop: single swipes of a finger are thinner than this


def signals(photo: Photo, mask: Mask, face: Box | None, unknown: Mask | None = None) -> dict[str, float]:
    """All signals of one example by name; `on_face`, `crown` and `away` only if there is a face.

    All but the last are those of the mask cut at half; the last takes a soft mask as it is.

    hair_share          share of the crop that the mask covers, 0 to 1
    on_face             share of the inner face (eyes to mouth) that the mask covers, 0 to 1; 0 for a face outside the crop
    crown               share of the arch above and beside the face that the mask covers, 0 to 1; 0 for one outside the crop
    away                share of the mask more than 0.6 face widths beside or above the face, 0 to 1; 0 for an empty mask
    thin                share of the mask that a morphological opening with a finger-wide disc removes, 0 to 1; 0 if empty
    pieces              number of separate parts of more than a 2000th of the crop
    straight            share of the outline in long horizontal or vertical lines, 0 to 1; 0 if it has no outline
    edge_disagreement   mask-image gradient consistency (Levinshtein et al. 2018, eq. 1), 0 (agrees) to 1; 0 if there is no edge

    `unknown`, uint8 (512, 512), is 255 where the source says nothing; the mask is 0 there, and this is not held against it:
    hair_share, on_face and crown are shares of the known pixels, and crown is left out if its arch has none (the others are
    0); thin and pieces look at hair and unknown pixels together, and count only the hair; for straight and edge_disagreement,
    where hair meets unknown pixels there is no outline.
    """
    hair = cv2.threshold(mask, 127, 1, cv2.THRESH_BINARY)[1].view(bool)
    known = None if unknown is None else unknown == 0
    of_the_face = {}
    if face is not None:
        crown = _covered_arch(hair, face, known)
        of_the_face = {
            "on_face": _covered(hair, inner_face(face), known),
            **({} if crown is None else {"crown": crown}),
            "away": _away(hair, face),
        }
    # The other signals depend only on the hair and its surroundings, about half of most crops, and on all that is unknown.
    left, top, width, height = cv2.boundingRect(mask)
    part = np.s_[max(top - FINGER, 0) : top + height + FINGER, max(left - FINGER, 0) : left + width + FINGER]
    if known is not None:
        part = np.s_[0 : mask.shape[0], 0 : mask.shape[1]]
    near, alpha = np.ascontiguousarray(hair[part]), np.asarray(mask[part] / 255, np.float32)
    joined = near if known is None else near | ~known
    return {
        "hair_share": cv2.countNonZero(hair.view(np.uint8)) / (hair.size if known is None else max(1, int(known.sum()))),
        **of_the_face,
        "thin": _thin(near, joined),
        "pieces": float(_pieces(near, joined, mask.size // 2000)),
        "straight": _straight(mask, known),
        "edge_disagreement": gradient_consistency(photo[part], alpha, known) or 0.0,  # None if there is no edge
    }


def inner_face(face: Box) -> Box:
    """The part of a detector's box that is skin on almost everybody: eyes to mouth, without the sides. In the box's pixels."""
    top, left, bottom, right = face
    height, width = bottom - top, right - left
    return (
        top + round(0.25 * height),
        left + round(0.2 * width),
        top + round(0.9 * height),
        right - round(0.2 * width),
    )


def _covered(hair: Region, box: Box, known: Region | None) -> float:
    part = np.s_[max(0, box[0]) : max(0, box[2]), max(0, box[1]) : max(0, box[3])]
    inside = hair[part] if known is None else hair[part][known[part]]
    return float(inside.mean()) if inside.size else 0.0


def _covered_arch(hair: Region, face: Box, known: Region | None) -> float | None:
    """None if all of the arch is unknown."""
    top, left, bottom, right = face
    height, width = bottom - top, right - left
    centre = ((left + right) // 2, top + round(0.3 * height))
    arch = np.zeros(hair.shape, np.uint8)
    cv2.ellipse(arch, centre, (round(0.68 * width), round(0.75 * height)), 0, 180, 360, 1, -1)
    cv2.ellipse(arch, centre, (round(0.5 * width), round(0.45 * height)), 0, 180, 360, 0, -1)
    if not arch.any():
        return 0.0
    inside = hair[arch == 1] if known is None else hair[(arch == 1) & known]
    return float(inside.mean()) if inside.size else None


def _away(hair: Region, face: Box) -> float:
    if not hair.any():
        return 0.0
    top, left, _, right = face
    reach = round(0.6 * (right - left))
    near = np.zeros(hair.shape, bool)
    # Long hair hangs below the face, so everything below counts as near.
    near[max(0, top - reach) :, max(0, left - reach) : max(0, right + reach)] = True
    return float((hair & ~near).sum() / hair.sum())


def _thin(hair: Region, joined: Region) -> float:
    area = cv2.countNonZero(hair.view(np.uint8))
    if area == 0:
        return 0.0
    finger = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (FINGER, FINGER))
    wide = np.asarray(cv2.morphologyEx(joined.view(np.uint8), cv2.MORPH_OPEN, finger), np.uint8)
    return 1.0 - cv2.countNonZero(wide if joined is hair else wide & hair) / area


def _pieces(hair: Region, joined: Region, least: int) -> int:
    """The number of connected parts of `joined` with more than `least` pixels of hair."""
    shape = joined.view(np.uint8)
    # Finding outlines costs a tenth of labelling components, and most masks have only one.
    if len(cv2.findContours(shape, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)[0]) == 1:
        return int(cv2.countNonZero(hair.view(np.uint8)) > least)
    _, labels = cv2.connectedComponents(shape)
    return int((np.bincount(labels[hair], minlength=1) > least).sum())


def _straight(mask: Mask, known: Region | None) -> float:
    # Without unknown pixels, lines from corner to corner; with them, steps from pixel to pixel, because a line may pass them.
    how = cv2.CHAIN_APPROX_SIMPLE if known is None else cv2.CHAIN_APPROX_NONE
    outlines, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, how)
    beside = None if known is None else cv2.dilate((~known).view(np.uint8), np.ones((3, 3), np.uint8)).view(bool)
    total = straight = 0.0
    for outline in outlines:
        corners = np.asarray(outline[:, 0, :], np.int32)
        at_unknown = np.zeros(len(corners), bool)  # the line that begins at each corner
        if beside is not None:
            corners, at_unknown = _lines(corners, beside)
        steps = np.abs(np.roll(corners, -1, axis=0) - corners).astype(np.float64)
        lengths = np.hypot(steps[:, 0], steps[:, 1])
        at_border = ((corners == 0) | (corners == mask.shape[0] - 1)).any(axis=1)
        at_border &= ((np.roll(corners, -1, axis=0) == 0) | (np.roll(corners, -1, axis=0) == mask.shape[0] - 1)).any(axis=1)
        at_border |= at_unknown
        level = (steps.min(axis=1) == 0) & (lengths > mask.shape[0] // 16) & ~at_border
        total += float(lengths[~at_border].sum())
        straight += float(lengths[level].sum())
    return straight / total if total else 0.0


def _lines(pixels: NDArray[np.int32], beside: Region) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The corners (x, y) of a closed outline of pixels, and which of the lines that begin at them run beside the unknown.

    A corner is where the direction changes, or where the unknown begins or ends.
    """
    at = beside[pixels[:, 1], pixels[:, 0]]
    at |= np.roll(at, -1)
    turns = np.roll(pixels, -1, axis=0) - pixels
    corner = (turns != np.roll(turns, 1, axis=0)).any(axis=1) | (at != np.roll(at, 1))
    return pixels[corner], at[corner]
