"""Croissant 1.1: one JSON-LD file that describes an exported folder, with the fields of responsible AI.

The vocabulary is MLCommons' (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html, and the extension RAI 1.0).
"""

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from curator.consent import NOT_RECORDED, TermsCounts
from curator.formats import Fact
from db.tables import MaskOrigin

FILE = "croissant.json"
MEDIA_TYPES = {
    ".jpg": "image/jpeg", ".png": "image/png", ".csv": "text/csv", ".json": "application/json",
    ".jsonl": "application/jsonlines", ".parquet": "application/x-parquet", ".txt": "text/plain", ".md": "text/markdown",
    ".xml": "application/xml",
}  # fmt: skip
LISTS = (".csv", ".jsonl", ".parquet")  # whose rows and columns are described, too
# The vocabulary's own context; readers complain about any other. Terms of "cr:" that are called the same in JSON come first.
CONTEXT = {
    name: f"cr:{name}"
    for name in (
        "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject", "fileProperty",
        "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path",
        "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
        "transform",
    )
} | {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
}  # fmt: skip


@dataclass(frozen=True)
class About:
    """What an exported set is, in numbers without names."""

    set: int
    hash: str
    frozen: date
    exported: date
    format: str
    examples: int
    splits: Mapping[str, int]
    contributors: int  # that are known
    terms: TermsCounts
    ended: int  # photos whose consent has ended
    drawn: int  # portraits of the sample set
    skin: int  # examples with a mask of the skin
    partly_unknown: int  # examples of which some pixels are unknown, or lie outside the photo
    origins: Mapping[MaskOrigin, int]  # who made the masks
    cut_at_half: int
    loses: tuple[Fact, ...]  # what the format has no place for


def croissant(about: About, files: list[dict[str, Any]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The description of an export, with its files (`distribution`) and the rows of its lists (`recordSet`)."""
    licences = [name for name in about.terms.licences if name != NOT_RECORDED]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": f"winnow-set-{about.set}",
        "description": (
            f"{about.examples:,} crops of photos of people, 512 x 512, each with a mask of its hair. Curated set {about.set} "
            f"of Winnow, sha256 {about.hash}, as {about.format}."
        ),
        "keywords": ["hair", "segmentation", "matting", "face"],
        "license": licences or [NOT_RECORDED],
        "citeAs": f"Winnow, curated set {about.set}, sha256 {about.hash}",
        "datePublished": about.exported.isoformat(),
        "dateCreated": about.frozen.isoformat(),
        "version": f"{about.set}.0.0",
        "isLiveDataset": False,
        **_responsible(about),
        "distribution": files,
        "recordSet": rows,
    }


def _responsible(about: About) -> dict[str, Any]:
    """The fields of the RAI vocabulary."""
    terms = about.terms
    bases = _counted(terms.consent) or "none"
    licences = _counted(terms.licences) or "none"
    ends = f" The first consent ends on {min(terms.ends)}." if terms.ends else ""
    unlicensed = terms.licences.get(NOT_RECORDED, 0)
    by = {origin: about.origins.get(origin, 0) for origin in MaskOrigin}
    limits = [
        f"{about.ended:,} photos are of people whose consent has ended: don't use them." if about.ended else "",
        f"{terms.no_consent:,} photos of people have no consent recorded." if terms.no_consent else "",
        f"{unlicensed:,} photos have no licence recorded." if unlicensed else "",
        f"This format, {about.format}, has no place for: {', '.join(about.loses)}." if about.loses else "",
        f"{about.cut_at_half:,} soft masks were cut at half: this format has one bit a pixel." if about.cut_at_half else "",
        f"{about.partly_unknown:,} examples have pixels of which nothing is known, or that lie outside the photo (filled with "
        "grey). Leave them out of losses and measures." if about.partly_unknown else "",
        f"Skin is labelled in {about.skin:,} of {about.examples:,} examples only." if 0 < about.skin < about.examples else "",
        "" if about.contributors else "No contributor is known, so splits by person can't be proven.",
    ]  # fmt: skip
    return {
        "rai:dataCollection": (
            f"Photos and masks were collected from sources that the owner of the set chose. Consent, by what it rests on: "
            f"{bases}; none recorded: {terms.no_consent:,}.{ends} Licences: {licences}."
        ),
        "rai:dataCollectionType": ["Secondary Data analysis", "Manual Human Curator"],
        "rai:dataAnnotationProtocol": [
            f"Masks of hair: {by[MaskOrigin.contributor]:,} as their contributors painted them, {by[MaskOrigin.touch_up]:,} "
            f"repaired by a reviewer, {by[MaskOrigin.refinement]:,} refined by closed-form matting and accepted by a person. "
            "Each was looked at and kept by a reviewer, in the crop that is exported."
        ],
        "rai:dataAnnotationPlatform": ["Winnow"],
        "rai:machineAnnotationTools": ["closed-form matting"] if by[MaskOrigin.refinement] else [],
        "rai:annotationsPerItem": "1",
        "rai:dataPreprocessingProtocol": [
            "Each photo was turned upright, converted to sRGB, and cropped to a square around the face at selfie scale or used "
            "whole; a part of the square beyond the photo is filled with grey. The crop is a JPEG of quality 95.",
            "The same picture, and the pictures of one contributor, are in one split, unless a published set's own lists say "
            f"otherwise. Splits: {_counted(about.splits)}.",
        ],
        "rai:dataUseCases": ["Training and measuring hair segmentation and matting. Not for recognising people."],
        "rai:dataBiases": [
            "Who is shown (age, gender, skin, kind of hair) is not recorded. The set is as varied as its sources; measure by "
            "slices before you rely on it."
        ],
        "rai:dataLimitations": [limit for limit in limits if limit] or ["None is known."],
        "rai:personalSensitiveInformation": [
            f"Faces: {about.examples - about.drawn:,} photos show people, {about.drawn:,} are drawn portraits. Names of "
            "contributors and of people shown are left out, also in what their consent rests on; a contributor has a pseudonym."
        ],
        "rai:dataReleaseMaintenancePlan": (
            "A copy does not change. People may withdraw their consent: ask where you got this copy whether photos were erased "
            "since, and delete yours."
        ),
    }  # fmt: skip


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in numbers.items() if number)


# --- the files of a folder -------------------------------------------------------------------------------------------


def describe_files(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The files of an export as `distribution`, and the rows of its lists as `recordSet`.

    The files of a folder with one ending are one entry; a single one is hashed.
    """
    groups: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        below = path.relative_to(folder)
        groups[below.parent.as_posix(), path.suffix].append(path)
    files, rows = [], []
    for (parent, suffix), paths in groups.items():
        above = "" if parent == "." else f"{parent}/"
        kind = MEDIA_TYPES[suffix]
        if len(paths) > 1 and not above:
            entries = [(f"{path.name}", _one(path, path.name, kind), path) for path in paths]
        elif len(paths) > 1:
            name = f"{above}*{suffix}"
            entries = [
                (name, {"@type": "cr:FileSet", "@id": name, "name": name, "encodingFormat": kind, "includes": name}, paths[0])
            ]
        else:
            name = f"{above}{paths[0].name}"
            entries = [(name, _one(paths[0], name, kind), paths[0])]
        for name, entry, path in entries:
            files.append(entry)
            if suffix in LISTS and (columns := list(_columns(path))):
                rows.append(_record_set(name, entry, columns))
    return files, rows


def _one(path: Path, name: str, kind: str) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = f"{path.stat().st_size} B"
    about = {"@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name, "contentSize": size}
    return {**about, "encodingFormat": kind, "sha256": digest}


def _columns(path: Path) -> Iterator[tuple[str, str, bool]]:
    """The columns of a list: name, Croissant's data type, and whether pictures are inside."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            yield from ((name, "sc:Text", False) for name in next(csv.reader(file), []))
    elif path.suffix == ".jsonl":
        with path.open(encoding="utf-8") as file:
            for name, value in json.loads(file.readline()).items():
                yield name, "sc:Boolean" if isinstance(value, bool) else "sc:Text", False
    else:
        import pyarrow.parquet
        from pyarrow import types

        for field in pyarrow.parquet.read_schema(path):
            if types.is_struct(field.type):
                yield field.name, "sc:ImageObject", True
            else:
                plain = {"bool": "sc:Boolean", "int64": "sc:Integer"}
                yield field.name, plain.get(str(field.type), "sc:Text"), False


def _record_set(name: str, file: Mapping[str, Any], columns: list[tuple[str, str, bool]]) -> dict[str, Any]:
    """A list's rows. `name` is its path, or the pattern of several."""
    rows = f"rows-of-{name.replace('/', '-').replace('*', 'all')}"
    origin = "fileSet" if file["@type"] == "cr:FileSet" else "fileObject"
    fields = []
    for column, kind, has_pictures in columns:
        source: dict[str, Any] = {origin: {"@id": file["@id"]}, "extract": {"column": column}}
        if has_pictures:
            source["transform"] = {"jsonPath": "bytes"}
        fields.append(
            {"@type": "cr:Field", "@id": f"{rows}/{column}", "name": column, "dataType": kind, "source": source}
        )  # fmt: skip
    return {"@type": "cr:RecordSet", "@id": rows, "name": rows, "field": fields}
