"""Verdicts from a CSV file with the columns example,verdict and, if given, reason and reviewer."""

import csv
import hashlib
from pathlib import Path

from curator.review.verdicts import NewVerdict
from db.errors import WinnowError
from db.tables import Decision, Reason


def read_csv(file: Path, reviewer: str) -> dict[str, list[NewVerdict]]:
    """The verdicts of a CSV file with columns example,verdict and, if given, reason and reviewer, by reviewer.

    `reviewer` gives the verdicts of lines that name nobody. Client ids come from the file's content, so that reading it
    again gives the same verdicts. Raises WinnowError with the line's number for anything that is no verdict.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WinnowError(f"{file} can't be read as a CSV file in UTF-8 ({error}).") from None
    rows = csv.DictReader(text.splitlines())
    if not {"example", "verdict"} <= set(rows.fieldnames or ()):
        raise WinnowError(f"{file} needs a first line with the columns example,verdict,reason,reviewer.")
    content = hashlib.sha256(text.encode()).hexdigest()[:32]
    found: dict[str, list[NewVerdict]] = {}
    for row in rows:
        try:
            example, decision = int(row["example"]), Decision(row["verdict"].strip())
            reason = Reason(row["reason"].strip()) if (row.get("reason") or "").strip() else None
        except (ValueError, TypeError, AttributeError):
            raise WinnowError(
                f"{file}, line {rows.line_num}: wanted an example's number, keep, reject or undo, and no reason or one of "
                f"{', '.join(Reason)}."
            ) from None
        name = (row.get("reviewer") or "").strip() or reviewer
        found.setdefault(name, []).append(NewVerdict(example, decision, reason, f"{content}-{rows.line_num}"))
    return found
