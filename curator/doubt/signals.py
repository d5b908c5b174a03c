"""Signals: numbers about a mask that hint at a bad one. Pure functions of a crop, its mask and the face in it.

photo uint8 (512, 512, 3) RGB | mask uint8 (512, 512), 0 to 255 | face (top, left, bottom, right) in crop pixels.
"""

import cv2
import numpy as np
import numpy.typing as npt

from curator.pictures.arrays import Box, Mask, Photo
from trainer.measures import gradient_consistency

FINGER = 15  # pixels of a 512 x 512 crop: single swipes of a finger are thinner than this


def signals(photo: Photo, mask: Mask, face: Box | None) -> dict[str, float]:
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
    """
    hair = cv2.threshold(mask, 127, 1, cv2.THRESH_BINARY)[1].view(bool)
    of_the_face = (
        {}
        if face is None
        else {
            "on_face": _covered(hair, inner_face(face)),
            "crown": _covered_arch(hair, face),
            "away": _away(hair, face),
        }
    )
    # The other signals depend only on the hair and its surroundings, about half of most crops.
    left, top, width, height = cv2.boundingRect(mask)
    part = np.s_[max(top - FINGER, 0) : top + height + FINGER, max(left - FINGER, 0) : left + width + FINGER]
    near, alpha = np.ascontiguousarray(hair[part]), np.asarray(mask[part] / 255, np.float32)
    return {
        "hair_share": cv2.countNonZero(hair.view(np.uint8)) / hair.size,
        **of_the_face,
        "thin": _thin(near),
        "pieces": float(_pieces(near, mask.size // 2000)),
        "straight": _straight(mask),
        "edge_disagreement": gradient_consistency(photo[part], alpha) or 0.0,  # None if there is no edge
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


def _covered(hair: npt.NDArray[np.bool_], box: Box) -> float:
    part = hair[max(0, box[0]) : max(0, box[2]), max(0, box[1]) : max(0, box[3])]
    return float(part.mean()) if part.size else 0.0


def _covered_arch(hair: npt.NDArray[np.bool_], face: Box) -> float:
    top, left, bottom, right = face
    height, width = bottom - top, right - left
    centre = ((left + right) // 2, top + round(0.3 * height))
    arch = np.zeros(hair.shape, np.uint8)
    cv2.ellipse(arch, centre, (round(0.68 * width), round(0.75 * height)), 0, 180, 360, 1, -1)
    cv2.ellipse(arch, centre, (round(0.5 * width), round(0.45 * height)), 0, 180, 360, 0, -1)
    return float(hair[arch == 1].mean()) if arch.any() else 0.0


def _away(hair: npt.NDArray[np.bool_], face: Box) -> float:
    if not hair.any():
        return 0.0
    top, left, _, right = face
    reach = round(0.6 * (right - left))
    near = np.zeros(hair.shape, bool)
    # Long hair hangs below the face, so everything below counts as near.
    near[max(0, top - reach) :, max(0, left - reach) : max(0, right + reach)] = True
    return float((hair & ~near).sum() / hair.sum())


def _thin(hair: npt.NDArray[np.bool_]) -> float:
    area = cv2.countNonZero(hair.view(np.uint8))
    if area == 0:
        return 0.0
    finger = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (FINGER, FINGER))
    return 1.0 - cv2.countNonZero(cv2.morphologyEx(hair.view(np.uint8), cv2.MORPH_OPEN, finger)) / area


def _pieces(hair: npt.NDArray[np.bool_], least: int) -> int:
    """The number of connected parts with more than `least` pixels."""
    shape = hair.view(np.uint8)
    # Finding outlines costs a tenth of labelling components, and most masks have only one.
    if len(cv2.findContours(shape, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)[0]) == 1:
        return int(cv2.countNonZero(shape) > least)
    number, _, stats, _ = cv2.connectedComponentsWithStats(shape)
    return sum(int(stats[i, cv2.CC_STAT_AREA]) > least for i in range(1, number))


def _straight(mask: Mask) -> float:
    outlines, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    total = straight = 0.0
    for outline in outlines:
        corners = outline[:, 0, :].astype(np.float64)
        steps = np.abs(np.roll(corners, -1, axis=0) - corners)
        lengths = np.hypot(steps[:, 0], steps[:, 1])
        at_border = ((corners == 0) | (corners == mask.shape[0] - 1)).any(axis=1)
        at_border &= ((np.roll(corners, -1, axis=0) == 0) | (np.roll(corners, -1, axis=0) == mask.shape[0] - 1)).any(axis=1)
        level = (steps.min(axis=1) == 0) & (lengths > mask.shape[0] // 16) & ~at_border
        total += float(lengths[~at_border].sum())
        straight += float(lengths[level].sum())
    return straight / total if total else 0.0
