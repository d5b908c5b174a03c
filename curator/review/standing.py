"""How an example stands: the rules, from values alone. The row that keeps the answer is `db.tables.Standing`.

An example is *open* while nobody has a verdict standing on it; *keep* or *reject* when all who have one agree; *disputed*
when they differ, until a lead settles it. Only what stands at keep is approved. Of a group, examples of the same picture, one
is open at a time, the least doubtful first; the others are *waiting* and come only after it was rejected.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from db.tables import Decision, State

DIGITS = 13  # hexadecimal digits of a hash that fit a float's 52 bits of mantissa


@dataclass(frozen=True)
class Opinion:
    """The newest verdict of one reviewer on one example that counts; an undo is none."""

    verdict: int
    reviewer: int
    decision: Decision
    settles: bool = False


def state_of(opinions: Sequence[Opinion]) -> State:
    """Where an example stands by the opinions on it: a lead's newest settlement alone, else what all agree on."""
    settled = [opinion for opinion in opinions if opinion.settles]
    counting = [max(settled, key=lambda opinion: opinion.verdict)] if settled else opinions
    decisions = {opinion.decision for opinion in counting}
    if not decisions:
        return State.open
    return State(decisions.pop().value) if len(decisions) == 1 else State.disputed


@dataclass(frozen=True)
class Member:
    """One example of a group, and where it would stand alone."""

    example: int
    doubt: float
    alone: State


def together(members: Sequence[Member]) -> dict[int, State]:
    """Where the examples of a group stand: as alone, but one open at most, and none beside a kept or disputed one."""
    opens = [(member.doubt, member.example) for member in members if member.alone is State.open]
    held = any(member.alone in (State.keep, State.disputed) for member in members)
    shown = None if held or not opens else min(opens)[1]
    waits = {example for _, example in opens if example != shown}
    return {member.example: State.waiting if member.example in waits else member.alone for member in members}


def first_of(opinions: Sequence[Opinion], image_sha256: str, share: float) -> int | None:
    """The reviewer whose sole opinion stands, where a second one is wanted for a `share` (0 to 1) of all examples.

    Which examples those are is in the picture's hash, so that nobody can tell beforehand, and asking again gives the same.
    """
    if len(opinions) != 1 or opinions[0].settles or _share(image_sha256[DIGITS : 2 * DIGITS]) >= share:
        return None
    return opinions[0].reviewer


def lot_of(image_sha256: str) -> float:
    """An example's place in the random order, 0 to 1: from its picture's hash, the same for everybody."""
    return _share(image_sha256[:DIGITS])


def _share(digits: str) -> float:
    return int(digits, 16) / float(16 ** len(digits))
