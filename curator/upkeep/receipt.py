"""What an erasure removed, and what remains and why: for the person who asked for it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from curator.upkeep.spellings import Near, in_words

LISTED = 20  # places where something remains, that the text lists


@dataclass(frozen=True)
class Remaining:
    """Something that an erasure could not remove or leaves on purpose, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Receipt:
    """How much was erased, what was searched afterwards, and what remains. The fields are the keys of `erase --json`.

    `sets` and `runs` are the numbers of the curated sets and runs that had used what was erased. It is `complete` if nothing
    remains but what cannot be otherwise; else the same request goes on.
    """

    submissions: int = 0
    examples: int = 0
    verdicts: int = 0
    touch_ups: int = 0
    refusals: int = 0
    blobs: int = 0
    sets: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    alike: list[int] = field(default_factory=list)  # numbers of others' submissions that show the same picture as an erased one
    redacted: int = 0  # rows in which a name was replaced
    files: int = 0  # that were deleted or redacted, but for the store's
    searched_files: int = 0
    searched_bytes: int = 0
    remains: list[Remaining] = field(default_factory=list)
    near: list[Near] = field(default_factory=list)  # whose names are spelled so or nearly so; printed, and never kept
    complete: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The receipt as plain values, for JSON."""
        return asdict(self)

    def text(self) -> str:
        """The receipt as text for people."""
        lines = [
            f"Erased: {_counted(self.submissions, 'submission')} and {_counted(self.blobs, 'picture')}.",
            f"With them went {_counted(self.examples, 'example')}, {_counted(self.verdicts, 'verdict')}, "
            f"{_counted(self.touch_ups, 'touch-up')} and {_counted(self.refusals, 'refusal')}. Redacted: "
            f"{_counted(self.redacted, 'row')}. Deleted or redacted: {_counted(self.files, 'other file')}.",
            f"Afterwards every byte of {_counted(self.searched_files, 'file')} was searched: "
            f"{self.searched_bytes / 1e6:,.1f} MB.",
        ]
        if self.remains:
            lines.append("What remains, and why:")
        lines += [f"- {each.what}: {each.why}" for each in self.remains[:LISTED]]
        if len(self.remains) > LISTED:
            lines.append(f"- and {len(self.remains) - LISTED} more (--json lists all)")
        if self.near:
            lines.append(f"Still here are others with nearly the same name: {in_words(self.near)}. They were not erased.")
        if not self.complete:
            lines.append(
                "Not everything could be removed yet, and the database keeps the words to search for. Do what is said above, "
                "then run the same command again."
            )
        return "\n".join(lines)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def inevitable(sets: list[int], runs: list[int], alike: list[int], *, postgresql: bool) -> list[Remaining]:
    """What no erasure can or may remove."""
    remains = []
    if sets:
        remains.append(
            Remaining(
                f"the hashes of pictures in {_numbered('curated set', sets)}",
                "so that the set's own hash can still be proven; the pictures are gone, and no hash shows one.",
            )
        )
    if runs:
        remains.append(
            Remaining(
                f"what {_numbered('run', runs)} learned",
                "it cannot be taken out of a network's weights, nor out of files made from them. If it has to go, delete the "
                "run (`winnow delete-run RUN --with-exports`), and train again on a newly frozen set.",
            )
        )
    if alike:
        remains.append(
            Remaining(
                f"the same picture in {_numbered('submission', alike)}",
                "somebody else sent it; erase it with --photo, if it has to go.",
            )
        )
    if postgresql:
        remains.append(
            Remaining(
                "PostgreSQL's own log",
                "its write-ahead log, and archives and replicas of that, hold what was written until they are overwritten; the "
                "server's files cannot be searched from here.",
            )
        )
    return [
        *remains,
        Remaining("backups, exported sets and browsers' caches", "they are out of Winnow's reach (docs/privacy.md)."),
    ]


def _numbered(noun: str, numbers: list[int]) -> str:
    return f"{noun}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
