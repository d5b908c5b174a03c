"""What the values of a source's masks mean. The truth is an L with a hole on 512 x 512 pixels, and a face beside it."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from curator.pictures.census import Census, census
from curator.pictures.meaning import (
    NOTHING_ASKED,
    Asked,
    Meaning,
    UnclearError,
    comparable,
    contradicts,
    decide,
    parse_value,
    read_labels,
)
from db.errors import WinnowError
from tests.curator.encoded import saved

SIDE = 512
HAIR = np.zeros((SIDE, SIDE), bool)
HAIR[60:200, 100:420] = True
HAIR[200:460, 100:200] = True
HAIR[100:140, 150:250] = False
FACE = np.zeros((SIDE, SIDE), bool)
FACE[210:400, 210:380] = True
BORDER = cv2.dilate(HAIR.astype(np.uint8), np.ones((9, 9))).astype(bool) & ~HAIR


def classes(hair: int, face: int, ground: int = 0, *, bald: bool = False) -> Image.Image:
    """A mask of class numbers; a bald person has the face alone."""
    return Image.fromarray(np.where(HAIR & ~np.bool_(bald), hair, np.where(FACE, face, ground)).astype(np.uint8))


def colours(hair: tuple[int, ...], face: tuple[int, ...], ground: tuple[int, ...] = (0, 0, 0)) -> Image.Image:
    picture = np.empty((SIDE, SIDE, 3), np.uint8)
    picture[:] = ground
    picture[FACE], picture[HAIR] = face, hair
    return Image.fromarray(picture)


def hard(white: int = 255) -> Image.Image:
    return Image.fromarray((HAIR * white).astype(np.uint8))


def reread(image: Image.Image, format: str, **how: object) -> Image.Image:
    return Image.open(io.BytesIO(saved(image, format, **how)))


def bordered() -> Image.Image:
    """0, 1 and the border 255, as an array of PASCAL VOC's."""
    return Image.fromarray(np.where(HAIR, 1, np.where(BORDER, 255, 0)).astype(np.uint8))


def voc() -> Image.Image:
    """A palette with class 1 and the border 255, as PASCAL VOC stores them."""
    image = Image.fromarray(np.where(HAIR, 1, np.where(BORDER, 255, 0)).astype(np.uint8), "P")
    palette = np.zeros((256, 3), np.uint8)
    palette[1], palette[255] = (128, 0, 0), (224, 224, 192)
    image.putpalette(palette.ravel().tolist())
    return image


GROUND, BROWN, BEIGE = (0, 0, 0), (127, 0, 0), (255, 200, 180)


def palette(classes: Image.Image, *colours: tuple[int, int, int], clear: int | None = None) -> Image.Image:
    image = Image.frombytes("P", classes.size, classes.tobytes())
    image.putpalette([channel for colour in colours for channel in colour])
    return image if clear is None else reread(image, "PNG", transparency=clear)


def opaque(where: Image.Image, paint: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    """One colour, as opaque as a mask says."""
    layered = Image.new("RGBA", where.size, paint)
    layered.putalpha(where)
    return layered


def clear_row(mask: Image.Image) -> Image.Image:
    """A mask with one transparent row at the top."""
    layered = mask.convert("RGBA")
    layered.putalpha(Image.fromarray(np.where(np.arange(SIDE)[:, None] < 1, 0, 255).repeat(SIDE, 1).astype(np.uint8)))
    return layered


def parsed(hair: int, step: int = 1) -> np.ndarray:
    """A face with nineteen classes, of which one is hair, and its neighbours are large."""
    face = np.zeros((SIDE, SIDE), np.uint8)
    for number in range(1, 19):
        face[470:510, 28 * (number - 1) : 28 * number - 4] = number
    face[FACE], face[HAIR] = hair + 1, hair
    return face * np.uint8(step)


def meaning_of(*images: Image.Image, asked: Asked = NOTHING_ASKED) -> Meaning:
    return decide(comparable([census(image) for image in images]), asked)


def is_hair(image: Image.Image, meaning: Meaning) -> np.ndarray:
    return read_labels(image, meaning).hair >= 128


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (hard(), "the usual meaning of 0, 255: hair is white, or the painted colour"),
        (hard(1), "the usual meaning of 0, 1: hair is white, or the painted colour"),
        (hard(64), "the usual meaning of 0, 64: hair is white, or the painted colour"),
        (hard().convert("1"), "the usual meaning of 0, 255: hair is white, or the painted colour"),
        (
            colours((255, 0, 0), (0, 255, 0), (0, 0, 255)),
            "hair is #ff0000 of #0000ff, #00ff00, #ff0000; skin is #00ff00",
        ),
        (
            Image.fromarray(np.where(HAIR, 1, np.where(BORDER, 255, 0)).astype(np.uint8)),
            "hair is 1 of 0, 1, 255; 255 is left out",
        ),
        (voc(), "hair is 1 of 0, 1, 255; 255 is left out"),
    ],
)
def test_what_is_clear_is_decided_and_read(image: Image.Image, words: str) -> None:
    meaning = meaning_of(image, image)
    assert meaning.words == words
    assert (is_hair(image, meaning) == HAIR).all()


def test_unknown_pixels_are_kept_as_such() -> None:
    labels = read_labels(voc(), meaning_of(voc()))
    assert labels.unknown is not None
    assert ((labels.unknown == 255) == BORDER).all()
    assert not labels.hair[BORDER].any()


BLACK = Image.new("RGB", (SIDE, SIDE))


@pytest.mark.parametrize(
    ("images", "truth"),
    [
        ([colours((255, 0, 0), (0, 0, 0)), BLACK], HAIR),
        ([colours((255, 0, 0), (0, 255, 0), (0, 0, 255)), BLACK], HAIR),
        ([voc(), BLACK.convert("P")], HAIR),
        ([hard(), BLACK], HAIR),
    ],
    ids=["one colour", "class colours", "a palette", "white"],
)
def test_a_mask_without_hair_makes_nothing_unclear(images: list[Image.Image], truth: np.ndarray) -> None:
    meaning = meaning_of(*images)
    assert (is_hair(images[0], meaning) == truth).all()
    assert not is_hair(images[1], meaning).any()


@pytest.mark.parametrize(
    "images",
    [
        [classes(2, 1), classes(2, 1), classes(2, 1, bald=True)],
        [classes(2, 1, bald=True), classes(2, 1)],
        [hard(1), hard(255)],
        [hard(1), hard(1), hard(255)],
        [opaque(classes(255, 128))],
        [opaque(hard()), palette(classes(1, 2), GROUND, BROWN, BEIGE)],
        [classes(255, 128)],
        [classes(200, 120, 60)],
        [classes(17, 17)],
        [colours((127, 0, 0), (255, 0, 0))],
        [colours((0, 255, 0), (0, 255, 0), (0, 0, 255))],
        [colours((255, 255, 255), (255, 0, 0))],
        [colours((255, 0, 0), (0, 0, 0)), colours((0, 0, 0), (255, 255, 0))],
        [hard(), colours((255, 0, 0), (0, 0, 0))],
        [reread(classes(255, 128), "JPEG", quality=85)],
        [Image.fromarray(np.where(HAIR, 0, 255).astype(np.uint8))],
    ],
    ids=[
        "a bald person among classes", "the bald one first", "two encodings",
        "two encodings, more of the one", "a trimap in the transparency", "transparency and classes", "a trimap",
        "four levels", "one class number",
        "FASSEG's colours", "skin and background alone", "white hair and a red face", "another colour in each",
        "grey and colours", "a trimap through a JPEG", "white background",
    ],
)  # fmt: skip
def test_what_may_mean_several_things_is_asked(images: list[Image.Image]) -> None:
    with pytest.raises(UnclearError) as asked:
        meaning_of(*images)
    assert "It is unclear what its masks' values mean" in str(asked.value)
    assert sum(share for _, _, share in asked.value.values) > 0


def test_a_question_names_the_values_their_masks_and_their_share() -> None:
    with pytest.raises(UnclearError) as asked:
        meaning_of(classes(2, 1), classes(2, 1, bald=True))
    assert str(asked.value).startswith(
        "It is unclear what its masks' values mean: it has several values, like class numbers or a trimap. "
        "They are 0 (2 masks, "
    )
    assert str(asked.value).endswith("Say which value is hair, such as --hair 1, and which say nothing, such as --unknown 255.")


@pytest.mark.parametrize(
    ("images", "asked", "truth"),
    [
        ([classes(2, 1), classes(2, 1, bald=True)], Asked(hair=(2,)), HAIR),
        ([classes(17, 1)], Asked(hair=(17,)), HAIR),
        ([classes(17, 1)], Asked(hair=(17, 1)), HAIR | FACE),
        ([colours((127, 0, 0), (255, 0, 0))], Asked(hair=("#7f0000",)), HAIR),
        ([reread(colours((127, 0, 0), (255, 0, 0)), "PNG")], Asked(hair=("#7f0000",)), HAIR),
        ([classes(255, 128)], Asked(unknown=(128,)), HAIR),
        ([Image.fromarray(np.where(HAIR, 0, 255).astype(np.uint8))], Asked(inverted=True), HAIR),
        ([Image.fromarray(np.where(HAIR, 0, 1).astype(np.uint8))], Asked(inverted=True), HAIR),
        ([hard(), hard()], Asked(hair=(255,)), HAIR),
        ([voc()], Asked(hair=(1,)), HAIR),
    ],
)
def test_what_a_person_says_is_done(images: list[Image.Image], asked: Asked, truth: np.ndarray) -> None:
    meaning = meaning_of(*images, asked=asked)
    assert (is_hair(images[0], meaning) == truth).all()
    assert Meaning.from_row(meaning.as_row()) == meaning


def test_a_class_colour_is_met_through_a_jpeg() -> None:
    image = reread(colours((128, 0, 0), (255, 255, 0)), "JPEG", quality=90, subsampling=0)
    found = is_hair(image, meaning_of(image, asked=Asked(hair=("#800000",))))
    inner = cv2.erode(
        (HAIR | ~cv2.dilate(HAIR.astype(np.uint8), np.ones((5, 5))).astype(bool)).astype(np.uint8), np.ones((5, 5))
    )
    assert (found == HAIR)[inner.astype(bool)].all()


def test_a_value_that_no_mask_has_is_no_answer() -> None:
    with pytest.raises(UnclearError, match="none of its masks has the value 7"):
        meaning_of(hard(), asked=Asked(hair=(7,)))


def test_a_mask_with_a_value_that_its_source_does_not_have_is_refused() -> None:
    with pytest.raises(WinnowError, match=r"it has the value 1, and the other masks of its source have 0, 255\."):
        read_labels(hard(1), meaning_of(hard()))
    with pytest.raises(WinnowError, match=r"pixels have other values \(such as 3\) than its source's masks: 0, 1, 2\."):
        read_labels(classes(2, 3), meaning_of(classes(2, 1), asked=Asked(hair=(2,))))


def test_a_transparent_row_does_not_make_a_black_and_white_mask_transparent() -> None:
    layered = hard().convert("RGBA")
    layered.putalpha(Image.fromarray(np.where(np.arange(SIDE)[:, None] < 1, 0, 255).repeat(SIDE, 1).astype(np.uint8)))
    meaning = meaning_of(layered)
    assert (is_hair(layered, meaning) == HAIR).all()


def test_a_black_mask_with_a_transparent_row_has_no_hair_among_black_and_white_ones() -> None:
    masks = [clear_row(hard()), clear_row(hard(0))]
    meaning = meaning_of(*masks)
    assert [int(is_hair(mask, meaning).sum()) for mask in masks] == [HAIR.sum(), 0]


def test_a_trimap_in_the_transparency_is_read_as_a_person_says() -> None:
    mask = opaque(classes(255, 128))
    labels = read_labels(mask, meaning_of(mask, asked=Asked(hair=(255,), unknown=(128,))))
    assert labels.unknown is not None
    assert ((labels.hair > 0) == HAIR).all()
    assert ((labels.unknown > 0) == FACE).all()


def test_paints_of_several_colours_are_classes() -> None:
    masks = [opaque(hard(), (255, 0, 0)), opaque(Image.fromarray(FACE.view(np.uint8) * np.uint8(255)), (0, 255, 0))]
    meaning = meaning_of(*masks)
    assert meaning.words == "hair is #ff0000 of #000000, #00ff00, #ff0000; skin is #00ff00"
    assert [int(is_hair(mask, meaning).sum()) for mask in masks] == [HAIR.sum(), 0]


def test_palettes_in_another_order_are_read_by_their_colours() -> None:
    two = [palette(hard(1), GROUND, BROWN), palette(Image.fromarray((~HAIR).view(np.uint8)), BROWN, GROUND)]
    assert all((is_hair(mask, meaning_of(*two)) == HAIR).all() for mask in two)
    three = [palette(classes(1, 2), GROUND, BROWN, BEIGE), palette(classes(2, 1), GROUND, BEIGE, BROWN)]
    with pytest.raises(UnclearError, match=r"none of its masks has the value 1\. They are #000000"):
        meaning_of(*three, asked=Asked(hair=(1,)))
    meaning = meaning_of(*three, asked=Asked(hair=("#7f0000",)))
    assert all((is_hair(mask, meaning) == HAIR).all() for mask in three)


def test_a_palette_of_which_a_mask_uses_only_greys_is_the_same_palette() -> None:
    masks = [palette(classes(1, 2), GROUND, (255, 255, 255), BROWN), palette(hard(1), GROUND, (255, 255, 255), BROWN)]
    meaning = meaning_of(*masks, asked=Asked(hair=("#ffffff",)))
    assert all((is_hair(mask, meaning) == HAIR).all() for mask in masks)


def test_a_palette_with_a_transparent_background_has_classes() -> None:
    skin = Image.fromarray(FACE.view(np.uint8) * np.uint8(2))
    masks = [palette(mask, GROUND, BROWN, BEIGE, clear=0) for mask in (hard(1), skin)]
    with pytest.raises(UnclearError):
        meaning_of(*masks)
    meaning = meaning_of(*masks, asked=Asked(hair=(1,)))
    assert [int(is_hair(mask, meaning).sum()) for mask in masks] == [HAIR.sum(), 0]


@pytest.mark.parametrize("number", [13, 17])
def test_a_class_among_nineteen_is_met_exactly(number: int) -> None:
    face = parsed(number)
    truth = face == number
    shown = np.random.default_rng(7).permutation(4096)[:32]
    coloured = np.stack([shown // 256 * 16, shown // 16 % 16 * 16, shown % 16 * 16], axis=-1).astype(np.uint8)
    named = "#" + bytes(coloured[number]).hex()
    for image, value in (
        (Image.fromarray(face), number),
        (Image.fromarray(np.where(face == 1, 255, face)), number),
        (Image.fromarray(face.astype(np.uint16)), number),
        (Image.fromarray(parsed(number, 10)), 10 * number),
        (Image.fromarray(coloured[face]), named),
    ):
        assert (is_hair(image, meaning_of(image, asked=Asked(hair=(value,)))) == truth).all()


def test_class_numbers_among_colours_are_refused() -> None:
    meaning = meaning_of(colours(BROWN, BEIGE), asked=Asked(hair=("#7f0000",)))
    with pytest.raises(
        WinnowError, match=r"it has class numbers \(0, 1, 2\), and the values of its source's masks are colours"
    ):
        read_labels(classes(2, 1), meaning)


def test_wide_slopes_are_soft_and_no_classes() -> None:
    soft = Image.fromarray(cv2.GaussianBlur((HAIR * 255).astype(np.uint8), (0, 0), 30.0))
    labels = read_labels(soft, meaning_of(soft, hard()))
    assert len(np.unique(labels.hair)) > 100


def test_eight_bits_stored_with_sixteen_are_eight_bits() -> None:
    deep = cv2.GaussianBlur(HAIR.astype(np.uint16) * 65535, (0, 0), 3.0)
    both = [Image.fromarray(deep), Image.fromarray(HAIR.astype(np.uint16) * 65535)]
    assert meaning_of(*both).words == "the usual meaning of 0, 255: hair is white, or the painted colour"
    turned = Image.fromarray(65535 - deep)
    assert np.abs(read_labels(turned, meaning_of(turned, asked=Asked(inverted=True))).hair.astype(int) - deep // 257).max() <= 1


def test_a_value_means_two_things_only_where_both_are_clear() -> None:
    voc_like, usual = meaning_of(bordered()), comparable([census(hard())])
    assert contradicts(voc_like, usual) == meaning_of(hard())
    assert contradicts(voc_like, [census(bordered())]) is None
    assert contradicts(voc_like, [census(classes(2, 1))]) is None
    assert contradicts(meaning_of(hard()), usual) is None


def test_an_opaque_part_is_hair_where_the_paint_says_nothing() -> None:
    layered = Image.new("RGBA", (SIDE, SIDE), "white")
    layered.putalpha(hard())
    assert (is_hair(layered, meaning_of(layered)) == HAIR).all()


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_gradients_and_outlines_in_steps_are_no_classes(sigma: float) -> None:
    soft = Image.fromarray(cv2.GaussianBlur((HAIR * 255).astype(np.uint8), (0, 0), sigma))
    steps = hard().resize((128, 128), Image.Resampling.BILINEAR)
    assert meaning_of(soft, hard(), steps).hair == ()
    assert census(soft).flat == census(steps).flat == {0, 255}


@given(
    st.lists(st.sampled_from(["0,255", "0", "0,1,255", "0,1,2", "0,1"]), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_masks_decides_nothing(kinds: list[str], random: object) -> None:
    found = [Census("grey", tuple((int(value), 1 / (1 + kind.count(","))) for value in kind.split(","))) for kind in kinds]
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def outcome(these: list[Census]) -> Meaning | str:
        try:
            return decide(these)
        except UnclearError as error:
            return str(error)

    assert outcome(found) == outcome(shuffled)


@pytest.mark.parametrize("word", ["", "-1", "65536", "#12345", "#12345g", "red", "1.5", "٣"])
def test_what_is_no_value_is_one_sentence(word: str) -> None:
    with pytest.raises(WinnowError, match="is no value of a mask"):
        parse_value(word)


def test_negative_values_are_refused_and_not_taken_for_black() -> None:
    image = Image.fromarray(np.where(HAIR, -1, 0).astype(np.int32))
    for read in (census, lambda mask: read_labels(mask, None)):
        with pytest.raises(WinnowError, match=r"^the mask's values go from -1 to 0\. Send 0 and 1, or 0 and 255\.$"):
            read(image)


def test_white_hair_that_a_person_named_stays_soft() -> None:
    soft = Image.fromarray(255 - cv2.GaussianBlur((FACE * 255).astype(np.uint8), (0, 0), 12.0))
    with pytest.raises(UnclearError, match="--hair 255 if white is"):
        meaning_of(soft)
    labels = read_labels(soft, meaning_of(soft, asked=Asked(hair=(255,))))
    assert (labels.hair == np.asarray(soft)).all()


def test_one_colour_on_black_is_one_colour_through_a_jpeg() -> None:
    image = reread(colours((200, 30, 160), GROUND), "JPEG", quality=85)
    assert len(census(image).values) == 2
    meaning = meaning_of(image, image)
    assert meaning.hair == ()
    assert (is_hair(image, meaning) == HAIR).mean() > 0.99
