"""The model card of a run: intended use, data, consent, training, measures and limits. Pure functions.

Source: Mitchell et al. (2019), "Model cards for model reporting", doi:10.1145/3287560.3287596.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from curator.consent import NOT_RECORDED, TermsCounts
from curator.runs import figures
from curator.runs.figures import Table
from curator.runs.provenance import Provenance
from curator.runs.results import ReportRow
from trainer.measures import ALL, ALPHA_ERRORS, CLASS_MEASURES, MEASURES, MISSED_ERRORS

MEASURE_GROUPS = (MEASURES, MISSED_ERRORS, ALPHA_ERRORS, CLASS_MEASURES)

INTENDED = """- Hair mattes of selfies, one face at selfie scale, for recolouring hair live or in a photo.
- Not for identifying people, nor for inferring their sex, age, health or origin; not for surveillance.
- Not measured on other pictures: whole bodies, groups, backs of heads, drawings, video under motion blur."""

HOW_MEASURED = (
    "Per image (the mean of the image and its mirror image), then averaged, on examples that the run never learned from. In "
    "brackets: the 95 % interval of the mean over images."
)

PAPERS_LIMITS = """- Dark eyebrows and other hair-like things near the hair may be taken for hair. Light hair and a bright
  background behind it may be confused (section IV-B of the paper).
- Highlights inside the hair may leave holes in the matte (section IV-B). Gradient consistency misses both errors; leak and
  hollow measure them.
- Single long strands and light hair are the hardest (section V)."""


def model_card(origin: Provenance, found: Sequence[ReportRow], slices: Mapping[str, Table], now: datetime) -> str:
    """The card as Markdown. It names no contributor, photo or folder. `slices` are tables by their headings."""
    parts = [
        f"# Model card: run {origin.run}, {_text(origin.model)}",
        _scratch(origin),
        f"Written {now:%Y-%m-%d} by Winnow. Read it before you ship the model, and add what only you know.",
        "## Intended use",
        INTENDED,
        "## Data",
        _data(origin),
        table_markdown(figures.counts_table(origin.splits, "Split")),
        table_markdown(figures.counts_table(origin.sources, "Source")),
        table_markdown(figures.counts_table(origin.terms.licences, "Licence")),
        "## Consent",
        _consent(origin, now.date()),
        table_markdown(figures.counts_table(origin.terms.consent, "Consent rests on")) if origin.terms.consent else "",
        "## Training",
        _training(origin),
        table_markdown(figures.settings_table(origin.settings)),
        "## Measures",
        HOW_MEASURED if found else "This run has not been measured yet.",
        *(
            table_markdown(figures.measures_table(found, measures))
            for part in MEASURE_GROUPS
            if (measures := figures.available_measures(found, part))
        ),
        "\n".join(f"- **{_text(each.title)}**: {_text(each.means)}" for each in figures.available_measures(found, ALL)),
        *(f"### {_text(heading)}\n\n{table_markdown(made)}" for heading, made in slices.items()),
        "## Limits",
        PAPERS_LIMITS,
        _limits(origin, found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table_markdown(made: Table) -> str:
    """A table as Markdown; special characters in its text are escaped."""
    lines = [made.head, ["---"] * len(made.head), *made.rows]
    return "\n".join("| " + " | ".join(cell if cell == "---" else _text(cell) for cell in line) + " |" for line in lines)


def _text(words: str) -> str:
    """Text from others, such as the name of a licence, with the special characters of Markdown escaped."""
    flat = " ".join(words.split())
    return "".join(f"\\{sign}" if sign in r"\`*_[]<>|#!&~" else sign for sign in flat)


def _scratch(origin: Provenance) -> str:
    if origin.encoder != "scratch":
        return ""
    return "**This run started from scratch, without ImageNet weights, so its mattes are far worse.**"


def _data(origin: Provenance) -> str:
    total = sum(origin.splits.values())
    sentences = [
        f"Curated set {origin.set}, frozen {origin.frozen_at:%Y-%m-%d}: {total:,} pairs of a face crop and a painted hair mask "
        f"that reviewers kept. Content hash (sha256 of its pictures, masks and splits): `{origin.set_hash}`.",
        figures.masks_sentences(origin.masks, origin.splits),
    ]
    if origin.drawn:
        sentences.append(f"{origin.drawn:,} are portraits that Winnow drew itself; they show no real person.")
    if origin.erased:
        sentences.append(
            f"{origin.erased:,} were erased at the request of their contributors after the set was frozen. Their pictures "
            "are deleted, but what was learned from them can’t be removed from the weights."
        )
    return " ".join(sentences)


def _consent(origin: Provenance, today: date) -> str:
    people = origin.contributors
    unknown = origin.terms.licences.get(NOT_RECORDED, 0)
    who = f"{people:,} contributor{'' if people == 1 else 's'} named by the sources"
    unnamed = (
        f" {origin.anonymous:,} examples name no contributor, so they can’t be erased by name." if origin.anonymous else ""
    )
    return "\n".join(
        [
            f"- Recorded: the licence that each source states (above), and {who}.{unnamed}",
            *([f"- Not recorded: the licence of {unknown:,} examples."] if unknown else []),
            *_recorded_consent(origin.terms, today),
            "- **Not known to Winnow: whether the people in the photos agreed**, to what, and whether they still do. A licence "
            "is about the picture, not the person. Whoever publishes this model answers for that: state here how they agreed.",
        ]
    )


def _recorded_consent(terms: TermsCounts, today: date) -> list[str]:
    if not terms.recorded:
        return []
    lines = [f"- Recorded as the sources state it, and not checked: the consent to use {terms.recorded:,} examples (below)."]
    if terms.ends:
        lines.append(f"- The first consent ends on {min(terms.ends)}. Until {today}, it has ended for {terms.ended(today):,}.")
    if terms.no_consent:
        lines.append(f"- Not recorded: the consent to use {terms.no_consent:,} examples.")
    return lines


def _training(origin: Provenance) -> str:
    start = "ImageNet weights" if origin.encoder == "imagenet" else "random weights"
    best = f"; the weights are those of epoch {origin.best_epoch}, the best on validation" if origin.best_epoch else ""
    return (
        f"{_text(origin.model)}, {origin.parameters:,} weights, encoder from {start}. Epochs trained: {origin.epochs}{best}. "
        "Loss: mask loss + w x mask-image gradient consistency (Levinshtein et al. 2018, eq. 1 and section IV)."
    )


def _limits(origin: Provenance, found: Sequence[ReportRow]) -> str:
    lines = []
    if not any(one.split == "test" for one in found):
        lines.append(
            "- It was measured on no test examples. The best epoch was chosen on the validation examples, so "
            "their results are optimistic."
        )
    counts = [sum(one.split == split and one.refine == "none" for one in found) for split in ("validation", "test")]
    if found and max(counts) < 100:
        lines.append(f"- It was measured on {max(counts):,} images at most, which is why the intervals above are wide.")
    test = origin.masks.get("test")
    if test is not None and test.contributor:
        lines.append("- Test masks that nobody touched up are coarse: a matte that is finer than its mask scores lower.")
    lines.append(
        "- Skin tone, age and sex are not recorded, so nobody has measured whether it works equally well for everybody. The "
        "slices show how it does on dark and bright hair, on little and much hair, and by source."
    )
    return "\n".join(lines)
