"""Indexes for lists of tickets, and the index by which they are searched; heyi fills it at its next start."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


# Pairs of characters and terms (asr/record/gramtable.py).
GRAMS = {
    "sqlite": ["CREATE VIRTUAL TABLE ticket_grams USING fts5(grams, content='', tokenize='ascii')"],
    "postgresql": [
        "CREATE TABLE ticket_grams (rowid BIGINT PRIMARY KEY, grams TSVECTOR NOT NULL)",
        "CREATE INDEX ix_ticket_grams ON ticket_grams USING gin (grams)",
        "ALTER TABLE ticket_grams ALTER COLUMN grams SET STATISTICS 1000",
    ],
}


def upgrade() -> None:
    op.create_table(
        "ticket_index",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ticket_id", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["tickets.id"],
        ),
        sa.PrimaryKeyConstraint("place"),
        sa.UniqueConstraint("ticket_id"),
    )
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tickets_state"))
        batch_op.create_index("tickets_by_agent", ["agent_login", "created_at"], unique=False)
        batch_op.create_index("tickets_by_code", ["code", "created_at"], unique=False)
        batch_op.create_index("tickets_by_department", ["department", "created_at"], unique=False)
        batch_op.create_index("tickets_by_flow", ["flow", "created_at"], unique=False)
        batch_op.create_index("tickets_by_line", ["line", "created_at"], unique=False)
        batch_op.create_index("tickets_by_state", ["state", "created_at"], unique=False)
        batch_op.create_index(
            "tickets_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state != 'closed'"),
            postgresql_where=sa.text("state != 'closed'"),
        )
        batch_op.create_index(
            "tickets_open",
            ["is_emergency", "created_at"],
            unique=False,
            sqlite_where=sa.text("state != 'closed'"),
            postgresql_where=sa.text("state != 'closed'"),
        )
        batch_op.create_index(
            "tickets_open_by_time",
            ["created_at", "due_at"],
            unique=False,
            sqlite_where=sa.text("state != 'closed'"),
            postgresql_where=sa.text("state != 'closed'"),
        )
    for statement in GRAMS[op.get_bind().dialect.name]:
        op.execute(statement)
