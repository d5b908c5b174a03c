"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:

    op.create_table(
        "contributor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contributor")),
        sa.UniqueConstraint("name", name=op.f("uq_contributor_name")),
    )
    op.create_table(
        "curated_set",
        sa.Column("id", sa.Integer(), nullable=False, comment="the set's number"),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_curated_set")),
        sa.UniqueConstraint("hash", name=op.f("uq_curated_set_hash")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "done",
                "failed",
                "cancelled",
                "interrupted",
                name="job_state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("message", sa.String(length=2000), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True, comment="what the command prints with --json"),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("process", sa.Integer(), nullable=True, comment="process id on the machine that runs it"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("progress >= 0 AND progress <= 1", name=op.f("ck_job_progress_is_a_share")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_kind"), ["kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_job_state"), ["state"], unique=False)
        batch_op.create_index(
            "uq_job_one_fit_at_a_time",
            ["kind"],
            unique=True,
            sqlite_where=sa.text("kind = 'fit' AND state IN ('queued', 'running')"),
            postgresql_where=sa.text("kind = 'fit' AND state IN ('queued', 'running')"),
        )

    op.create_table(
        "reviewer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviewer")),
        sa.UniqueConstraint("name", name=op.f("uq_reviewer_name")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("adapter", sa.String(length=40), nullable=False),
        sa.Column("location", sa.String(length=1000), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("adapter", "location", name=op.f("uq_source_adapter_location")),
    )
    op.create_table(
        "refusal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("file", sa.String(length=1000), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_refusal_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refusal")),
        sa.UniqueConstraint("source_id", "file", "reason", name=op.f("uq_refusal_source_id_file_reason")),
    )
    with op.batch_alter_table("refusal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refusal_source_id"), ["source_id"], unique=False)

    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False, comment="the newest, when it was resumed"),
        sa.Column("model", sa.String(length=40), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("encoder", sa.String(length=20), nullable=False, comment="imagenet, or scratch when no weights could be had"),
        sa.Column("parameters", sa.Integer(), nullable=False, comment="trainable"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_run_job_id")),
        sa.ForeignKeyConstraint(["set_id"], ["curated_set.id"], name=op.f("fk_run_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_set_id"), ["set_id"], unique=False)

    op.create_table(
        "submission",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("contributor_id", sa.Integer(), nullable=True),
        sa.Column("photo_name", sa.String(length=1000), nullable=False, comment="the photo's file name as received"),
        sa.Column("photo_sha256", sa.String(length=64), nullable=False),
        sa.Column("mask_sha256", sa.String(length=64), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False, comment="of the upright photo, pixels"),
        sa.Column("width", sa.Integer(), nullable=False, comment="of the upright photo, pixels"),
        sa.Column("licence", sa.String(length=200), nullable=True),
        sa.Column("drawn", sa.Boolean(), nullable=False, comment="a portrait of the built-in sample set, not a person"),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contributor_id"], ["contributor.id"], name=op.f("fk_submission_contributor_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_submission_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("photo_sha256", "mask_sha256", name=op.f("uq_submission_photo_sha256_mask_sha256")),
    )
    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_submission_contributor_id"), ["contributor_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_submission_source_id"), ["source_id"], unique=False)

    op.create_table(
        "epoch",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="from 1"),
        sa.Column("loss", sa.Double(), nullable=False, comment="L = L_M + w L_C, without the weight penalty"),
        sa.Column("mask_loss", sa.Double(), nullable=False),
        sa.Column("consistency_loss", sa.Double(), nullable=False),
        sa.Column("validation_loss", sa.Double(), nullable=False),
        sa.Column("validation_mask_loss", sa.Double(), nullable=False),
        sa.Column("validation_consistency_loss", sa.Double(), nullable=False),
        sa.Column("best", sa.Boolean(), nullable=False, comment="better than every epoch before it on validation"),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_epoch_run_id")),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_epoch")),
    )
    op.create_table(
        "example",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("face_top", sa.Integer(), nullable=False),
        sa.Column("face_left", sa.Integer(), nullable=False),
        sa.Column("face_bottom", sa.Integer(), nullable=False),
        sa.Column("face_right", sa.Integer(), nullable=False),
        sa.Column("face_score", sa.Double(), nullable=False, comment="the detector's own; higher is surer"),
        sa.Column("crop_top", sa.Double(), nullable=False),
        sa.Column("crop_left", sa.Double(), nullable=False),
        sa.Column("crop_side", sa.Double(), nullable=False),
        sa.Column("crop_rotation", sa.Double(), nullable=False, comment="degrees counter-clockwise the photo was turned"),
        sa.Column("inside_top", sa.Integer(), nullable=False),
        sa.Column("inside_left", sa.Integer(), nullable=False),
        sa.Column("inside_bottom", sa.Integer(), nullable=False),
        sa.Column("inside_right", sa.Integer(), nullable=False),
        sa.Column("image_sha256", sa.String(length=64), nullable=False),
        sa.Column("mask_sha256", sa.String(length=64), nullable=False),
        sa.Column(
            "split",
            sa.Enum("train", "validation", "test", name="split", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.CheckConstraint("crop_side > 0", name=op.f("ck_example_crop_has_an_area")),
        sa.CheckConstraint("face_bottom > face_top AND face_right > face_left", name=op.f("ck_example_face_has_an_area")),
        sa.CheckConstraint(
            "inside_bottom > inside_top AND inside_right > inside_left", name=op.f("ck_example_inside_has_an_area")
        ),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_example_submission_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_example")),
        sa.UniqueConstraint("submission_id", name=op.f("uq_example_submission_id")),
    )
    with op.batch_alter_table("example", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_example_image_sha256"), ["image_sha256"], unique=False)
        batch_op.create_index(batch_op.f("ix_example_split"), ["split"], unique=False)

    op.create_table(
        "export",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False, comment="coreml or litert"),
        sa.Column("precision", sa.String(length=20), nullable=False, comment="float32, float16 or int8"),
        sa.Column("file", sa.String(length=1000), nullable=False, comment="relative to the home folder"),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_export_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
    )
    with op.batch_alter_table("export", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_export_run_id"), ["run_id"], unique=False)

    op.create_table(
        "lease",
        sa.Column("example_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_lease_example_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["reviewer_id"], ["reviewer.id"], name=op.f("fk_lease_reviewer_id")),
        sa.PrimaryKeyConstraint("example_id", name=op.f("pk_lease")),
    )
    with op.batch_alter_table("lease", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lease_reviewer_id"), ["reviewer_id"], unique=False)

    op.create_table(
        "measure",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column(
            "split",
            sa.Enum("train", "validation", "test", name="split", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("refine", sa.String(length=20), nullable=False),
        sa.Column("example_id", sa.Integer(), nullable=False),
        sa.Column("f1", sa.Double(), nullable=True),
        sa.Column("performance", sa.Double(), nullable=True),
        sa.Column("iou", sa.Double(), nullable=True),
        sa.Column("accuracy", sa.Double(), nullable=True),
        sa.Column("gradient_consistency", sa.Double(), nullable=True),
        sa.Column("mask_sha256", sa.String(length=64), nullable=False, comment="what the matte was measured against"),
        sa.Column("matte_sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_measure_example_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_measure_run_id")),
        sa.PrimaryKeyConstraint("run_id", "split", "refine", "example_id", name=op.f("pk_measure")),
    )
    with op.batch_alter_table("measure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_measure_example_id"), ["example_id"], unique=False)

    op.create_table(
        "preview",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("example_id", sa.Integer(), nullable=False),
        sa.Column("matte_sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_preview_example_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["run_id", "epoch"], ["epoch.run_id", "epoch.number"], name=op.f("fk_preview_run_id_epoch")),
        sa.PrimaryKeyConstraint("run_id", "epoch", "example_id", name=op.f("pk_preview")),
    )
    with op.batch_alter_table("preview", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_preview_example_id"), ["example_id"], unique=False)

    op.create_table(
        "proof",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("export_id", sa.Integer(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("max_abs_diff", sa.Double(), nullable=False, comment="of alpha, 0 to 1"),
        sa.Column("mean_abs_diff", sa.Double(), nullable=False),
        sa.Column("tolerance", sa.Double(), nullable=False, comment="the largest difference that passes"),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["export_id"], ["export.id"], name=op.f("fk_proof_export_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proof")),
    )
    with op.batch_alter_table("proof", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_proof_export_id"), ["export_id"], unique=False)

    op.create_table(
        "set_member",
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("example_id", sa.Integer(), nullable=True),
        sa.Column("image_sha256", sa.String(length=64), nullable=False),
        sa.Column("mask_sha256", sa.String(length=64), nullable=False),
        sa.Column(
            "split",
            sa.Enum("train", "validation", "test", name="split", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_set_member_example_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["set_id"], ["curated_set.id"], name=op.f("fk_set_member_set_id")),
        sa.PrimaryKeyConstraint("set_id", "position", name=op.f("pk_set_member")),
    )
    with op.batch_alter_table("set_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_set_member_example_id"), ["example_id"], unique=False)

    op.create_table(
        "signal",
        sa.Column("example_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_signal_example_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("example_id", "name", name=op.f("pk_signal")),
    )
    op.create_table(
        "suspicion",
        sa.Column("example_id", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(length=40), nullable=False, comment="name and version of the rule that made it"),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.CheckConstraint("value >= 0 AND value <= 1", name=op.f("ck_suspicion_value_is_a_share")),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_suspicion_example_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("example_id", name=op.f("pk_suspicion")),
    )
    with op.batch_alter_table("suspicion", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_suspicion_value"), ["value"], unique=False)

    op.create_table(
        "touch_up",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("example_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column("mask_before_sha256", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds_shown", sa.Integer(), nullable=False, comment="what the clock started from"),
        sa.CheckConstraint("seconds_shown > 0", name=op.f("ck_touch_up_clock_has_time")),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_touch_up_example_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["reviewer.id"], name=op.f("fk_touch_up_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touch_up")),
    )
    with op.batch_alter_table("touch_up", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_touch_up_example_id"), ["example_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_touch_up_reviewer_id"), ["reviewer_id"], unique=False)

    op.create_table(
        "verdict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("example_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column(
            "decision",
            sa.Enum("keep", "reject", "undo", name="decision", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column(
            "reason",
            sa.Enum(
                "no_face",
                "not_hair",
                "hair_missing",
                "spills_over",
                "too_coarse",
                "bad_photo",
                "unsaid",
                name="reason",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=True,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "client_id", sa.String(length=64), nullable=False, comment="made by the sender, so that a repeat is taken once"
        ),
        sa.CheckConstraint("(decision = 'reject') = (reason IS NOT NULL)", name=op.f("ck_verdict_reject_has_a_reason")),
        sa.ForeignKeyConstraint(["example_id"], ["example.id"], name=op.f("fk_verdict_example_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["reviewer.id"], name=op.f("fk_verdict_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
        sa.UniqueConstraint("reviewer_id", "client_id", name=op.f("uq_verdict_reviewer_id_client_id")),
    )
    with op.batch_alter_table("verdict", schema=None) as batch_op:
        batch_op.create_index("ix_verdict_newest", ["example_id", "reviewer_id", "id"], unique=False)

    op.create_table(
        "touch_up_save",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("touch_up_id", sa.Integer(), nullable=False),
        sa.Column("mask_after_sha256", sa.String(length=64), nullable=False),
        sa.Column("seconds_used", sa.Double(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False, comment="the reviewer said done, or the clock did"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["touch_up_id"], ["touch_up.id"], name=op.f("fk_touch_up_save_touch_up_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touch_up_save")),
    )
    with op.batch_alter_table("touch_up_save", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_touch_up_save_touch_up_id"), ["touch_up_id"], unique=False)


def downgrade() -> None:

    with op.batch_alter_table("touch_up_save", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_touch_up_save_touch_up_id"))

    op.drop_table("touch_up_save")
    with op.batch_alter_table("verdict", schema=None) as batch_op:
        batch_op.drop_index("ix_verdict_newest")

    op.drop_table("verdict")
    with op.batch_alter_table("touch_up", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_touch_up_reviewer_id"))
        batch_op.drop_index(batch_op.f("ix_touch_up_example_id"))

    op.drop_table("touch_up")
    with op.batch_alter_table("suspicion", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_suspicion_value"))

    op.drop_table("suspicion")
    op.drop_table("signal")
    with op.batch_alter_table("set_member", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_set_member_example_id"))

    op.drop_table("set_member")
    with op.batch_alter_table("proof", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_proof_export_id"))

    op.drop_table("proof")
    with op.batch_alter_table("preview", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_preview_example_id"))

    op.drop_table("preview")
    with op.batch_alter_table("measure", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_measure_example_id"))

    op.drop_table("measure")
    with op.batch_alter_table("lease", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lease_reviewer_id"))

    op.drop_table("lease")
    with op.batch_alter_table("export", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_export_run_id"))

    op.drop_table("export")
    with op.batch_alter_table("example", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_example_split"))
        batch_op.drop_index(batch_op.f("ix_example_image_sha256"))

    op.drop_table("example")
    op.drop_table("epoch")
    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_submission_source_id"))
        batch_op.drop_index(batch_op.f("ix_submission_contributor_id"))

    op.drop_table("submission")
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_set_id"))

    op.drop_table("run")
    with op.batch_alter_table("refusal", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_refusal_source_id"))

    op.drop_table("refusal")
    op.drop_table("source")
    op.drop_table("reviewer")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_job_one_fit_at_a_time",
            sqlite_where=sa.text("kind = 'fit' AND state IN ('queued', 'running')"),
            postgresql_where=sa.text("kind = 'fit' AND state IN ('queued', 'running')"),
        )
        batch_op.drop_index(batch_op.f("ix_job_state"))
        batch_op.drop_index(batch_op.f("ix_job_kind"))

    op.drop_table("job")
    op.drop_table("event")
    op.drop_table("curated_set")
    op.drop_table("contributor")
