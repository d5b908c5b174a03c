"""What the touch-up studio is worth: its tools in the hands of a scripted annotator, and Refine on masks of the street.

    python benchmarks/touchup.py tools ../shared/data/figaro1k [-n 60] [--seconds 120]
    python benchmarks/touchup.py street HOME [-n 20] [--sheet sheet.png]

`tools`: fine masks (Figaro's photos with a face, and drawn portraits with their exact alpha) are coarsened as a contributor
would paint them (curator/sample/crowd.py). A script then repairs them for two minutes of a person's time, with each set of
tools. It sees the fine mask as a person sees the hair, but works with a hand:

- a stroke costs 1.2 seconds to aim, and its length at a speed that grows with the brush (the steering law): 20 pixels of the
  crop a second for each pixel of the brush's radius, at most 200; changing tool or size costs a second;
- the hand trembles by a pixel and a tenth of the brush's radius (standard deviation, from point to point along the stroke);
- it paints where most is wrong, and sees no error that is thinner than two pixels or smaller than 20;
- pressing R and looking at what Refine offers costs 4 seconds; where the offer is worse, a stroke brushes it out again.

`street`: the gradient consistency (eq. 1) of kept masks before and after Refine, and a contact sheet to look at.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose queue.py would hide Python's own
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.crop import BACKS
from benchmarks.machine import machine
from curator.pictures.arrays import Box, Photo
from curator.pictures.codec import decode_mask, decode_photo
from curator.pictures.crop import _cut, box_in_crop, cut_photo, square_around_face
from curator.pictures.faces import choose_face, find_faces
from curator.pictures.tint import tinted
from curator.review.current_mask import current_mask, with_current_mask
from curator.review.standing import approved
from curator.sample.collection import draw_sample, plan_samples
from curator.sample.crowd import crowd_mask
from curator.touchup.refine import HALF, Grey, refine
from db.session import open_database, reading
from db.settings import Settings
from db.store import Store
from db.tables import CROP_SIDE, Example
from trainer.alpha_errors import gradient_error, sad
from trainer.measures import gradient_consistency, iou
from trainer.refine import guided, superpixel, superpixel_labels

BUDGET = 120.0  # seconds, the paper's section IV
AIM = 1.2  # seconds before a stroke
LOOK = 4.0  # seconds to press R and to look at what is offered
SWITCH = 1.0  # seconds to change the tool or the size of the brush
STEERING = 20.0  # pixels of the crop a second, for each pixel of the brush's radius
TOP_SPEED = 200.0  # pixels of the crop a second
SEEN = 20  # pixels: smaller errors are not seen
THIN = 1.0  # pixels: nor are those whose inscribed circle has a smaller radius
GROSS = 6.0  # pixels: beyond this radius an error is more than Refine's band can mend
TOLERANCE = 2  # pixels, of the boundary F
DRAWN = 14
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

Region = NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """A photo with its fine mask, and the coarse one to start from."""

    name: str
    photo: Photo
    fine: Grey
    coarse: Grey
    inside: Box  # the part that shows the photo


def figaro(folder: Path, count: int | None) -> Iterator[Case]:
    """Figaro's photos with a face to be seen, as crops; of all, `count` evenly spread."""
    files = [file for file in sorted((folder / "images").iterdir()) if file.stem not in BACKS]
    for number, file in enumerate(files[:: max(1, len(files) // count) if count else 1]):
        photo = np.ascontiguousarray(cv2.imread(str(file), cv2.IMREAD_COLOR)[:, :, ::-1], np.uint8)
        hair = cv2.imread(str(folder / "masks" / f"{file.stem}.png"), cv2.IMREAD_GRAYSCALE)
        hair = np.where(hair > 127, 255, 0).astype(np.uint8)
        face, _ = choose_face(find_faces(photo, hair), hair)
        if face is None or not hair.any():
            continue
        square = square_around_face(face.box, face.rotation)
        fine = _cut(hair, square, CROP_SIDE, 0)
        coarse = _coarsened(fine, box_in_crop(square, face.box), number)
        yield Case(file.stem, cut_photo(photo, square), fine, coarse, square.inside(*photo.shape[:2]))


def drawn(count: int) -> Iterator[Case]:
    """Drawn portraits with their exact alpha."""
    plans = [plan for plan in plan_samples(4 * count, 5) if plan.person and plan.person.style != "bald"][:count]
    for number, plan in enumerate(plans):
        sample = draw_sample(plan)
        assert sample.portrait is not None
        square = square_around_face(sample.portrait.face)
        fine = _cut(np.rint(sample.alpha * 255).astype(np.uint8), square, CROP_SIDE, 0)
        coarse = _coarsened(fine, box_in_crop(square, sample.portrait.face), number)
        yield Case(plan.name, cut_photo(sample.photo, square), fine, coarse, square.inside(*sample.photo.shape[:2]))


def _coarsened(fine: Grey, face: Box, seed: int) -> Grey:
    return crowd_mask("good", np.asarray(fine / 255, np.float32), face, np.random.default_rng(seed))


# --- the annotator ------------------------------------------------------------------------------------------------------


@dataclass
class Hand:
    """A person's hand on one mask, until the budget is spent."""

    case: Case
    rng: np.random.Generator
    left: float  # seconds
    mask: Grey = field(init=False)
    held: tuple[str, int] = ("", 0)  # the tool, and the brush's radius

    def __post_init__(self) -> None:
        self.mask = self.case.coarse.copy()

    @property
    def truth(self) -> Region:
        """Where the hair is, as a person sees it."""
        return np.asarray(self.case.fine >= HALF)

    def brush(self, least: float = THIN) -> None:
        """Paint and erase where most is wrong, as far as errors have an inscribed circle of at least this radius."""
        tried: set[tuple[int, int]] = set()
        while True:
            found = self._worst(least, tried)
            if found is None:
                return
            region, missing = found
            radius, path = stroke_through(region)
            tried.add(path[0])
            where = self._stroke("brush" if missing else "eraser", radius, path)
            if where is None:
                return
            self.mask[where] = 255 if missing else 0

    def superpixels(self, labels: NDArray[np.int32]) -> None:
        """Sweep over the superpixels that become more right than wrong, those next to each other in one stroke."""
        hair = self.mask >= HALF
        wrong = np.bincount(labels.ravel(), (hair != self.truth).ravel())
        sizes = np.bincount(labels.ravel())
        more_hair = np.bincount(labels.ravel(), self.truth.ravel()) > sizes / 2
        as_whole = np.where(more_hair, sizes - np.bincount(labels.ravel(), self.truth.ravel()), 0) + np.where(
            more_hair, 0, np.bincount(labels.ravel(), self.truth.ravel())
        )
        gain = wrong - as_whole
        for value in (True, False):
            chosen = ((gain > 2 * SEEN) & (more_hair == value))[labels]
            number, parts = cv2.connectedComponents(chosen.view(np.uint8))
            for part in sorted(range(1, number), key=lambda one: -gain[np.unique(labels[parts == one])].sum()):
                _, path = stroke_through(parts == part)
                if self._stroke("superpixels", 10, path) is None:
                    return
                self.mask[parts == part] = 255 if value else 0

    def refine(self) -> None:
        """Press R, look, take what is offered, and brush it out where it is worse; all of it, if most of it is."""
        if self.left < LOOK:
            return
        self.left -= LOOK
        before = self.mask
        offered = refine(self.case.photo, before).alpha
        if self._wrong(offered).sum() >= self._wrong(before).sum():
            return
        self.mask = offered
        self.held = ("refine", 0)
        while True:
            worse = self._wrong(self.mask) & ~self._wrong(before)
            number, parts = cv2.connectedComponents(cv2.dilate(worse.view(np.uint8), np.ones((5, 5), np.uint8)))
            areas = [int((worse & (parts == one)).sum()) for one in range(1, number)]
            if not areas or max(areas) < 2 * SEEN:
                return
            _, path = stroke_through(parts == 1 + int(np.argmax(areas)))
            where = self._stroke("brush out", 8, path)
            if where is None:
                return
            if self._wrong(np.where(where, before, self.mask)).sum() >= self._wrong(self.mask).sum():
                return
            self.mask = np.where(where, before, self.mask)

    def _wrong(self, mask: Grey) -> Region:
        return np.asarray((mask >= HALF) != self.truth)

    def _worst(self, least: float, tried: set[tuple[int, int]]) -> tuple[Region, bool] | None:
        """The largest error that is seen, and whether hair is missing there."""
        best: tuple[int, Region, bool] | None = None
        for missing in (True, False):
            errors = self._wrong(self.mask) & (self.truth == missing)
            depth = _depth(errors)
            _, parts, stats, _ = cv2.connectedComponentsWithStats(errors.view(np.uint8), connectivity=4)
            for part in np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:6] + 1:
                area = int(stats[part, cv2.CC_STAT_AREA])
                if area < SEEN or (best is not None and area <= best[0]):
                    break
                region = parts == part
                start = np.unravel_index(int(np.argmax(np.where(region, depth, 0))), region.shape)
                if depth[start] > least and (int(start[0]), int(start[1])) not in tried:
                    best = (area, np.asarray(region), missing)
                    break
        return None if best is None else best[1:]

    def _stroke(self, tool: str, radius: int, path: list[tuple[int, int]]) -> Region | None:
        """Where a stroke of the hand paints; None if there is no time for it."""
        points = np.array(path, np.float64)
        length = float(np.hypot(*np.diff(points, axis=0).T).sum())
        seconds = AIM + length / min(TOP_SPEED, STEERING * radius)
        seconds += SWITCH * ((tool, radius) != self.held)
        if seconds > self.left:
            self.left = 0.0
            return None
        self.left -= seconds
        self.held = (tool, radius)
        points += self.rng.normal(0, 1 + 0.1 * radius, points.shape)
        painted = np.zeros(self.mask.shape, np.uint8)
        cv2.polylines(painted, [np.rint(points[:, ::-1]).astype(np.int32)], False, 255, max(1, 2 * radius))
        for row, column in points:
            cv2.circle(painted, (round(column), round(row)), radius, 255, -1)
        return painted > 0


def stroke_through(region: Region) -> tuple[int, list[tuple[int, int]]]:
    """The brush and the path that fill most of a region: its inscribed radius, and a walk along its middle both ways."""
    depth = _depth(region)
    start = np.unravel_index(int(depth.argmax()), depth.shape)
    radius = int(np.clip(round(float(depth[start])), 2, 40))
    step = max(4, radius)
    left = region & (depth >= 0.5 * min(radius, depth[start]))
    ways = []
    for _ in range(2):
        at, way = start, [(int(start[0]), int(start[1]))]
        clear_disc(left, at, step)
        while len(way) < 60:
            top, side = max(at[0] - 2 * step, 0), max(at[1] - 2 * step, 0)
            near = np.argwhere(left[top : at[0] + 2 * step + 1, side : at[1] + 2 * step + 1])
            if not len(near):
                break
            near += (top, side)
            away = np.hypot(*(near - at).T)
            score = np.where(away <= 2 * step, depth[tuple(near.T)], -1)
            at = tuple(near[int(score.argmax())])
            way.append((int(at[0]), int(at[1])))
            clear_disc(left, at, step)
        ways.append(way)
    return radius, [*ways[1][:0:-1], *ways[0]]


def clear_disc(region: Region, at: tuple[int, ...], radius: int) -> None:
    """Take a disc out of a region, in place."""
    cv2.circle(region.view(np.uint8), (int(at[1]), int(at[0])), radius, 0, -1)


def _depth(region: Region) -> NDArray[np.float32]:
    return np.asarray(cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def brush_only(hand: Hand) -> None:
    """Brush and eraser."""
    hand.brush()


def with_superpixels(hand: Hand) -> None:
    """Superpixels, then the brush."""
    hand.superpixels(superpixel_labels(hand.case.photo))
    hand.brush()


def with_refine(hand: Hand) -> None:
    """The brush where the mask is off by more than the band, Refine, and the brush for the rest."""
    hand.brush(GROSS)
    hand.refine()
    hand.brush()


def with_all(hand: Hand) -> None:
    """Superpixels, the brush for what is still far off, Refine, and the brush for the rest."""
    hand.superpixels(superpixel_labels(hand.case.photo))
    hand.brush(GROSS)
    hand.refine()
    hand.brush()


def refine_alone(hand: Hand) -> None:
    """Refine, taken as it is offered."""
    hand.mask = refine(hand.case.photo, hand.mask).alpha
    hand.left -= LOOK


TOOLS: dict[str, Callable[[Hand], None]] = {
    "brush": brush_only,
    "superpixels + brush": with_superpixels,
    "Refine, taken whole": refine_alone,
    "Refine + brush": with_refine,
    "all": with_all,
}


# --- measures -----------------------------------------------------------------------------------------------------------


def boundary_f(truth: Region, guess: Region) -> float:
    """The F measure of the two outlines, within TOLERANCE pixels; 1.0 if neither has one, 0.0 if only one has."""
    outlines = [region & (cv2.erode(region.view(np.uint8), np.ones((3, 3), np.uint8)) == 0) for region in (truth, guess)]
    if not outlines[0].any() or not outlines[1].any():
        return float(outlines[0].any() == outlines[1].any())
    hits = [float((_depth(~other)[one] <= TOLERANCE).mean()) for one, other in (outlines, outlines[::-1])]
    return 2 * hits[0] * hits[1] / max(sum(hits), 1e-9)


def measures(case: Case, mask: Grey) -> list[float]:
    """IoU, boundary F, SAD, gradient error and gradient consistency, on the part that shows the photo."""
    top, left, bottom, right = case.inside
    part = np.s_[top:bottom, left:right]
    photo, fine, alpha = (np.ascontiguousarray(one[part]) for one in (case.photo, case.fine, mask))
    truth, guess = fine >= HALF, alpha >= HALF
    return [
        iou(truth, guess) or 0.0,
        boundary_f(truth, guess),
        sad(fine / 255, alpha / 255) or 0.0,
        gradient_error(fine / 255, alpha / 255) or 0.0,
        gradient_consistency(photo, np.asarray(alpha / 255, np.float32)) or 0.0,
    ]


def tools(cases: list[Case], seconds: float, title: str) -> None:
    """The table of one set of photos."""
    before = np.array([measures(case, case.coarse) for case in cases])
    after: dict[str, NDArray[np.float64]] = {}
    used: dict[str, list[float]] = {}
    for name, work in TOOLS.items():
        rows = []
        for number, case in enumerate(cases):
            hand = Hand(case, np.random.default_rng(number), seconds)
            work(hand)
            rows.append(measures(case, hand.mask))
            used.setdefault(name, []).append(seconds - hand.left)
        after[name] = np.array(rows)
    print(f"\n{title}: {len(cases)} photos, {seconds:.0f} seconds each\n")
    print(
        "| tools | seconds | IoU | boundary F | SAD | gradient error | gradient consistency | IoU up by | worse than before |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    print("| before | | " + " | ".join(_figures(before)) + " | | |")
    for name, rows in after.items():
        gain = rows[:, 0] - before[:, 0]
        print(
            f"| {name} | {np.mean(used[name]):.0f} | "
            + " | ".join(_figures(rows))
            + f" | {gain.mean():.4f} | {int((gain < 0).sum())}, by {-min(gain.min(), 0):.4f} at most |"
        )
    lead = after["Refine + brush"][:, 0] - after["brush"][:, 0]
    lower = (after["Refine + brush"][:, 2] < after["brush"][:, 2]).mean()
    print(
        f"\nRefine + brush against the brush alone: a higher IoU on {(lead > 0).mean():.0%} of the photos, {lead.mean():+.4f} "
        f"in the mean, {lead.min():+.4f} at worst; a lower SAD on {lower:.0%}."
    )
    fine = [(case, (case.fine >= HALF).astype(np.uint8) * np.uint8(255)) for case in cases]
    wider, narrower = (
        np.mean([measures(case, np.asarray(move(mask, CROSS), np.uint8))[0] for case, mask in fine])
        for move in (cv2.dilate, cv2.erode)
    )
    print(f"The fine mask itself, a pixel wider all round, has an IoU of {wider:.4f}, a pixel narrower {narrower:.4f}.")


def _figures(rows: NDArray[np.float64]) -> list[str]:
    mean = rows.mean(0)
    return [f"{mean[0]:.4f}", f"{mean[1]:.4f}", f"{mean[2]:.2f}", f"{mean[3]:.2f}", f"{mean[4]:.4f}"]


def street(home: Path, count: int, sheet: Path | None) -> None:
    """The table of kept masks in a home folder, which is copied first."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "home"
        shutil.copytree(home, copy, ignore=shutil.ignore_patterns("runs", "tensorboard", "logs", "numba"))
        settings = Settings(home=copy)
        store = Store(settings.store)
        with reading(open_database(settings)) as session:
            wanted = with_current_mask(approved()).with_only_columns(
                Example.id, Example.image_sha256, current_mask(), Example.inside_top, Example.inside_left,
                Example.inside_bottom, Example.inside_right,
            )  # fmt: skip
            found = session.execute(wanted).all()
        found = found[:: max(1, len(found) // count)][:count]
        ways = {
            "contributor's": lambda _, mask: mask,
            "guided filter": lambda photo, mask: _as_grey(guided(photo, np.asarray(mask / 255, np.float32))),
            "superpixel vote": lambda photo, mask: _as_grey(superpixel(photo, np.asarray(mask / 255, np.float32))),
            "Refine": lambda photo, mask: refine(photo, mask).alpha,
        }
        rows, tiles = [], []
        for _, image, sha256, top, left, bottom, right in found:
            photo, mask = decode_photo(store.get(image)), decode_mask(store.get(sha256))
            part = np.s_[top:bottom, left:right]
            made = {name: way(photo, mask) for name, way in ways.items()}
            alphas = [np.asarray(one[part] / 255, np.float32) for one in made.values()]
            rows.append([gradient_consistency(np.ascontiguousarray(photo[part]), alpha) or 0.0 for alpha in alphas])
            white = np.full_like(photo, 255)
            cut = [
                np.rint(white + one[..., None] / 255 * (photo.astype(float) - white)).astype(np.uint8) for one in made.values()
            ]
            tiles.append(np.hstack([photo, tinted(photo, mask), tinted(photo, made["Refine"]), cut[0], cut[3]]))
    table = np.array(rows)
    print(f"\n{len(table)} kept masks\n\n| mask | gradient consistency: mean | median | share of the contributor's | halved |")
    print("|---|---|---|---|---|")
    for at, name in enumerate(ways):
        share = table[:, at].mean() / table[:, 0].mean()
        halved = int((table[:, at] <= table[:, 0] / 2).sum())
        print(f"| {name} | {table[:, at].mean():.4f} | {np.median(table[:, at]):.4f} | {share:.2f} | {halved} |")
    if sheet is not None:
        cv2.imwrite(str(sheet), np.vstack(tiles)[::2, ::2, ::-1])


def _as_grey(alpha: NDArray[np.float32]) -> Grey:
    return np.asarray(np.rint(alpha * 255), np.uint8)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    one = commands.add_parser("tools")
    one.add_argument("figaro", type=Path, help="folder with images and masks")
    one.add_argument("-n", type=int, help="photos of Figaro; default: all with a face")
    one.add_argument("--seconds", type=float, default=BUDGET, help="for one photo; default: two minutes")
    two = commands.add_parser("street")
    two.add_argument("home", type=Path, help="a home folder with kept examples; it is only read")
    two.add_argument("-n", type=int, default=20)
    two.add_argument("--sheet", type=Path, help="where to write the contact sheet")
    given = parser.parse_args()
    print(f"{date.today()}, {machine()}")
    if given.what == "tools":
        tools(list(figaro(given.figaro, given.n)), given.seconds, "Figaro, faces")
        tools(list(drawn(DRAWN)), given.seconds, "Drawn portraits, exact alpha")
    else:
        street(given.home, given.n, given.sheet)


if __name__ == "__main__":
    main()
