"""The tables as they were when versions began.

A database that was made before is taken on as it is, so each is made only where it is missing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The pairs of characters of the transcripts' full-text search (asr/record/index.py).
GRAMS = {
    "sqlite": ["CREATE VIRTUAL TABLE IF NOT EXISTS utterance_grams USING fts5(grams, content='', tokenize='ascii')"],
    "postgresql": [
        "CREATE TABLE IF NOT EXISTS utterance_grams (rowid BIGINT PRIMARY KEY, grams TSVECTOR NOT NULL)",
        "CREATE INDEX IF NOT EXISTS ix_utterance_grams ON utterance_grams USING gin (grams)",
        "ALTER TABLE utterance_grams ALTER COLUMN grams SET STATISTICS 1000",
    ],
}


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=True),
        sa.Column("address", sa.String(length=60), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_audit_at", "audit", ["at"], if_not_exists=True)
    op.create_index("ix_audit_call_id", "audit", ["call_id"], if_not_exists=True)
    op.create_index("ix_audit_what", "audit", ["what"], if_not_exists=True)
    op.create_index("ix_audit_who", "audit", ["who"], if_not_exists=True)

    op.create_table(
        "calls",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("line", sa.String(length=20), nullable=False),
        sa.Column("caller", sa.String(length=80), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("queue", sa.String(length=40), nullable=False),
        sa.Column("agent", sa.String(length=10), nullable=False),
        sa.Column("arrived_at", sa.DateTime(), nullable=False),
        sa.Column("queued_at", sa.DateTime(), nullable=True),
        sa.Column("answered_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("waited_s", sa.Double(), nullable=True),
        sa.Column("talked_s", sa.Double(), nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("cause", sa.Integer(), nullable=False),
        sa.Column("ended_by", sa.String(length=8), nullable=False),
        sa.Column("recording", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_calls_agent_arrived_at", "calls", ["agent", "arrived_at"], if_not_exists=True)
    op.create_index("ix_calls_arrived_at", "calls", ["arrived_at"], if_not_exists=True)
    op.create_index("ix_calls_caller_arrived_at", "calls", ["caller", "arrived_at"], if_not_exists=True)
    op.create_index("ix_calls_ended_at", "calls", ["ended_at"], if_not_exists=True)
    op.create_index("ix_calls_line_arrived_at", "calls", ["line", "arrived_at"], if_not_exists=True)

    op.create_table(
        "cel_position",
        sa.Column("node", sa.String(length=16), nullable=False),
        sa.Column("inode", sa.Integer(), nullable=False),
        sa.Column("offset", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("node"),
        if_not_exists=True,
    )
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("utterance_id", sa.String(length=32), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(length=60), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_corrections_call_id", "corrections", ["call_id"], if_not_exists=True)
    op.create_index("ix_corrections_utterance_id", "corrections", ["utterance_id"], if_not_exists=True)

    op.create_table(
        "desk_times",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("desk", sa.String(length=10), nullable=False),
        sa.Column("login", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=True),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        if_not_exists=True,
    )
    op.create_index("ix_desk_times_desk_started_at", "desk_times", ["desk", "started_at"], if_not_exists=True)
    op.create_index("ix_desk_times_ended_at", "desk_times", ["ended_at"], if_not_exists=True)

    op.create_table(
        "events",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_events_call_id", "events", ["call_id"], if_not_exists=True)
    op.create_index("ix_events_type", "events", ["type"], if_not_exists=True)

    op.create_table(
        "incident_accounts",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("settled", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
        if_not_exists=True,
    )
    op.create_index("ix_incident_accounts_at", "incident_accounts", ["at"], if_not_exists=True)

    op.create_table(
        "incident_keys",
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("key", "at", "call_id"),
        if_not_exists=True,
    )
    op.create_index("ix_incident_keys_call_id", "incident_keys", ["call_id"], if_not_exists=True)

    op.create_table(
        "kept_places",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("line", sa.String(length=20), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=True),
        sa.Column("out", sa.String(length=80), nullable=False),
        sa.Column("out_at", sa.DateTime(), nullable=True),
        sa.Column("last_out", sa.String(length=80), nullable=False),
        sa.Column("taken_by", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
        if_not_exists=True,
    )
    op.create_index("ix_kept_places_arrived_at", "kept_places", ["arrived_at"], if_not_exists=True)
    op.create_index("ix_kept_places_last_out", "kept_places", ["last_out"], if_not_exists=True)
    op.create_index("ix_kept_places_number", "kept_places", ["number"], if_not_exists=True)
    op.create_index("ix_kept_places_state", "kept_places", ["state"], if_not_exists=True)
    op.create_index("ix_kept_places_taken_by", "kept_places", ["taken_by"], if_not_exists=True)

    op.create_table(
        "legs",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("extension", sa.String(length=10), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("answered_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=False),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_legs_call_id", "legs", ["call_id"], if_not_exists=True)
    op.create_index("ix_legs_extension", "legs", ["extension"], if_not_exists=True)

    op.create_table(
        "lexicon_words",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("seen_wrong", sa.String(length=20), nullable=False),
        sa.Column("seen_right", sa.String(length=20), nullable=False),
        sa.Column("wrong", sa.String(length=20), nullable=False),
        sa.Column("right", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("who", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_lexicon_words_right", "lexicon_words", ["right"], if_not_exists=True)

    op.create_table(
        "likely_incidents",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
        if_not_exists=True,
    )
    op.create_table(
        "line_checks",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("line", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("why", sa.String(length=60), nullable=False),
        sa.Column("detail", sa.String(length=200), nullable=False),
        sa.Column("answered_s", sa.Double(), nullable=True),
        sa.Column("rung_s", sa.Double(), nullable=True),
        sa.Column("took_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_line_checks_line", "line_checks", ["line"], if_not_exists=True)

    op.create_table(
        "missed_calls",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("item", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("line", sa.String(length=20), nullable=False),
        sa.Column("emergency", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
        if_not_exists=True,
    )
    op.create_index("ix_missed_calls_item", "missed_calls", ["item", "at"], if_not_exists=True)

    op.create_table(
        "missed_items",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("line", sa.String(length=20), nullable=False),
        sa.Column("emergency", sa.Boolean(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("last_at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=True),
        sa.Column("owner", sa.String(length=60), nullable=False),
        sa.Column("out", sa.String(length=80), nullable=False),
        sa.Column("placed", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("hold", sa.String(length=8), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_missed_items_due", "missed_items", ["state", "emergency", "due_at"], if_not_exists=True)
    op.create_index("ix_missed_items_ended", "missed_items", ["state", "changed_at"], if_not_exists=True)
    op.create_index("ix_missed_items_number", "missed_items", ["number", "state"], if_not_exists=True)

    op.create_table(
        "model_proposals",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("base", sa.String(length=40), nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("aside", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("threshold_before", sa.Float(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=True),
        sa.Column("who", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_model_proposals_state", "model_proposals", ["state"], if_not_exists=True)

    op.create_table(
        "model_uses",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("how", sa.String(length=12), nullable=False),
        sa.Column("who", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_model_uses_at", "model_uses", ["at"], if_not_exists=True)

    op.create_table(
        "nuisance_marks",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.Column("removed_at", sa.DateTime(), nullable=True),
        sa.Column("removed_by", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_nuisance_marks_number", "nuisance_marks", ["number"], if_not_exists=True)
    op.create_index("ix_nuisance_marks_until", "nuisance_marks", ["until"], if_not_exists=True)

    op.create_table(
        "pending_recordings",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("caller_wav", sa.Text(), nullable=False),
        sa.Column("agent_wav", sa.Text(), nullable=False),
        sa.Column("agent_from_s", sa.Float(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
        if_not_exists=True,
    )
    op.create_table(
        "recall_tries",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("item", sa.String(length=32), nullable=False),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
        if_not_exists=True,
    )
    op.create_index("ix_recall_tries_ended_at", "recall_tries", ["ended_at"], if_not_exists=True)
    op.create_index("ix_recall_tries_item", "recall_tries", ["item"], if_not_exists=True)

    op.create_table(
        "recordings",
        sa.Column("file", sa.String(length=100), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(), nullable=True),
        sa.Column("delete_after", sa.DateTime(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("file"),
        if_not_exists=True,
    )
    op.create_index("ix_recordings_call_id", "recordings", ["call_id"], if_not_exists=True)
    op.create_index("ix_recordings_delete_after", "recordings", ["delete_after"], if_not_exists=True)

    op.create_table(
        "rung",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
        if_not_exists=True,
    )
    op.create_table(
        "ticket_days",
        sa.Column("day", sa.String(length=8), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
        if_not_exists=True,
    )
    op.create_table(
        "tickets",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=24), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=True),
        sa.Column("line", sa.String(length=12), nullable=False),
        sa.Column("caller", sa.String(length=80), nullable=False),
        sa.Column("caller_digits", sa.String(length=40), nullable=False),
        sa.Column("agent_extension", sa.String(length=12), nullable=False),
        sa.Column("agent_login", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("is_emergency", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("nature", sa.String(length=8), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("contact_name", sa.Text(), nullable=False),
        sa.Column("contact_phone", sa.String(length=40), nullable=False),
        sa.Column("contact_digits", sa.String(length=40), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("department", sa.String(length=40), nullable=False),
        sa.Column("assist", sa.JSON(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("satisfaction", sa.String(length=12), nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("escalated_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("filed_at", sa.DateTime(), nullable=True),
        sa.Column("dispatched_at", sa.DateTime(), nullable=True),
        sa.Column("handling_at", sa.DateTime(), nullable=True),
        sa.Column("reported_at", sa.DateTime(), nullable=True),
        sa.Column("callback_at", sa.DateTime(), nullable=True),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.Column("due_at", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("touched", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("call_id"),
        sa.UniqueConstraint("number"),
        if_not_exists=True,
    )
    op.create_index("ix_tickets_caller_digits", "tickets", ["caller_digits"], if_not_exists=True)
    op.create_index("ix_tickets_contact_digits", "tickets", ["contact_digits"], if_not_exists=True)
    op.create_index("ix_tickets_created_at", "tickets", ["created_at"], if_not_exists=True)
    op.create_index("ix_tickets_state", "tickets", ["state"], if_not_exists=True)
    op.create_index("tickets_of_department", "tickets", ["department", "state", "created_at"], if_not_exists=True)

    op.create_table(
        "transcript_passes",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("fault", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("done_s", sa.Double(), nullable=False),
        sa.Column("total_s", sa.Double(), nullable=False),
        sa.Column("began_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("call_id"),
        if_not_exists=True,
    )
    op.create_index("ix_transcript_passes_began_at", "transcript_passes", ["began_at"], if_not_exists=True)
    op.create_index("ix_transcript_passes_state", "transcript_passes", ["state"], if_not_exists=True)

    op.create_table(
        "triage_labels",
        sa.Column("ticket_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=24), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("line", sa.String(length=12), nullable=False),
        sa.Column("desk", sa.String(length=12), nullable=False),
        sa.Column("who", sa.String(length=40), nullable=False),
        sa.Column("model", sa.String(length=40), nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("said_outcome", sa.String(length=12), nullable=False),
        sa.Column("said_p", sa.Float(), nullable=False),
        sa.Column("said_code", sa.String(length=8), nullable=False),
        sa.Column("said_nature", sa.String(length=8), nullable=False),
        sa.Column("said_place", sa.Text(), nullable=False),
        sa.Column("emergency", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("nature", sa.String(length=8), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("changed", sa.JSON(), nullable=False),
        sa.Column("touched", sa.JSON(), nullable=False),
        sa.Column("utterances", sa.JSON(), nullable=False),
        sa.Column("revised_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("ticket_id"),
        if_not_exists=True,
    )
    op.create_index("ix_triage_labels_at", "triage_labels", ["at"], if_not_exists=True)
    op.create_index("ix_triage_labels_call_id", "triage_labels", ["call_id"], if_not_exists=True)

    op.create_table(
        "users",
        sa.Column("login", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("extension", sa.String(length=8), nullable=True),
        sa.Column("department", sa.String(length=60), nullable=True),
        sa.PrimaryKeyConstraint("login"),
        if_not_exists=True,
    )
    op.create_table(
        "utterance_index",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("utterance_id", sa.String(length=32), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("place"),
        sa.UniqueConstraint("utterance_id"),
        if_not_exists=True,
    )
    op.create_index("ix_utterance_index_call_id", "utterance_index", ["call_id"], if_not_exists=True)

    op.create_table(
        "utterances",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("leg", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("start_s", sa.Float(), nullable=False),
        sa.Column("end_s", sa.Float(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_utterances_call_id", "utterances", ["call_id"], if_not_exists=True)

    op.create_table(
        "verdicts",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
        if_not_exists=True,
    )
    op.create_index("ix_verdicts_code", "verdicts", ["code"], if_not_exists=True)
    op.create_index("ix_verdicts_outcome", "verdicts", ["outcome"], if_not_exists=True)

    op.create_table(
        "callback_refusals",
        sa.Column("ticket_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["tickets.id"],
        ),
        sa.PrimaryKeyConstraint("ticket_id"),
        if_not_exists=True,
    )
    op.create_table(
        "callbacks",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("ticket_id", sa.String(length=32), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("number", sa.String(length=24), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("placed_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=True),
        sa.Column("digit", sa.String(length=4), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["tickets.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("call_id"),
        sa.UniqueConstraint("ticket_id", "round", "attempt"),
        if_not_exists=True,
    )
    op.create_index("ix_callbacks_due_at", "callbacks", ["due_at"], if_not_exists=True)
    op.create_index("ix_callbacks_ended_at", "callbacks", ["ended_at"], if_not_exists=True)
    op.create_index("ix_callbacks_ticket_id", "callbacks", ["ticket_id"], if_not_exists=True)

    op.create_table(
        "proposal_cases",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("line", sa.String(length=12), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("became", sa.String(length=8), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("right", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["model_proposals.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("cases_of_proposal", "proposal_cases", ["proposal_id", "place"], if_not_exists=True)

    op.create_table(
        "ticket_history",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("ticket_id", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("action", sa.String(length=12), nullable=False),
        sa.Column("before", sa.String(length=12), nullable=True),
        sa.Column("after", sa.String(length=12), nullable=False),
        sa.Column("department", sa.String(length=40), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["tickets.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_ticket_history_ticket_id", "ticket_history", ["ticket_id"], if_not_exists=True)

    op.create_table(
        "ticket_links",
        sa.Column("child_id", sa.String(length=32), nullable=False),
        sa.Column("head_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(length=40), nullable=False),
        sa.Column("stays", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["child_id"],
            ["tickets.id"],
        ),
        sa.ForeignKeyConstraint(
            ["head_id"],
            ["tickets.id"],
        ),
        sa.PrimaryKeyConstraint("child_id"),
        if_not_exists=True,
    )
    op.create_index("ix_ticket_links_head_id", "ticket_links", ["head_id"], if_not_exists=True)
    for statement in GRAMS[op.get_bind().dialect.name]:
        op.execute(statement)
