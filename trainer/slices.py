"""A report by groups of images: amount of hair, its brightness, source. A mean over all images hides who is served badly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from trainer.intervals import Interval, bootstrap
from trainer.measures import NAMES, average

SHARES = ("none", "under 10 %", "10 to 25 %", "over 25 %")
BRIGHTNESSES = ("dark", "middle", "bright")


class Row(Protocol):
    """One image of a report: the name of its source, and its values by name, including `hair_share` and `hair_brightness`."""

    @property
    def source(self) -> str: ...
    @property
    def values(self) -> Mapping[str, float | None]: ...


@dataclass(frozen=True)
class Slice:
    """One group of images, and the mean of each measure over them with its 95 % interval; None where undefined."""

    by: str  # "hair share", "hair brightness" or "source"
    name: str
    images: int
    means: dict[str, float | None]
    intervals: dict[str, Interval | None]


def slices(rows: Sequence[Row], names: Iterable[str] = NAMES) -> list[Slice]:
    """The slices that contain images: by hair share, then by brightness of hair, then by source in alphabetical order.

    `names` are the measures to average. An image whose share or brightness is unknown (because it has no hair, or its report
    is from an older version) is in no slice of that kind. Raises KeyError for a measure that a row lacks.
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
            if group := [row.values for row, label in zip(rows, labels, strict=True) if label == name]:
                intervals = {measure: bootstrap(values[measure] for values in group) for measure in names}
                found.append(Slice(by, name, len(group), average(group, names), intervals))
    return found


def share_of(hair_share: float | None) -> str | None:
    """The one of SHARES that a share of hair, 0 to 1, falls into; None for None.

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
    """The one of BRIGHTNESSES that a mean luma of hair, 0 to 1, falls into; None for None.

    >>> brightness_of(0.5)
    'middle'
    """
    if hair_brightness is None:
        return None
    dark, middle, bright = BRIGHTNESSES
    return dark if hair_brightness < 0.25 else middle if hair_brightness <= 0.5 else bright
