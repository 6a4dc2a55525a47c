"""Knocks at the doors are counted in the database; messages about one ticket are numbered."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "door_knocks",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("times", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    with op.batch_alter_table("door_knocks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_door_knocks_at"), ["at"], unique=False)
    op.create_table(
        "hook_orders",
        sa.Column("hook_id", sa.String(length=32), nullable=False),
        sa.Column("ticket_id", sa.String(length=32), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["hook_id"], ["hooks.id"]),
        sa.PrimaryKeyConstraint("hook_id", "ticket_id"),
    )
    with op.batch_alter_table("hook_deliveries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sequence", sa.Integer(), server_default="0", nullable=False))
