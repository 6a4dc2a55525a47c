"""Assessment: periods as they were frozen, and indexes by the time at which something happened to a ticket."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assessments",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("frozen_at", sa.DateTime(), nullable=False),
        sa.Column("frozen_by", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("tables", sa.JSON(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("period", "version"),
    )
    op.create_index("assignments_by_time", "assignments", ["assigned_at"])
    op.create_index("assignments_by_report", "assignments", ["reported_at"])
    op.create_index("refusals_by_time", "refusals", ["at"])
    op.create_index("nudges_by_time", "nudges", ["at"])
    op.create_index("ticket_clocks_by_due", "ticket_clocks", ["due_at"])
    op.create_index("ticket_clocks_by_stop", "ticket_clocks", ["stopped_at"])
    op.create_index(
        "ticket_history_reopened",
        "ticket_history",
        ["at"],
        sqlite_where=sa.text("action = 'reopen'"),
        postgresql_where=sa.text("action = 'reopen'"),
    )
