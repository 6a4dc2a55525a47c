"""What desks found of their devices before a shift, and how calls sounded to them."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "desk_checks",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("desk", sa.String(length=10), nullable=False),
        sa.Column("login", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("level_db", sa.Double(), nullable=True),
        sa.Column("heard", sa.Boolean(), nullable=False),
        sa.Column("asterisk_ms", sa.Double(), nullable=True),
        sa.Column("server_ms", sa.Double(), nullable=True),
        sa.Column("jitter_ms", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_desk_checks_desk_at", "desk_checks", ["desk", "at"])
    op.create_table(
        "call_quality",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("desk", sa.String(length=10), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("mos", sa.Double(), nullable=False),
        sa.Column("mos_least", sa.Double(), nullable=False),
        sa.Column("loss", sa.Double(), nullable=False),
        sa.Column("jitter_ms", sa.Double(), nullable=False),
        sa.Column("round_trip_ms", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("call_id", "desk"),
    )
    op.create_index("ix_call_quality_at", "call_quality", ["at"])
