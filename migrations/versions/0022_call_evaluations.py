"""What callers say of a call right after it."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_evaluations",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("ticket_id", sa.String(length=32), nullable=False),
        sa.Column("agent", sa.String(length=10), nullable=False),
        sa.Column("rating", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"]),
        sa.PrimaryKeyConstraint("call_id"),
    )
    op.create_index("ix_call_evaluations_at", "call_evaluations", ["at"])
    op.create_index("ix_call_evaluations_ticket_id", "call_evaluations", ["ticket_id"])
