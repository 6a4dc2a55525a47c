"""Flows of tickets: which one a ticket goes, its step in it, and when it entered each."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("ticket_history", schema=None) as batch_op:
        batch_op.add_column(sa.Column("flow", sa.String(length=40), server_default="", nullable=False))
        batch_op.add_column(sa.Column("step_before", sa.String(length=20), server_default="", nullable=False))
        batch_op.add_column(sa.Column("step_after", sa.String(length=20), server_default="", nullable=False))

    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("flow", sa.String(length=40), server_default="", nullable=False))
        batch_op.add_column(sa.Column("step", sa.String(length=20), server_default="", nullable=False))
        batch_op.add_column(sa.Column("steps_at", sa.JSON(), server_default="{}", nullable=False))
