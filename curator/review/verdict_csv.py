"""Read verdicts from a CSV file."""

import csv
import hashlib
from pathlib import Path

from curator.review.verdicts import NewVerdict
from db.errors import WinnowError
from db.tables import Decision, Reason


def read_csv(file: Path, reviewer: str) -> dict[str, list[NewVerdict]]:
    """The verdicts of a CSV file by reviewer. Its columns are example, verdict and, optionally, reason and reviewer.

    Lines without a reviewer count for `reviewer`. Client ids are made from the content of the file, so that importing it again
    adds nothing. Raises WinnowError with the line number for a line that is not a verdict, and for a file that can't be read.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WinnowError(f"{file} can't be read as a CSV file in UTF-8 ({error}).") from None
    rows = csv.DictReader(text.splitlines())
    if not {"example", "verdict"} <= set(rows.fieldnames or ()):
        raise WinnowError(f"{file} needs a first line with the columns example,verdict (and optionally reason,reviewer).")
    content = hashlib.sha256(text.encode()).hexdigest()[:32]
    found: dict[str, list[NewVerdict]] = {}
    for row in rows:
        try:
            example, decision = int(row["example"]), Decision(row["verdict"].strip())
            reason = Reason(row["reason"].strip()) if (row.get("reason") or "").strip() else None
        except (ValueError, TypeError, AttributeError):
            raise WinnowError(
                f"{file}, line {rows.line_num}: expected the number of an example, keep, fix, reject or undo, and no "
                f"reason or one of {', '.join(Reason)}."
            ) from None
        name = (row.get("reviewer") or "").strip() or reviewer
        found.setdefault(name, []).append(NewVerdict(example, decision, reason, f"{content}-{rows.line_num}"))
    return found
