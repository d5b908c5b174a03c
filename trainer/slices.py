"""A report by kinds of images: how much hair, how bright, where from. A mean over all of them hides who is served badly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from trainer.intervals import Interval, bootstrap
from trainer.measures import NAMES, average

SHARES = ("none", "under 10 %", "10 to 25 %", "over 25 %")
BRIGHTNESSES = ("dark", "middle", "bright")


class Row(Protocol):
    """One image of a report: the name of its source, and its values by name, `hair_share` and `hair_brightness` among them."""

    @property
    def source(self) -> str: ...
    @property
    def values(self) -> Mapping[str, float | None]: ...


@dataclass(frozen=True)
class Slice:
    """The images of one kind, and the mean of each measure over them with its 95 % interval; None where there is none."""

    by: str  # "hair share", "hair brightness" or "source"
    name: str
    images: int
    means: dict[str, float | None]
    intervals: dict[str, Interval | None]


def slices(rows: Sequence[Row], names: Iterable[str] = NAMES) -> list[Slice]:
    """The slices that have an image, by hair share, then by brightness of hair, then by source in the alphabet's order.

    `names` are the measures wanted. An image whose share or brightness isn't known (it has no hair, or its report is an older
    one) is in no slice of that kind.
    """
    names = list(names)
    kinds = (
        ("hair share", SHARES, [share_of(row.values["hair_share"]) for row in rows]),
        ("hair brightness", BRIGHTNESSES, [brightness_of(row.values["hair_brightness"]) for row in rows]),
        ("source", sorted({row.source for row in rows}), [row.source for row in rows]),
    )
    found = []
    for by, kind, labels in kinds:
        for name in kind:
            if theirs := [row.values for row, label in zip(rows, labels, strict=True) if label == name]:
                intervals = {measure: bootstrap(values[measure] for values in theirs) for measure in names}
                found.append(Slice(by, name, len(theirs), average(theirs, names), intervals))
    return found


def share_of(hair_share: float | None) -> str | None:
    """Which of SHARES a share of hair, 0 to 1, belongs to.

    >>> share_of(0.1)
    '10 to 25 %'
    """
    if hair_share is None:
        return None
    none, little, middle, much = SHARES
    if hair_share == 0:
        return none
    return little if hair_share < 0.10 else middle if hair_share <= 0.25 else much


def brightness_of(hair_brightness: float | None) -> str | None:
    """Which of BRIGHTNESSES a mean grey of hair, 0 to 1, belongs to.

    >>> brightness_of(0.5)
    'middle'
    """
    if hair_brightness is None:
        return None
    dark, middle, bright = BRIGHTNESSES
    return dark if hair_brightness < 0.25 else middle if hair_brightness <= 0.5 else bright
