"""The schema: one class per table, in the words of docs/architecture.md. Decisions of people are append-only.

The `comment`s of the columns are part of the schema: PostgreSQL stores them, so a change needs a migration.
"""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Dialect,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    UniqueConstraint,
    and_,
    false,
    or_,
    true,
)
from sqlalchemy import DateTime as SqlDateTime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from db.people import person_key


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC. SQLite drops the time zone, so it is added again when read. A naive value raises ValueError."""

    impl = SqlDateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Split(StrEnum):
    """Which part of a curated set an example belongs to."""

    train = "train"
    validation = "validation"
    test = "test"


class Decision(StrEnum):
    """What a verdict says: good as it is; not good enough, but worth repairing; or neither.

    `undo` takes back the reviewer's last verdict on the example; the one before it counts again.
    """

    keep = "keep"
    fix = "fix"
    reject = "reject"
    undo = "undo"


class Reason(StrEnum):
    """Why an example was rejected."""

    no_face = "no_face"
    not_hair = "not_hair"
    hair_missing = "hair_missing"
    spills_over = "spills_over"
    too_coarse = "too_coarse"
    bad_photo = "bad_photo"
    unsaid = "unsaid"


class State(StrEnum):
    """What the newest verdict of each reviewer and the example's group add up to (curator/review/standing.py)."""

    open = "open"
    keep = "keep"
    fix = "fix"
    repaired = "repaired"
    reject = "reject"
    disputed = "disputed"
    waiting = "waiting"


class MaskOrigin(StrEnum):
    """Who made the mask that an example has at some moment."""

    contributor = "contributor"
    touch_up = "touch_up"
    refinement = "refinement"


class Presence(StrEnum):
    """What becomes of a page that shows a touch-up. Of several pages, the one that opened it last may paint."""

    opened = "opened"
    hidden = "hidden"
    shown = "shown"
    left = "left"


class JobState(StrEnum):
    """The state of a job, as its row stores it. `db.jobs.job_state` says which state to show or to act on.

    A job that died cannot say so: its row says queued or running until the process that waits for it, or the next job that is
    started, stores `interrupted`. A job that lives after all stores running again.
    """

    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"
    interrupted = "interrupted"


def _values(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]


def _enum(kind: type[StrEnum], name: str) -> Enum:
    # Values, not names, and a CHECK instead of a native type: the same on SQLite and PostgreSQL.
    return Enum(kind, name=name, values_callable=_values, native_enum=False, create_constraint=True, length=20)


CROP_SIDE = 512  # pixels; height and width of a crop, in the store, in the browser and when a run reads it

Sha256 = Annotated[str, mapped_column(String(64))]
Name = Annotated[str, mapped_column(String(1000))]
AddedBy = Annotated[int | None, mapped_column(ForeignKey("job.id"), comment="the ingest that added it; empty: one before 0022")]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: UtcDateTime(),
        Split: _enum(Split, "split"),
        Decision: _enum(Decision, "decision"),
        Reason: _enum(Reason, "reason"),
        State: _enum(State, "state"),
        MaskOrigin: _enum(MaskOrigin, "mask_origin"),
        JobState: _enum(JobState, "job_state"),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
    }


# --- received -------------------------------------------------------------------------------------------------------


def _key_of_name(context: Any) -> str:
    return person_key(context.get_current_parameters()["name"])


class Contributor(Base):
    """The person who painted masks, by the name that a source gives. Erased together with all their submissions.

    Every spelling of the name has the same key (db/people.py), so one person is one row.
    """

    __tablename__ = "contributor"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Name] = mapped_column(comment="as it was spelled first")
    key: Mapped[Sha256] = mapped_column(unique=True, default=_key_of_name, comment="one for every spelling of the name")


class Source(Base):
    """Where a batch of submissions came from: an adapter and a location."""

    __tablename__ = "source"
    __table_args__ = (UniqueConstraint("adapter", "location"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    adapter: Mapped[str] = mapped_column(String(40))
    location: Mapped[Name]
    added_at: Mapped[datetime]
    meaning: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True), comment="what the values of its masks mean; empty: each mask is read by itself, as before 0020"
    )


class Submission(Base):
    """A photo and the mask its contributor painted, exactly as received; never changed."""

    __tablename__ = "submission"
    __table_args__ = (UniqueConstraint("photo_sha256", "mask_sha256"), Index(None, "job_id", "id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), index=True)
    job_id: Mapped[AddedBy]
    contributor_id: Mapped[int | None] = mapped_column(ForeignKey("contributor.id"), index=True)
    photo_name: Mapped[Name] = mapped_column(index=True, comment="the photo's file name as received")
    photo_sha256: Mapped[Sha256]
    mask_sha256: Mapped[Sha256] = mapped_column(index=True)
    skin_sha256: Mapped[Sha256 | None] = mapped_column(index=True, comment="the file of the skin's mask, if there is one")
    unknown_sha256: Mapped[Sha256 | None] = mapped_column(index=True, comment="the file of the unknown pixels, if there is one")
    height: Mapped[int] = mapped_column(comment="of the upright photo, pixels")
    width: Mapped[int] = mapped_column(comment="of the upright photo, pixels")
    licence: Mapped[str | None] = mapped_column(String(200))
    subject: Mapped[Name | None] = mapped_column(index=True, comment="the person shown, by the name that the source gives")
    consent_basis: Mapped[str | None] = mapped_column(String(200), comment="what the use rests on, such as a signed form")
    consent_date: Mapped[date | None] = mapped_column(comment="when consent was given")
    consent_expires: Mapped[date | None] = mapped_column(comment="the last day on which the photo may be used")
    drawn: Mapped[bool] = mapped_column(default=False, comment="a portrait of the built-in sample set, not a person")
    said_split: Mapped[Split | None] = mapped_column(comment="by its source, or by whoever brought it in")
    official: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="the source is a published set, and so are its splits"
    )
    received_at: Mapped[datetime]

    source: Mapped[Source] = relationship()
    contributor: Mapped[Contributor | None] = relationship()
    example: Mapped["Example | None"] = relationship(back_populates="submission")
    likeness: Mapped["Likeness | None"] = relationship(passive_deletes=True)
    remarks: Mapped[list["Remark"]] = relationship(back_populates="submission", passive_deletes=True)


CONSENT_RECORDED = or_(
    Submission.consent_basis.is_not(None), Submission.consent_date.is_not(None), Submission.consent_expires.is_not(None)
)
Index(
    "ix_submission_consent_recorded",
    Submission.consent_expires,
    sqlite_where=CONSENT_RECORDED,
    postgresql_where=CONSENT_RECORDED,
)


class Likeness(Base):
    """Two perceptual hashes of a submission's upright photo, to find the same picture again (curator/ingest/likeness.py).

    The first has 64 bits, in four parts of 16. Two hashes that differ in fewer than four bits have at least one part in common.
    """

    __tablename__ = "likeness"
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id", ondelete="CASCADE"), primary_key=True)
    part_1: Mapped[int] = mapped_column(index=True)
    part_2: Mapped[int] = mapped_column(index=True)
    part_3: Mapped[int] = mapped_column(index=True)
    part_4: Mapped[int] = mapped_column(index=True)
    blocks: Mapped[str] = mapped_column(String(64), comment="the second hash, 256 bits in hexadecimal")


class Refusal(Base):
    """A file that was refused, or that belongs to no photo and was not read, and the reason in words."""

    __tablename__ = "refusal"
    __table_args__ = (UniqueConstraint("source_id", "file", "reason"), Index(None, "job_id", "id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), index=True)
    job_id: Mapped[AddedBy]
    file: Mapped[Name]
    reason: Mapped[Name]
    at: Mapped[datetime]
    not_read: Mapped[bool] = mapped_column(default=False, server_default=false(), comment="it belongs to no photo")
    digest: Mapped[str | None] = mapped_column(
        String(64),
        comment="of a pair that no split is right for: it is not decoded again, until an example is deleted",
    )

    source: Mapped[Source] = relationship()


class Remark(Base):
    """Something unusual about a submission, in words: its mask was resized, the photo shows several faces, ..."""

    __tablename__ = "remark"
    __table_args__ = (UniqueConstraint("submission_id", "words"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id", ondelete="CASCADE"), index=True)
    words: Mapped[Name]
    at: Mapped[datetime]

    submission: Mapped[Submission] = relationship(back_populates="remarks")


class CropChoice(Base):
    """A person's decision about a photo without a detected face: a square to crop, or discard; append-only.

    The square is in pixels of the upright photo and may extend beyond it. Its four columns are empty if the photo is
    discarded, and in an undo, which names the choice that it takes back.
    """

    __tablename__ = "crop_choice"
    __table_args__ = (
        CheckConstraint(
            "(crop_side IS NULL AND crop_top IS NULL AND crop_left IS NULL AND crop_rotation IS NULL) OR "
            "(crop_side > 0 AND crop_top IS NOT NULL AND crop_left IS NOT NULL AND crop_rotation IS NOT NULL)",
            name="a_square_or_none",
        ),
        CheckConstraint("undoes IS NULL OR crop_side IS NULL", name="an_undo_has_no_square"),
        UniqueConstraint("undoes"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id", ondelete="CASCADE"), index=True)
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewer.id"))
    crop_top: Mapped[float | None]
    crop_left: Mapped[float | None]
    crop_side: Mapped[float | None]
    crop_rotation: Mapped[float | None] = mapped_column(comment="degrees counter-clockwise the photo is turned")
    undoes: Mapped[int | None] = mapped_column(ForeignKey("crop_choice.id"), comment="the choice that an undo takes back")
    at: Mapped[datetime]


# --- reviewed -------------------------------------------------------------------------------------------------------


class Example(Base):
    """A crop with everything known about it. A submission without an example has no detected face and is kept aside.

    Boxes are (top, left, bottom, right), ends exclusive. The face (empty if a whole photo shows none) and the crop are in
    pixels of the upright photo; the crop may extend beyond it. `inside` is in pixels of the 512 x 512 crop: the part that
    shows the photo; the rest is filled.
    """

    __tablename__ = "example"
    __table_args__ = (
        CheckConstraint("face_bottom > face_top AND face_right > face_left", name="face_has_an_area"),
        CheckConstraint("crop_side > 0", name="crop_has_an_area"),
        CheckConstraint("inside_bottom > inside_top AND inside_right > inside_left", name="inside_has_an_area"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"), unique=True)
    face_top: Mapped[int | None]
    face_left: Mapped[int | None]
    face_bottom: Mapped[int | None]
    face_right: Mapped[int | None]
    face_score: Mapped[float | None] = mapped_column(comment="the detector's own; higher is surer")
    crop_top: Mapped[float]
    crop_left: Mapped[float]
    crop_side: Mapped[float]
    crop_rotation: Mapped[float] = mapped_column(default=0.0, comment="degrees counter-clockwise the photo was turned")
    inside_top: Mapped[int]
    inside_left: Mapped[int]
    inside_bottom: Mapped[int]
    inside_right: Mapped[int]
    image_sha256: Mapped[Sha256] = mapped_column(index=True)
    mask_sha256: Mapped[Sha256] = mapped_column(index=True)
    skin_sha256: Mapped[Sha256 | None] = mapped_column(index=True, comment="the skin's mask, where the source labels it")
    unknown_sha256: Mapped[Sha256 | None] = mapped_column(
        index=True, comment="255 where the source says nothing: left out of loss and measures; empty: nowhere"
    )
    split: Mapped[Split] = mapped_column(index=True)
    group_id: Mapped[int | None] = mapped_column(
        ForeignKey("example.id", ondelete="SET NULL"),
        index=True,
        comment="an example of the same picture, one for all of them; empty: alone",
    )

    submission: Mapped[Submission] = relationship(back_populates="example")
    signals: Mapped[list["Signal"]] = relationship()
    suspicion: Mapped["Suspicion | None"] = relationship()
    standing: Mapped["Standing"] = relationship(passive_deletes=True)


class Signal(Base):
    """One number about an example that hints at a bad mask."""

    __tablename__ = "signal"
    example_id: Mapped[int] = mapped_column(ForeignKey("example.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[float]


class Suspicion(Base):
    """How likely an example's mask is bad, 0 to 1, from its signals, with the reasons in words."""

    __tablename__ = "suspicion"
    __table_args__ = (CheckConstraint("value >= 0 AND value <= 1", name="value_is_a_share"),)
    example_id: Mapped[int] = mapped_column(ForeignKey("example.id", ondelete="CASCADE"), primary_key=True)
    model: Mapped[str] = mapped_column(String(40), comment="name and version of the rule that made it")
    value: Mapped[float] = mapped_column(index=True)
    reasons: Mapped[list[str]]


class Standing(Base):
    """An example's place in the review queue: one narrow row, added with the example and updated with every verdict.

    It is derived from verdicts, suspicion and source (`curator check` recomputes it and compares). It exists because the
    next card and the counts must be as fast with a million examples as with a thousand, and no index can span the tables
    that it is derived from.
    """

    __tablename__ = "standing"
    example_id: Mapped[int] = mapped_column(ForeignKey("example.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[State] = mapped_column(default=State.open)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), comment="of the submission")
    split: Mapped[Split]
    doubt: Mapped[float] = mapped_column(default=0.0, comment="the suspicion's value; 0 without one")
    lot: Mapped[float] = mapped_column(comment="its place in the random order, 0 to 1")
    first_reviewer_id: Mapped[int | None] = mapped_column(
        ForeignKey("reviewer.id"),
        comment="where another's look is wanted: whose sole opinion stands, or who repaired the mask",
    )


Index("ix_standing_state_doubt", Standing.state, Standing.doubt.desc(), Standing.example_id)
Index("ix_standing_state_lot", Standing.state, Standing.lot)
Index("ix_standing_state_source", Standing.state, Standing.source_id, Standing.doubt.desc(), Standing.example_id)
Index("ix_standing_doubt", Standing.doubt.desc(), Standing.example_id)
_SECOND_WANTED = Standing.first_reviewer_id.is_not(None)
Index(
    "ix_standing_second_wanted",
    Standing.first_reviewer_id,
    Standing.example_id,
    sqlite_where=_SECOND_WANTED,
    postgresql_where=_SECOND_WANTED,
)


class Reviewer(Base):
    """A person who gives verdicts and makes touch-ups."""

    __tablename__ = "reviewer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)


class Lease(Base):
    """One reviewer's short claim on an example in their deck; at most one per example."""

    __tablename__ = "lease"
    example_id: Mapped[int] = mapped_column(ForeignKey("example.id", ondelete="CASCADE"), primary_key=True)
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewer.id"), index=True)
    until: Mapped[datetime]


class Verdict(Base):
    """Keep, fix, reject or undo, by a reviewer, at a time; append-only. A reviewer's newest one that was not undone counts."""

    __tablename__ = "verdict"
    __table_args__ = (
        CheckConstraint("(decision = 'reject') = (reason IS NOT NULL)", name="reject_has_a_reason"),
        CheckConstraint("undoes IS NULL OR decision = 'undo'", name="only_an_undo_takes_back"),
        UniqueConstraint("reviewer_id", "client_id"),
        UniqueConstraint("undoes"),
        Index("ix_verdict_newest", "example_id", "reviewer_id", "id"),
        Index("ix_verdict_reviewer", "reviewer_id", "id"),
        Index("ix_verdict_reason", "reason", "example_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    example_id: Mapped[int] = mapped_column(ForeignKey("example.id"))
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewer.id"))
    decision: Mapped[Decision]
    reason: Mapped[Reason | None]
    settles: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="a lead's word on what others see differently"
    )
    undoes: Mapped[int | None] = mapped_column(
        ForeignKey("verdict.id"),
        comment="what an undo takes back; the reviewer's verdict before that counts again",
    )
    at: Mapped[datetime] = mapped_column(index=True)
    client_id: Mapped[str] = mapped_column(String(64), comment="made by the sender, so that a repeat is taken once")


class Reopening(Base):
    """An example sent back to review: its earlier verdicts stay on record but no longer count; append-only.

    A person sends it back, or a touch-up does: its repaired mask is another one than the verdicts were about. Where that repair
    is taken back, so is its row, by another one, and the verdicts count again.
    """

    __tablename__ = "reopening"
    id: Mapped[int] = mapped_column(primary_key=True)
    example_id: Mapped[int] = mapped_column(ForeignKey("example.id"), index=True)
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewer.id"), comment="who sent it back")
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"), comment="whose report showed it")
    touch_up_id: Mapped[int | None] = mapped_column(
        ForeignKey("touch_up.id"), index=True, comment="whose repaired mask wants a second look"
    )
    undoes: Mapped[int | None] = mapped_column(
        ForeignKey("reopening.id"), index=True, comment="the row that this one takes back; it opens nothing itself"
    )
    after_verdict: Mapped[int] = mapped_column(
        comment="the example's newest verdict then, 0 without one; only later ones count"
    )
    at: Mapped[datetime]


class Gold(Base):
    """A control example: a lead knows its answer, and it is mixed into every deck; append-only, the newest row counts."""

    __tablename__ = "gold"
    __table_args__ = (
        CheckConstraint("answer IS NULL OR answer <> 'undo'", name="answer_is_no_undo"),
        Index("ix_gold_newest", "example_id", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    example_id: Mapped[int] = mapped_column(ForeignKey("example.id"))
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewer.id"), index=True, comment="the lead who says so")
    answer: Mapped[Decision | None] = mapped_column(comment="empty: not a known answer any more")
    at: Mapped[datetime]


class GuideExample(Base):
    """A picture in the guide "What is a good mask", chosen by a lead; append-only, the newest row of a place counts."""

    __tablename__ = "guide_example"
    __table_args__ = (Index("ix_guide_example_newest", "place", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(String(20), comment="good_1 to good_4, or a reject reason")
    example_id: Mapped[int | None] = mapped_column(
        ForeignKey("example.id", ondelete="SET NULL"), index=True, comment="empty: the drawn picture again"
    )
    words: Mapped[str] = mapped_column(String(200), comment="what to see in it")
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewer.id"), comment="the lead who chose it")
    at: Mapped[datetime]


class TouchUp(Base):
    """One repair of a mask, from the moment it began. The server's clock counts."""

    __tablename__ = "touch_up"
    __table_args__ = (CheckConstraint("seconds_shown > 0", name="clock_has_time"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    example_id: Mapped[int] = mapped_column(ForeignKey("example.id"), index=True)
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewer.id"), index=True)
    mask_before_sha256: Mapped[Sha256] = mapped_column(index=True)
    started_at: Mapped[datetime]
    seconds_shown: Mapped[int | None] = mapped_column(comment="what the clock started from; empty: no clock")

    saves: Mapped[list["TouchUpSave"]] = relationship(order_by="TouchUpSave.id", back_populates="touch_up")
    presences: Mapped[list["TouchUpPresence"]] = relationship(order_by="TouchUpPresence.id")


class TouchUpSave(Base):
    """The mask after one or more strokes of a touch-up; the newest is the touch-up's result."""

    __tablename__ = "touch_up_save"
    id: Mapped[int] = mapped_column(primary_key=True)
    touch_up_id: Mapped[int] = mapped_column(ForeignKey("touch_up.id"), index=True)
    mask_after_sha256: Mapped[Sha256] = mapped_column(index=True)
    seconds_used: Mapped[float]
    seconds_hidden: Mapped[float] = mapped_column(default=0.0, comment="of those, how many the page was hidden or left")
    finished: Mapped[bool] = mapped_column(comment="the reviewer said done, or the clock did; a later save takes it back")
    at: Mapped[datetime]

    touch_up: Mapped[TouchUp] = relationship(back_populates="saves")


class TouchUpPresence(Base):
    """A page opened a touch-up, was hidden, shown again or left; append-only."""

    __tablename__ = "touch_up_presence"
    id: Mapped[int] = mapped_column(primary_key=True)
    touch_up_id: Mapped[int] = mapped_column(ForeignKey("touch_up.id"), index=True)
    page: Mapped[str] = mapped_column(String(36), comment="a name that the page made up for itself")
    presence: Mapped[Presence] = mapped_column(_enum(Presence, "presence"))
    at: Mapped[datetime]


class TouchUpDiscard(Base):
    """A touch-up whose masks no longer count; they stay on record, and one can start over from them."""

    __tablename__ = "touch_up_discard"
    id: Mapped[int] = mapped_column(primary_key=True)
    touch_up_id: Mapped[int] = mapped_column(ForeignKey("touch_up.id"), unique=True)
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewer.id"), index=True)
    at: Mapped[datetime]


class TouchUpRequest(Base):
    """A lead wants a kept mask touched up, whatever was done to it before; a later touch-up that counts answers it."""

    __tablename__ = "touch_up_request"
    id: Mapped[int] = mapped_column(primary_key=True)
    example_id: Mapped[int] = mapped_column(ForeignKey("example.id"), index=True)
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewer.id"), index=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"), comment="whose report showed it")
    after_touch_up: Mapped[int] = mapped_column(comment="the example's newest touch-up then, 0 without one")
    at: Mapped[datetime]


class TouchUpClock(Base):
    """Whether touch-ups in a split run against the clock, as a lead chose; append-only, the newest row of a split counts."""

    __tablename__ = "touch_up_clock"
    id: Mapped[int] = mapped_column(primary_key=True)
    split: Mapped[Split]
    runs: Mapped[bool] = mapped_column(comment="false: a touch-up takes as long as it takes")
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewer.id"), comment="the lead who chose it")
    at: Mapped[datetime]


class Refinement(Base):
    """An alpha that Refine proposes for an example's mask; a person accepts or declines it (`refinement_decision`)."""

    __tablename__ = "refinement"
    __table_args__ = (
        UniqueConstraint("example_id", "mask_before_sha256", "method"),
        CheckConstraint("iou >= 0 AND iou <= 1", name="iou_is_a_share"),
        Index("ix_refinement_open", "accepted", "iou", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    example_id: Mapped[int] = mapped_column(ForeignKey("example.id"), index=True)
    mask_before_sha256: Mapped[Sha256] = mapped_column(index=True)
    alpha_sha256: Mapped[Sha256] = mapped_column(index=True)
    method: Mapped[str] = mapped_column(String(40), comment="name and version of what made it")
    iou: Mapped[float] = mapped_column(comment="with the mask before: how little it changed")
    consistency_before: Mapped[float | None] = mapped_column(comment="gradient consistency, eq. 1; empty: no edge")
    consistency_after: Mapped[float | None]
    accepted: Mapped[bool | None] = mapped_column(comment="by its newest decision, which is a row of its own; empty: undecided")
    at: Mapped[datetime]

    example: Mapped[Example] = relationship()


class RefinementDecision(Base):
    """A person's word on a refinement; append-only, the newest row counts."""

    __tablename__ = "refinement_decision"
    __table_args__ = (Index("ix_refinement_decision_newest", "refinement_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    refinement_id: Mapped[int] = mapped_column(ForeignKey("refinement.id"))
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewer.id"), index=True)
    accepted: Mapped[bool | None] = mapped_column(comment="empty: the decision before is taken back")
    at: Mapped[datetime]


# --- trained --------------------------------------------------------------------------------------------------------


class CuratedSet(Base):
    """A frozen, numbered list of examples, masks and splits, with a content hash; never changed."""

    __tablename__ = "curated_set"
    id: Mapped[int] = mapped_column(primary_key=True, comment="the set's number")
    hash: Mapped[Sha256] = mapped_column(unique=True)
    note: Mapped[str] = mapped_column(String(1000), default="")
    frozen_at: Mapped[datetime]

    members: Mapped[list["SetMember"]] = relationship(order_by="SetMember.position")


class SetMember(Base):
    """One example of a curated set, as it was when the set was frozen.

    `example_id` becomes empty if it is erased, and so does `touch_up_save_id`.
    """

    __tablename__ = "set_member"
    __table_args__ = (CheckConstraint("touch_up_save_id IS NULL OR mask_origin = 'touch_up'", name="a_save_is_a_touch_ups"),)
    set_id: Mapped[int] = mapped_column(ForeignKey("curated_set.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    example_id: Mapped[int | None] = mapped_column(ForeignKey("example.id", ondelete="SET NULL"), index=True)
    image_sha256: Mapped[Sha256] = mapped_column(index=True)
    mask_sha256: Mapped[Sha256] = mapped_column(index=True)
    skin_sha256: Mapped[Sha256 | None] = mapped_column(index=True)
    unknown_sha256: Mapped[Sha256 | None] = mapped_column(index=True)
    split: Mapped[Split]
    mask_origin: Mapped[MaskOrigin] = mapped_column(
        default=MaskOrigin.contributor, server_default=MaskOrigin.contributor.value, comment="who made this mask"
    )
    touch_up_save_id: Mapped[int | None] = mapped_column(
        ForeignKey("touch_up_save.id", ondelete="SET NULL"), index=True, comment="the save that this mask is of"
    )

    example: Mapped[Example | None] = relationship()


class Job(Base):
    """One of our own commands, running as its own process."""

    __tablename__ = "job"
    __table_args__ = (CheckConstraint("progress >= 0 AND progress <= 1", name="progress_is_a_share"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), index=True)
    arguments: Mapped[list[str]]
    state: Mapped[JobState] = mapped_column(index=True)
    progress: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str] = mapped_column(String(2000), default="")
    result: Mapped[dict[str, Any] | None] = mapped_column(comment="what the command prints with --json")
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    process: Mapped[int | None] = mapped_column(comment="process id on the machine that runs it")
    started_by: Mapped[str | None] = mapped_column(String(80), comment="a reviewer's name; empty: older than this column")
    created_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    expected_end: Mapped[datetime | None] = mapped_column(comment="at the pace measured so far; empty: too early to say")
    ended_at: Mapped[datetime | None]


# Only one training at a time: two would share the cores, and both would finish later.
_ACTIVE_TRAINING = and_(Job.kind == "fit", Job.state.in_([JobState.queued, JobState.running]))
Index("uq_job_one_fit_at_a_time", Job.kind, unique=True, sqlite_where=_ACTIVE_TRAINING, postgresql_where=_ACTIVE_TRAINING)


class Run(Base):
    """One training on one curated set, with its settings, history, checkpoints and best epoch.

    Of one that was deleted only this row is left, without name and note: reopenings and requests for touch-ups name it.
    """

    __tablename__ = "run"
    id: Mapped[int] = mapped_column(primary_key=True)
    set_id: Mapped[int] = mapped_column(ForeignKey("curated_set.id"), index=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), comment="the newest, when it was resumed")
    model: Mapped[str] = mapped_column(String(40))
    settings: Mapped[dict[str, Any]]
    encoder: Mapped[str] = mapped_column(String(20), comment="imagenet, or scratch when no weights could be had")
    parameters: Mapped[int] = mapped_column(comment="trainable")
    name: Mapped[str] = mapped_column(String(80), default="", server_default="", comment="given by a person")
    note: Mapped[str] = mapped_column(String(1000), default="", server_default="", comment="written by a person")
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None] = mapped_column(comment="when its files and results were deleted; empty: never")

    set: Mapped[CuratedSet] = relationship()
    job: Mapped[Job] = relationship()
    epochs: Mapped[list["Epoch"]] = relationship(order_by="Epoch.number", back_populates="run")


class Epoch(Base):
    """The losses and measures of one epoch of a run, on the training and the validation examples."""

    __tablename__ = "epoch"
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, comment="from 1")
    loss: Mapped[float] = mapped_column(comment="L = L_M + w L_C, without the weight penalty")
    mask_loss: Mapped[float]
    consistency_loss: Mapped[float]
    validation_loss: Mapped[float]
    validation_mask_loss: Mapped[float]
    validation_consistency_loss: Mapped[float]
    validation_f1: Mapped[float | None] = mapped_column(comment="the mean over images, of alpha from half on")
    validation_accuracy: Mapped[float | None] = mapped_column(comment="the mean over images, of alpha from half on")
    best: Mapped[bool] = mapped_column(comment="better than every epoch before it on validation")
    seconds: Mapped[float]
    at: Mapped[datetime]

    run: Mapped[Run] = relationship(back_populates="epochs")


class Preview(Base):
    """A validation example's matte after one epoch, to show how it improves during the training."""

    __tablename__ = "preview"
    __table_args__ = (ForeignKeyConstraint(["run_id", "epoch"], ["epoch.run_id", "epoch.number"]),)
    run_id: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    example_id: Mapped[int] = mapped_column(ForeignKey("example.id", ondelete="CASCADE"), primary_key=True, index=True)
    matte_sha256: Mapped[Sha256] = mapped_column(index=True)


class Measure(Base):
    """The measures of one run on one example: a row of a report. A column is empty if its measure is undefined there."""

    __tablename__ = "measure"
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    split: Mapped[Split] = mapped_column(primary_key=True)
    refine: Mapped[str] = mapped_column(String(20), primary_key=True)
    example_id: Mapped[int] = mapped_column(ForeignKey("example.id", ondelete="CASCADE"), primary_key=True, index=True)
    f1: Mapped[float | None]
    performance: Mapped[float | None]
    iou: Mapped[float | None]
    accuracy: Mapped[float | None]
    gradient_consistency: Mapped[float | None]
    leak: Mapped[float | None] = mapped_column(comment="mean alpha on skin well away from the true hair")
    hollow: Mapped[float | None] = mapped_column(comment="mean of 1 - alpha well inside the true hair")
    sad: Mapped[float | None] = mapped_column(comment="sum of absolute differences of alpha, in thousands")
    mse: Mapped[float | None] = mapped_column(comment="mean squared difference of alpha")
    gradient_error: Mapped[float | None] = mapped_column(comment="Rhemann et al., in thousands")
    connectivity_error: Mapped[float | None] = mapped_column(comment="Rhemann et al., in thousands")
    class_accuracy: Mapped[float | None] = mapped_column(comment="of hair, skin and background, for three-class runs")
    hair_share: Mapped[float | None] = mapped_column(comment="of the true mask, 0 to 1")
    hair_brightness: Mapped[float | None] = mapped_column(comment="mean of the true hair's grey, 0 to 1")
    alpha_side: Mapped[int] = mapped_column(
        default=CROP_SIDE,
        server_default=str(CROP_SIDE),
        comment="pixels of the square that sad to connectivity_error are of",
    )
    mask_sha256: Mapped[Sha256] = mapped_column(index=True, comment="what the matte was measured against")
    matte_sha256: Mapped[Sha256] = mapped_column(index=True)


class Export(Base):
    """A file made from a run for a device. `Settings.exported` gives its path, which depends on WINNOW_RUNS_URL."""

    __tablename__ = "export"
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), index=True)
    format: Mapped[str] = mapped_column(String(20), comment="coreml or litert")
    precision: Mapped[str] = mapped_column(String(20), comment="float32, float16 or int8")
    file: Mapped[Name] = mapped_column(comment="runs/<run>/exports/..., also where WINNOW_RUNS_URL puts the runs elsewhere")
    bytes: Mapped[int]
    # Not named ...sha256: db/blobs.py takes such a column for a picture's name.
    file_hash: Mapped[str | None] = mapped_column(String(64), comment="sha256 of the file; empty: older than these hashes")
    parts: Mapped[dict[str, Any] | None] = mapped_column(comment="sha256 of each file in a Core ML package, by its path there")
    created_at: Mapped[datetime]

    run: Mapped[Run] = relationship()
    proofs: Mapped[list["Proof"]] = relationship(order_by="Proof.id", back_populates="export")


class Proof(Base):
    """One check that a file is what was exported and computes what its run computes (trainer/device/verify.py)."""

    __tablename__ = "proof"
    id: Mapped[int] = mapped_column(primary_key=True)
    export_id: Mapped[int] = mapped_column(ForeignKey("export.id"), index=True)
    intact: Mapped[bool] = mapped_column(default=True, server_default=true(), comment="every byte is as it was exported")
    images: Mapped[int] = mapped_column(comment="on which the mattes were compared; none for a file that is not intact")
    max_abs_diff: Mapped[float | None] = mapped_column(comment="of alpha, 0 to 1, from the run with weights rounded alike")
    mean_abs_diff: Mapped[float | None]
    tolerance: Mapped[float] = mapped_column(comment="the largest difference that passes")
    differs_at: Mapped[str | None] = mapped_column(String(200), comment="the first part or layer that differs, for people")
    cost_f1: Mapped[float | None] = mapped_column(comment="the run's F1 minus the file's, on the same images")
    cost_iou: Mapped[float | None] = mapped_column(comment="the run's IoU minus the file's")
    cost_gradient_consistency: Mapped[float | None] = mapped_column(comment="the file's minus the run's; less is better")
    passed: Mapped[bool]
    at: Mapped[datetime]

    export: Mapped[Export] = relationship(back_populates="proofs")


class Event(Base):
    """A log of who did what and when, in the transaction that did it; append-only. `curator/feed.py` tells it in words."""

    __tablename__ = "event"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(80))
    what: Mapped[str] = mapped_column(String(40))
    detail: Mapped[dict[str, Any]]


# --- erased ---------------------------------------------------------------------------------------------------------


class Erasure(Base):
    """An erasure that has begun: its rows are deleted. What is left to do stands here, so that it can be gone on with."""

    __tablename__ = "erasure"
    id: Mapped[int] = mapped_column(primary_key=True)
    request: Mapped[str] = mapped_column(
        String(64), index=True, comment="keyed hash of what was asked for; the same request goes on"
    )
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"), comment="who began it and when, and what went")
    task: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True), comment="names and pictures to remove; empty once no row and no file has them"
    )
    ended_at: Mapped[datetime | None] = mapped_column(comment="empty: it was broken off, or something is left on the disk")

    event: Mapped[Event] = relationship()
    bars: Mapped[list["Bar"]] = relationship(back_populates="erasure")


_UNFINISHED = Erasure.ended_at.is_(None)
Index("ix_erasure_unfinished", Erasure.id, sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED)


class Bar(Base):
    """A person or a photo that was erased and is refused by an ingest, until a lead allows it again.

    It is known only by a keyed hash: without the home's secret, nobody can find out or try out who it is.
    """

    __tablename__ = "bar"
    __table_args__ = (UniqueConstraint("keyed_hash", "erasure_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    keyed_hash: Mapped[str] = mapped_column(String(64), comment="HMAC-SHA256 of a name or of a photo's sha256")
    key: Mapped[str] = mapped_column(String(16), index=True, comment="which secret it was made with")
    erasure_id: Mapped[int] = mapped_column(ForeignKey("erasure.id"), index=True)

    erasure: Mapped[Erasure] = relationship(back_populates="bars")
