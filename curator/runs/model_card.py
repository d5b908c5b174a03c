"""A model card (Mitchell et al. 2019) of a run: data, consent, training, measures, limits, what it is for. Pure functions."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from curator.runs import figures
from curator.runs.figures import Table
from curator.runs.provenance import SAID_NOTHING, Provenance
from curator.runs.results import ReportRow
from trainer.measures import ALL, ALPHA_ERRORS, CLASS_MEASURES, MEASURES, MISSED_ERRORS

PARTS = (MEASURES, MISSED_ERRORS, ALPHA_ERRORS, CLASS_MEASURES)

INTENDED = """- Hair mattes of selfies, one face at selfie scale, for recolouring hair live or in a photo.
- Not for telling who somebody is, nor what sex, age, health or origin they have; not for watching people.
- Not measured on other pictures: whole bodies, groups, backs of heads, drawings, video under motion blur."""

HOW_MEASURED = (
    "Per image (the mean of the image and its mirror image), then averaged, on examples that the run never learned from; in "
    "brackets the 95 % interval of the mean over images."
)

PAPERS_LIMITS = """- Dark eyebrows, and other things near the hair that look like it, may be taken for hair; a bright background
  beside light hair may be taken for hair too, or hair for it (section IV-B of the paper).
- Highlights inside the hair may leave holes in the matte (section IV-B). Gradient consistency sees neither; that is what leak
  and hollow measure.
- Single long strands and light hair are the hardest (section V)."""


def card(origin: Provenance, found: Sequence[ReportRow], sliced: Mapping[str, Table], now: datetime) -> str:
    """The card as Markdown. It names no contributor, photo or folder; `sliced` are tables by their headings."""
    parts = [
        f"# Model card: run {origin.run}, {origin.model}",
        _scratch(origin),
        f"Written {now:%Y-%m-%d} by Winnow. Read it before you ship the model, and add what only you know.",
        "## Intended use",
        INTENDED,
        "## Data",
        _data(origin),
        table(figures.counted(origin.splits, "Split")),
        table(figures.counted(origin.sources, "Source")),
        table(figures.counted(origin.licences, "Licence")),
        "## Consent",
        _consent(origin),
        "## Training",
        _training(origin),
        table(figures.settings(origin.settings)),
        "## Measures",
        HOW_MEASURED if found else "This run has not been measured yet.",
        *(table(figures.measured(found, there)) for part in PARTS if (there := figures.known(found, part))),
        "\n".join(f"- **{_text(each.title)}**: {_text(each.means)}" for each in figures.known(found, ALL)),
        *(f"### {_text(heading)}\n\n{table(made)}" for heading, made in sliced.items()),
        "## Limits",
        PAPERS_LIMITS,
        _limits(origin, found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(made: Table) -> str:
    """A table as Markdown; what its text holds of Markdown's own signs is only text."""
    lines = [made.head, ["---"] * len(made.head), *made.rows]
    return "\n".join("| " + " | ".join(cell if cell == "---" else _text(cell) for cell in line) + " |" for line in lines)


def _text(words: str) -> str:
    """Strangers' words, such as the name of a licence, as nothing but words."""
    flat = " ".join(words.split())
    return "".join(f"\\{sign}" if sign in r"\`*_[]<>|#!&~" else sign for sign in flat)


def _scratch(origin: Provenance) -> str:
    if origin.encoder != "scratch":
        return ""
    return "**This run started from scratch, without ImageNet weights: its mattes are far worse for it.**"


def _data(origin: Provenance) -> str:
    total = sum(origin.splits.values())
    said = [
        f"Curated set {origin.set}, frozen {origin.frozen_at:%Y-%m-%d}: {total:,} pairs of a face crop and a painted hair mask "
        f"that people kept. Content hash (sha256 of its pictures, masks and splits): `{origin.set_hash}`.",
        f"{origin.touched_up:,} of {origin.splits.get('test', 0):,} test masks were touched up by hand; the others, and all "
        "that it learned from, are as coarse as their contributors painted them.",
    ]
    if origin.drawn:
        said.append(f"{origin.drawn:,} are portraits that Winnow drew itself; they show nobody.")
    if origin.erased:
        said.append(
            f"{origin.erased:,} were erased at their contributors’ wish after the set was frozen. Their pictures are gone; "
            "what was learned from them cannot be taken out of the weights."
        )
    return " ".join(said)


def _consent(origin: Provenance) -> str:
    people = origin.contributors
    unsaid = origin.licences.get(SAID_NOTHING, 0)
    who = f"{people:,} contributor{'' if people == 1 else 's'} named by the sources"
    nobody = (
        f" Nobody is named for {origin.anonymous:,} examples, so they cannot be erased by name." if origin.anonymous else ""
    )
    return "\n".join(
        [
            f"- Recorded: the licence that each source gave (above), and {who}.{nobody}",
            *([f"- Not recorded: the licence of {unsaid:,} examples."] if unsaid else []),
            "- **Not known to Winnow: whether the people in the photos agreed**, to what, and whether they still do. A licence "
            "is about the picture, not the person. Whoever publishes this model answers for that: say here how they agreed.",
        ]
    )


def _training(origin: Provenance) -> str:
    start = "ImageNet weights" if origin.encoder == "imagenet" else "random weights"
    best = f"; the weights are those of epoch {origin.best_epoch}, the best on validation" if origin.best_epoch else ""
    return (
        f"{origin.model}, {origin.parameters:,} weights, encoder from {start}. Epochs trained: {origin.epochs}{best}. "
        "Loss: mask loss + w x mask-image gradient consistency (Levinshtein et al. 2018, eq. 1 and section IV)."
    )


def _limits(origin: Provenance, found: Sequence[ReportRow]) -> str:
    lines = []
    if not any(one.split == "test" for one in found):
        lines.append(
            "- It was measured on no test examples: the best epoch was chosen on the validation examples, which flatters."
        )
    counts = [sum(one.split == split and one.refine == "none" for one in found) for split in ("validation", "test")]
    if found and max(counts) < 100:
        lines.append(f"- It was measured on {max(counts):,} images at most: the intervals above are wide, and say so.")
    if origin.touched_up < origin.splits.get("test", 0):
        lines.append("- Test masks that nobody touched up are coarse: a matte finer than its mask is marked down for it.")
    lines.append(
        "- Skin tone, age and sex are not recorded, so nobody has measured whether it works equally well for all. The slices "
        "say how it fares with dark and bright hair, with little and much, and by source."
    )
    return "\n".join(lines)
