"""What the values of a source's masks mean: looked for in all of its masks, decided once, and the same for each of them.

A census says which flat values one mask has; `decide` says what they mean, from all of a source's, or asks. A person may name
the value that is hair, by its number or its colour; those that say nothing (unknown); and that black is hair (inverted). A
value is a grey level (0 to 65535), the index of a palette, or a colour such as "#7f0000".
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curator.pictures.arrays import Mask
from curator.pictures.census import (
    CLASS_COLOURS,
    CLASS_NUMBERS,
    NEAR,
    Census,
    Value,
    census,
    channels_of,
    colours_of,
    nearest_of,
    plane_of,
)
from curator.pictures.masks import Labels, parse_labels
from db.errors import WinnowError

STRAY = 0.03  # of the pixels may be of no known value: an outline's steps, or a JPEG's
WHITE_EDGES = 0.5  # of the masks; if more have them, black may be hair
LISTED = 12  # values that a question lists
MOST = 256  # values of a source's masks; more are those of pictures
DARK = 16  # of 255, in every channel: painted black


@dataclass(frozen=True)
class Meaning:
    """What the values of a source's masks mean.

    Without `hair` the usual rules hold (`masks.parse_labels`): white is hair, or the part that is painted in one colour, or red
    among class colours. `values` are all flat ones that its masks have: a mask with another one is refused.
    """

    values: tuple[Value, ...] = ()
    hair: tuple[Value, ...] = ()
    skin: tuple[Value, ...] = ()
    unknown: tuple[Value, ...] = ()
    inverted: bool = False

    def as_row(self) -> dict[str, Any]:
        """The meaning as JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_row(cls, row: dict[str, Any] | None) -> "Meaning | None":
        """The meaning of a source's row; None where there is none."""
        if row is None:
            return None
        values, hair, skin, unknown = (tuple(row[name]) for name in ("values", "hair", "skin", "unknown"))
        return cls(values, hair, skin, unknown, bool(row["inverted"]))

    def role(self, value: Value) -> str:
        """What one of its values says: hair, skin, unknown or neither.

        >>> [Meaning((0, 1, 255), hair=(1,), unknown=(255,)).role(value) for value in (0, 1, 255)]
        ['neither', 'hair', 'unknown']
        """
        for name, values in (("hair", self.hair), ("skin", self.skin), ("unknown", self.unknown)):
            if value in values:
                return name
        if self.hair:
            return "neither"
        is_black = value in (0, "#000000", "#0000ff")
        return "hair" if is_black == self.inverted and len(self.values) > 1 else "neither"

    def agrees(self, other: "Meaning") -> bool:
        """Whether each value that both know means the same in both."""
        return all(self.role(value) == other.role(value) for value in self.values if value in other.values)

    @property
    def words(self) -> str:
        """For people; "" if no mask is a file of values.

        >>> Meaning((0, 1, 255), hair=(1,), unknown=(255,)).words
        'hair is 1 of 0, 1, 255; 255 is left out'
        """
        if not (self.values or self.hair or self.inverted):
            return ""
        of = f" of {spelled(self.values)}" if self.values else ""
        if self.hair:
            hair = f"hair is {spelled(self.hair)}{of}" + (f"; skin is {spelled(self.skin)}" if self.skin else "")
        else:
            hair = f"black is hair{of}" if self.inverted else f"the usual meaning{of}: hair is white, or the painted colour"
        return f"{hair}; {spelled(self.unknown)} is left out" if self.unknown else hair


@dataclass(frozen=True)
class Asked:
    """What a person says about the values; nothing by default."""

    hair: tuple[Value, ...] = ()
    skin: tuple[Value, ...] = ()
    unknown: tuple[Value, ...] = ()
    inverted: bool = False


class UnclearError(WinnowError):
    """The values of a source's masks may mean several things; a person has to say which."""

    def __init__(self, said: str, why: str, values: Sequence[tuple[Value, int, float]]) -> None:
        super().__init__(said)
        self.why = why  # without what to say in a terminal
        self.values = values  # with the number of masks that have it and the mean share of their pixels, 0 to 1


def parse_value(word: str) -> Value:
    """The value that a person wrote: a number from 0 to 65535, or a colour in six hexadecimal digits after "#".

    Raises WinnowError for anything else.

    >>> parse_value("17"), parse_value("#7F0000")
    (17, '#7f0000')
    """
    plain = word.strip().lower()
    if plain.isascii() and plain.isdecimal() and int(plain) <= 65535:
        return int(plain)
    if len(plain) == 7 and plain[0] == "#" and all(each in "0123456789abcdef" for each in plain[1:]):
        return plain
    raise WinnowError(f"{word!r} is no value of a mask. Give a number such as 17, or a colour such as '#7f0000'.")


def spelled(values: Iterable[Value]) -> str:
    """Values for people.

    >>> spelled((0, 1, 255))
    '0, 1, 255'
    """
    return ", ".join(map(str, values))


NOTHING_ASKED = Asked()


def decide(found: Sequence[Census], asked: Asked = NOTHING_ASKED) -> Meaning:
    """What the values of all of a source's masks mean, in view of what a person said. Raises UnclearError.

    Clear are: two values, of which the brighter is hair, or the coloured one; gradients; class colours with red hair; 0, 1 and
    255, where 255 is unknown (PASCAL VOC), and a palette's 0, one class and 255; an opaque part. Everything else is asked, also
    if the background seems to be white.
    """
    values = _order({value for one in found for value in one.flat})
    if len(values) > MOST:
        raise UnclearError(
            f"Its masks have {len(values):,} different values; {MOST} are allowed. They may be pictures, not masks.",
            "its masks have too many different values",
            (),
        )
    if asked.hair:
        return _as_asked(found, values, asked)
    if asked.inverted:
        return _inverted(found, values, asked)
    if asked.unknown or asked.skin:
        rest = [value for value in values if value not in (*asked.unknown, *asked.skin)]
        if len(rest) != 2:
            raise _unclear(found, "which of its values is hair")
        return Meaning(values, (rest[1],), asked.skin, asked.unknown)
    flat = frozenset(value for value in values if isinstance(value, int))
    coloured = frozenset(value for value in values if isinstance(value, str))
    if flat - {0} and coloured:  # a mask that is black all over has no colour, whatever the others have
        raise _unclear(found, "some of its masks are grey, some coloured")
    if coloured:
        return _of_colours(found, values, coloured | ({"#000000"} if flat else set()))
    if any(one.kind == "palette" for one in found):
        return _of_palettes(found, values, flat)
    if flat == {0, 1, 255} and _mostly(found, 1, 255) and not any(one.flat in ({0, 255}, {255}) for one in found):
        return Meaning(values, (1,), unknown=(255,))
    if len(flat - {0}) > 1 or (flat and 1 < max(flat) < CLASS_NUMBERS):
        raise _unclear(found, "it has several values, like class numbers or a trimap")
    if sum(one.framed for one in found) > WHITE_EDGES * len(found):
        raise _unclear(found, "along the photos' edges most of its masks are white, as if the background were", inverted=True)
    return Meaning(values)


def contradicts(known: Meaning, found: Sequence[Census]) -> Meaning | None:
    """What masks clearly mean by themselves, if that is not what is known of the source they are said to come from; else None.

    Unclear masks contradict nothing, nor do those that have other values: these are refused one by one.
    """
    try:
        own = decide(found)
    except UnclearError:
        return None
    roles = [(known.role(value), own.role(value)) for value in own.values if value in known.values]
    return own if any(one != other and "hair" in (one, other) for one, other in roles) else None


def comparable(found: Sequence[Census]) -> list[Census]:
    """The censuses of a source, all by their colours if its masks' numbers don't mean the same in each of them.

    That is so where palettes have their colours in different orders, or are used beside other kinds of masks; and where masks
    whose transparency decides are painted in several colours, or are black, or lie beside coloured ones.
    """
    kinds = {one.kind for one in found if one.flat != {0}}  # black alone is the same in each
    known: dict[Value, str] = {}
    agree = all(known.setdefault(value, colour) == colour for one in found for value, colour in _in_palette(one))
    agree = agree and (known.get(0, "#000000") == "#000000" or not any(one.flat == {0} and one.kind == "grey" for one in found))
    paints = {one.colours[0] for one in found if one.kind == "transparency" and one.flat != {0}}
    one_paint = len(paints) < 2 and not (kinds & {"colour", "palette"} and paints)
    dark = any(int(_channels(paint).max()) <= DARK for paint in paints) and len(kinds) > 1
    if ("palette" in kinds and (not agree or len(kinds) > 1)) or not one_paint or dark:
        return [one.by_colour for one in found]
    return list(found)


def _in_palette(one: Census) -> Iterable[tuple[Value, str]]:
    return zip((value for value, _ in one.values), one.colours, strict=True) if one.kind == "palette" else ()


def _as_asked(found: Sequence[Census], values: tuple[Value, ...], asked: Asked) -> Meaning:
    named = (*asked.hair, *asked.skin, *asked.unknown)
    others = tuple(value for value in values if not any(_is_near(value, one) for one in named))
    missing = [one for one in asked.hair if not any(_is_near(value, one) for value in values)]
    if missing and found:
        raise _unclear(found, f"none of its masks has the value {spelled(missing)}")
    return Meaning(_order({*others, *named}), asked.hair, asked.skin, asked.unknown)


def _is_near(value: Value, named: Value) -> bool:
    """Whether a value of the masks is the one that a person named; a JPEG may have moved a colour."""
    if isinstance(value, str) and isinstance(named, str):
        return bool(np.abs(_channels(value) - _channels(named)).max() <= NEAR)
    return value == named


def _channels(colour: str) -> NDArray[np.int64]:
    return channels_of(np.array([int(colour[1:], 16)]))


def _inverted(found: Sequence[Census], values: tuple[Value, ...], asked: Asked) -> Meaning:
    rest = [value for value in values if value not in asked.unknown]
    if any(one.kind != "grey" for one in found) or len(rest) > 2:
        raise _unclear(found, "only black and white masks can be inverted")
    if asked.unknown:
        return Meaning(values, tuple(rest[:1]), unknown=asked.unknown)
    return Meaning(values, inverted=True)


def _of_colours(found: Sequence[Census], values: tuple[Value, ...], colours: frozenset[Value]) -> Meaning:
    """Class colours with red hair and green skin, or one colour on black."""
    if "#ff0000" in colours and len(colours) > 2 and colours <= CLASS_COLOURS:
        skin: tuple[Value, ...] = ("#00ff00",)
        return Meaning(values, ("#ff0000",), skin if colours.issuperset(skin) else ())
    if any(one.kind == "any" for one in found):
        if len(colours) == 2 and "#000000" in colours and not any(one.soft for one in found):
            return Meaning(values, tuple(colours - {"#000000"}))
        raise _unclear(found, "which of its colours is hair")
    two = len(colours) <= 2 and ("#000000" in colours or colours == {"#ff0000", "#0000ff"})
    if not two or "#ffffff" in colours:
        raise _unclear(found, "which of its colours is hair")
    return Meaning(values)


def read_labels(image: Image.Image, meaning: Meaning | None) -> Labels:
    """The masks in a decoded picture, by what its source's values mean; each as in `masks.parse_labels`.

    None is the meaning of sources from before there was one: the mask is read by itself. Raises WinnowError for a picture that
    is no mask, and for one whose flat values the meaning does not know.
    """
    if meaning is None:
        return parse_labels(image)
    if meaning.hair:
        return _by_value(image, meaning)
    found = census(image)
    other = found.flat - set(meaning.values)
    if other and meaning.values:
        raise WinnowError(
            f"it has the value {spelled(_order(other))}, and the other masks of its source have {spelled(meaning.values)}. "
            "Ingest it as a source of its own, or say what the values mean (--hair, --unknown)."
        )
    if meaning.inverted:
        return parse_labels(_inverse(image, meaning))
    try:
        return parse_labels(image)
    except WinnowError:
        painted = tuple(value for value in meaning.values if isinstance(value, str) and value != "#000000")
        if len(painted) != 1 or len(meaning.values) != 2:
            raise
        return _by_value(image, replace(meaning, hair=painted))  # one colour on black, through a JPEG


def _inverse(image: Image.Image, meaning: Meaning) -> Image.Image:
    """A mask of greys with black for its brightest value, and white for black."""
    plane = plane_of(image)[1]
    brightest = max([int(value) for value in meaning.values if isinstance(value, int)] or [255])
    return Image.fromarray(((brightest - np.minimum(plane, brightest).astype(np.int64)) * 255 // brightest).astype(np.uint8))


def _by_value(image: Image.Image, meaning: Meaning) -> Labels:
    if meaning.hair == (255,) and set(meaning.values) == {0, 255} and census(image).soft:
        return parse_labels(image)
    kind, plane = plane_of(image)
    coloured = any(isinstance(value, str) for value in meaning.hair)
    if coloured:
        if kind == "grey" and 0 < plane.max() < CLASS_NUMBERS:
            numbers = spelled(np.unique(plane).tolist()[:LISTED])
            raise WinnowError(f"it has class numbers ({numbers}), and the values of its source's masks are colours.")
        plane = colours_of(image)
    known = {int(value[1:], 16) if isinstance(value, str) else value: value for value in meaning.values}
    nearest, far = _nearest(plane, np.array(sorted(known)), coloured=coloured)
    if far.mean() > STRAY:
        stray = np.unique(plane[far])[:5].tolist()
        shown = spelled(f"#{value:06x}" if coloured else value for value in stray)
        raise WinnowError(
            f"{100 * far.mean():.0f} % of its pixels have other values (such as {shown}) than its source's masks: "
            f"{spelled(meaning.values)}."
        )

    def of(values: tuple[Value, ...]) -> Mask | None:
        numbers = [number for number, value in known.items() if value in values]
        return np.isin(nearest, numbers).view(np.uint8) * np.uint8(255) if values else None

    hair = of(meaning.hair)
    assert hair is not None
    return Labels(hair, of(meaning.skin), of(meaning.unknown))


def _nearest(plane: NDArray[Any], known: NDArray[Any], *, coloured: bool) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Each pixel's nearest known value, and where that is farther away than a JPEG moves a value.

    Class numbers, which lie side by side, have to be met exactly.
    """
    nearest, far = plane.copy(), ~np.isin(plane, known)
    seen, at = np.unique(plane[far], return_inverse=True)  # rarely many: most masks have no other values
    if seen.size:
        place, apart = nearest_of(seen, known, coloured=coloured)
        others = (
            nearest_of(known[:number], known[number : number + 1], coloured=coloured)[1] for number in range(1, len(known))
        )
        gap = min((int(each.min()) for each in others), default=2 * NEAR)
        nearest[far] = known[place][at]
        far[far] = (apart > min(2 * NEAR, (gap - 1) // 2))[at]
    return nearest, far


def _of_palettes(found: Sequence[Census], values: tuple[Value, ...], flat: frozenset[Value]) -> Meaning:
    """A palette's classes: 0 is background, one is hair, and 255 unknown (PASCAL VOC)."""
    classes = flat - {0, 255}
    if len(classes) != 1 or any(one.kind != "palette" and one.flat - {0} for one in found):
        raise _unclear(found, "which of its palette's numbers is hair")
    return Meaning(values, tuple(classes), unknown=(255,) if 255 in flat else ())


def _mostly(found: Sequence[Census], more: Value, less: Value) -> bool:
    """Whether the masks have more of one value than of another, all together."""
    share = {value: sum(dict(one.values).get(value, 0) for one in found) for value in (more, less)}
    return share[more] > share[less]


def _unclear(found: Sequence[Census], why: str, *, inverted: bool = False) -> UnclearError:
    values = tally(found)
    lines = [f"{value} ({number:,} masks, {100 * share:.1f} % of their pixels)" for value, number, share in values]
    more = f", and {len(lines) - LISTED:,} more" if len(lines) > LISTED else ""
    how = (
        "Say --inverted if black is hair, --hair 255 if white is."
        if inverted
        else "Say which value is hair, such as --hair 1, and which say nothing, such as --unknown 255."
    )
    said = f"It is unclear what its masks' values mean: {why}."
    return UnclearError(f"{said} They are {', '.join(lines[:LISTED])}{more}. {how}", said, values)


def tally(found: Iterable[Census]) -> list[tuple[Value, int, float]]:
    """Each flat value of a source's masks, with the number of masks that have it and the mean share of their pixels, 0 to 1."""
    masks: Counter[Value] = Counter()
    shares: dict[Value, float] = defaultdict(float)
    for one in found:
        for value, share in one.values:
            masks[value] += 1
            shares[value] += share
    return [(value, masks[value], shares[value] / masks[value]) for value in _order(masks)]


def _order(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple(sorted(values, key=lambda value: (isinstance(value, str), value)))
