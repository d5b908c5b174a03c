"""The dataset card of Hugging Face, README.md: a header that its tools read, and a page for people."""

import json
from collections import Counter

from curator.formats.pairs import SetItem
from db.tables import Split

CARD = "README.md"
# Names of licences as Hugging Face's tools know them; any other is "other".
LICENCES = {
    "cc0": "cc0-1.0", "cc0-1.0": "cc0-1.0", "cc-by-4.0": "cc-by-4.0", "cc-by-sa-4.0": "cc-by-sa-4.0",
    "cc-by-nc-4.0": "cc-by-nc-4.0", "cc-by-nc-sa-4.0": "cc-by-nc-sa-4.0", "cc-by-3.0": "cc-by-3.0",
    "apache-2.0": "apache-2.0", "mit": "mit",
}  # fmt: skip


def dataset_card(items: list[SetItem], data_files: str, columns: str) -> bytes:
    """The card of a set's members. `data_files` is the pattern of a split's files, with {split} in it; `columns` says in
    Markdown what each row holds."""
    splits = Counter(item.split for item in items)
    licences = Counter(item.licence or "not recorded" for item in items)
    known = sorted({LICENCES.get((item.licence or "").lower().replace(" ", "-"), "other") for item in items}) or ["other"]
    lines = ["---", "license:" if len(known) > 1 else f"license: {known[0]}"]
    lines += [f"- {name}" for name in known if len(known) > 1]
    if "other" in known:
        lines.append(f"license_name: {json.dumps(', '.join(licences))}")
    lines += ["task_categories:", "- image-segmentation", "tags:", "- hair", "- matting", "- image-matting"]
    lines += ["pretty_name: Hair masks", f"size_categories:\n- {_size(len(items))}"]
    lines += ["configs:", "- config_name: default", "  data_files:"]
    for split in Split:
        if splits[split]:
            lines += [f"  - split: {split.value}", f"    path: {json.dumps(data_files.format(split=split.value))}"]
    lines += ["---", "", "# Hair masks", "", f"{len(items):,} crops of photos, each with a mask of its hair, made with Winnow."]
    lines += ["", columns, "", "| split | photos |", "|---|---|"]
    lines += [f"| {split.value} | {splits[split]:,} |" for split in Split if splits[split]]
    lines += ["", "| licence | photos |", "|---|---|"]
    lines += [f"| {_cell(name)} | {number:,} |" for name, number in licences.most_common()]
    lines += ["", "The photos show people: faces are personal data. Names are left out; `contributor` is a pseudonym."]
    lines += ["How they were collected, on what consent, and their known limits: `croissant.json`.", ""]
    return "\n".join(lines).encode()


def _size(photos: int) -> str:
    steps = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for below, name in steps if photos < below), "1M<n<10M")


def _cell(word: str) -> str:
    return " ".join(word.split()).replace("|", "\\|")
