"""Automatic checks of calls, and what they found."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_checks",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("learned", sa.String(length=20), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("violations", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
    )
    op.create_index("ix_call_checks_at", "call_checks", ["at"])
    op.create_table(
        "call_findings",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("check", sa.String(length=20), nullable=False),
        sa.Column("label", sa.String(length=20), nullable=False),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("utterance_id", sa.String(length=32), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("second", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["call_checks.call_id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_call_findings_call_id", "call_findings", ["call_id"])
    op.create_index("ix_call_findings_label_call_id", "call_findings", ["label", "call_id"])
