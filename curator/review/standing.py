"""The state of an example: the rules as pure functions, then the rows (`db.tables.Standing`) that store it.

An example is *open* while no verdict on it counts; *keep*, *fix* or *reject* when all its reviewers agree; *fix* also when
some keep it and others would have it fixed, for a repair spoils nothing; *disputed* when one rejects what another does not,
until a lead settles it. Only *keep* is approved.

A mask at *fix* waits for a touch-up. Its end sends the example back to review (review/reopening.py): it is *repaired*, until
somebody who did not repair it keeps it, or a lead says so. To send it back is to say *fix* again.

Of a group (examples of the same picture) one is open at a time, the least doubtful first. The others are *waiting*; the next
one opens when it is rejected.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, func, select, union
from sqlalchemy.orm import Session, aliased

from curator.review.opinions import Opinion, opinions_on, repairers
from db.session import in_batches
from db.tables import Decision, Example, Split, Standing, State, Submission, Suspicion

HOLDING_STATES = (State.keep, State.fix, State.repaired, State.disputed)  # none of a group is open beside one of these
DIGITS = 13  # hexadecimal digits of a hash; they fit the 52 bits of a float's mantissa


def agreed_state(opinions: Sequence[Opinion], repairer: int | None = None) -> State:
    """The state that the opinions on an example give: a lead's newest settlement decides alone, else all must agree.

    `repairer` is the reviewer whose repaired mask they are about, None if it is the contributor's: the keep of one's own
    repair does not count, unless it settles.
    """
    settled = [opinion for opinion in opinions if opinion.settles]
    counting = [max(settled, key=lambda opinion: opinion.verdict)] if settled else opinions
    decisions = {
        opinion.decision
        for opinion in counting
        if opinion.settles or opinion.reviewer != repairer or opinion.decision is not Decision.keep
    }
    if not decisions:
        return State.open if repairer is None else State.repaired
    if decisions == {Decision.keep, Decision.fix}:
        return State.fix
    return State(decisions.pop().value) if len(decisions) == 1 else State.disputed


def wants_second_look(state: State, split: Split) -> bool:
    """Whether an example, at this state when a touch-up of its mask ends, is sent back to review with the repaired mask.

    A kept test mask is not: each of them is touched up as a matter of course, as in the paper, and stays kept. Nor is one that
    somebody has rejected meanwhile.
    """
    if state in (State.reject, State.disputed):
        return False
    return state is not State.keep or split is not Split.test


@dataclass(frozen=True)
class GroupMember:
    """One example of a group: its suspicion (`doubt`), 0 to 1, and the state that it would have without the group."""

    example: int
    doubt: float
    alone: State


def group_states(members: Sequence[GroupMember]) -> dict[int, State]:
    """The states of a group's examples: as without the group, but at most one is open, and none beside a `HOLDING_STATES`."""
    opens = [(member.doubt, member.example) for member in members if member.alone is State.open]
    held = any(member.alone in HOLDING_STATES for member in members)
    shown = None if held or not opens else min(opens)[1]
    waits = {example for _, example in opens if example != shown}
    return {member.example: State.waiting if member.example in waits else member.alone for member in members}


def first_reviewer(opinions: Sequence[Opinion], image_sha256: str, share: float, repairer: int | None = None) -> int | None:
    """The reviewer who gave the only opinion, if the example is to get a second one; None otherwise.

    A `share`, 0 to 1, of all examples gets one. The hash of the picture decides which: reviewers can't predict it, and the
    answer never changes. A repaired mask gets a second look in any case, and no third: its `repairer` was the first.
    """
    if repairer is not None:
        return repairer if agreed_state(opinions, repairer) is State.repaired else None
    if len(opinions) != 1 or opinions[0].settles or _share(image_sha256[DIGITS : 2 * DIGITS]) >= share:
        return None
    return opinions[0].reviewer


def random_rank(image_sha256: str) -> float:
    """An example's rank in the random order, 0 to 1 (exclusive), from the hash of its picture: the same for everybody."""
    return _share(image_sha256[:DIGITS])


def _share(digits: str) -> float:
    return int(digits, 16) / float(16 ** len(digits))


# --- the rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LockedStanding:
    """An example's standing, locked for update, with the hash of its picture and its group."""

    standing: Standing
    image: str
    group: int | None

    @property
    def example(self) -> int:
        """The number of the example."""
        return self.standing.example_id


def lock_standings(session: Session, examples: Collection[int]) -> list[LockedStanding]:
    """The standings of these examples and of all others in their groups, locked, ordered by number.

    They are locked before anything else is read, so that two verdicts on one example, or one group, can't overlap.
    """
    asked = sorted(set(examples))
    found = select(Standing, Example.image_sha256).join(Example, Example.id == Standing.example_id).order_by(Example.id)
    found = found.with_for_update(of=Standing)
    rows = [row for batch in in_batches(asked) for row in session.execute(found.where(Example.id.in_(batch)))]
    # Read only after the lock: the transaction that held it before may have put the examples into a group.
    groups: dict[int, int | None] = {}
    for batch in in_batches(asked):
        grouped = select(Example.id, Example.group_id).where(Example.id.in_(batch), Example.group_id.is_not(None))
        groups |= dict(session.execute(grouped).all())
    locked = {standing.example_id: LockedStanding(standing, image, groups.get(standing.example_id)) for standing, image in rows}
    # A separate query: with an OR in the first, PostgreSQL would read every example.
    for some_groups in in_batches(set(groups.values())):
        whole_groups = found.add_columns(Example.group_id).where(Example.group_id.in_(some_groups))
        locked |= {standing.example_id: LockedStanding(standing, *rest) for standing, *rest in session.execute(whole_groups)}
    return [locked[example] for example in sorted(locked)]


@dataclass(frozen=True)
class Judged:
    """What states were computed from: the opinions by example, and who repaired the mask that they are about."""

    opinions: dict[int, list[Opinion]]
    repairers: dict[int, int]

    def alone(self, example: int) -> State:
        """The state that an example would have without its group."""
        return agreed_state(self.opinions.get(example, []), self.repairers.get(example))


def update_standings(session: Session, locked: Sequence[LockedStanding]) -> Judged:
    """Set each example's state from the opinions on it and on its group; returns what they were computed from.

    Groups must be complete, as `lock_standings` returns them.
    """
    examples = [row.example for row in locked]
    judged = Judged(opinions_on(session, examples), repairers(session, examples))
    states = _states_in_groups(
        (row.group, GroupMember(row.example, row.standing.doubt, judged.alone(row.example))) for row in locked
    )
    for row in locked:
        row.standing.state = states[row.example]
    return judged


def _states_in_groups(members: Iterable[tuple[int | None, GroupMember]]) -> dict[int, State]:
    """The state of each example, given with its group or None."""
    states: dict[int, State] = {}
    groups: dict[int, list[GroupMember]] = defaultdict(list)
    for group, member in members:
        if group is None:
            states[member.example] = member.alone
        else:
            groups[group].append(member)
    for each in groups.values():
        states |= group_states(each)
    return states


def wrongly_standing(session: Session) -> list[int]:
    """The examples whose `Standing` is missing or contradicts their verdicts, repairs, suspicion, split, source or group."""
    judged = Judged(opinions_on(session), repairers(session))
    rows = session.execute(
        select(Example.id, Example.group_id, Example.split, Submission.source_id, func.coalesce(Suspicion.value, 0.0), Standing)
        .join(Submission, Submission.id == Example.submission_id)
        .outerjoin(Suspicion, Suspicion.example_id == Example.id)
        .outerjoin(Standing, Standing.example_id == Example.id)
        .order_by(Example.id)
        .execution_options(yield_per=10_000)
    )
    wrong: list[int] = []
    grouped: list[tuple[int | None, GroupMember]] = []
    stored: dict[int, State] = {}  # of examples in a group, whose state depends on the whole group
    for example, group, split, source, doubt, row in rows:
        alone = judged.alone(example)
        # In a group, the state depends on the others too. Whose look is wanted, on the example's own state alone.
        looks_wrong = row is not None and (
            (group is None and row.state is not alone)
            or (alone is State.repaired and row.first_reviewer_id != judged.repairers[example])
        )
        if row is None or (row.split, row.source_id, row.doubt) != (split, source, doubt) or looks_wrong:
            wrong.append(example)
        if group is not None and row is not None:
            grouped.append((group, GroupMember(example, doubt, alone)))
            stored[example] = row.state
    wrong += [example for example, state in _states_in_groups(grouped).items() if stored[example] is not state]
    return sorted(set(wrong))


def approved(*of_groups: ColumnElement[bool]) -> Select[Example]:
    """The query for the approved examples, ordered by number. If two of a group are kept, only the least doubtful counts.

    `of_groups` are conditions on an `Example` or its `Standing` that limit what is read. Each must be true for all examples of
    a group or for none, as one on the split is.
    """
    return _first_of_groups(_places().where(Standing.state == State.keep, *of_groups))


def approved_among(examples: Select[int]) -> Select[Example]:
    """The query for those of a few examples, given by number, that are approved; as fast as they are few."""
    member, other = aliased(Example), aliased(Example)
    groups = select(member.group_id).where(member.id.in_(examples), member.group_id.is_not(None))
    # A union, since an OR would read every example. And the state is asked last, since SQLite would read every kept one first.
    with_groups = union(select(member.id).where(member.id.in_(examples)), select(other.id).where(other.group_id.in_(groups)))
    return _first_of_groups(_places().where(Example.id.in_(with_groups))).where(Example.id.in_(examples))


def _places() -> Select[int, State, int]:
    """The examples, each with its state and its place in its group: 1 is the least doubtful of those that are kept."""
    # A window and no "there is no better one": for that, SQLite would compare every kept example with every other.
    in_group = func.row_number().over(
        partition_by=func.coalesce(Example.group_id, Example.id),
        order_by=(Standing.state != State.keep, Standing.doubt, Example.id),
    )
    return select(Example.id, Standing.state, in_group.label("place")).join(Standing)


def _first_of_groups(places: Select[int, State, int]) -> Select[Example]:
    found = places.subquery()
    first = select(Example).join(found, found.c.id == Example.id).where(found.c.place == 1, found.c.state == State.keep)
    return first.order_by(Example.id)


@dataclass(frozen=True)
class Counts:
    """How many examples there are in each state.

    `reject` includes the disputed ones: they are excluded until a lead settles them. `waiting` ones (another example of the
    same picture comes first) are not in `open`: nobody has to judge them now. `fix` wait for a touch-up, `repaired` for
    somebody's look at the repaired mask.
    """

    keep: int
    reject: int
    open: int
    disputed: int = 0
    waiting: int = 0
    fix: int = 0
    repaired: int = 0

    @property
    def examples(self) -> int:
        """The number of all examples."""
        return self.keep + self.fix + self.repaired + self.reject + self.open + self.waiting


def counts(session: Session, *of: ColumnElement[bool]) -> Counts:
    """Count the examples by state: all, or those for whose `Standing` the conditions `of` hold."""
    rows = session.execute(select(Standing.state, func.count()).where(*of).group_by(Standing.state)).all()
    found = dict(rows)
    disputed = found.get(State.disputed, 0)
    return Counts(
        keep=found.get(State.keep, 0),
        reject=found.get(State.reject, 0) + disputed,
        open=found.get(State.open, 0),
        disputed=disputed,
        waiting=found.get(State.waiting, 0),
        fix=found.get(State.fix, 0),
        repaired=found.get(State.repaired, 0),
    )


def existing_examples(session: Session, examples: Collection[int]) -> set[int]:
    """Those of the examples that exist."""
    found = select(Standing.example_id)
    return {one for batch in in_batches(examples) for one in session.scalars(found.where(Standing.example_id.in_(batch)))}
