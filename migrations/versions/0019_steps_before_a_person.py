"""Steps that callers left before a person, and how their sessions ended."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "voice_sessions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("flow", sa.String(length=60), nullable=False),
        sa.Column("began", sa.DateTime(), nullable=False),
        sa.Column("ended", sa.DateTime(), nullable=False),
        sa.Column("how", sa.String(length=12), nullable=False),
        sa.Column("to", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_voice_sessions_began", "voice_sessions", ["began"])
    op.create_index("ix_voice_sessions_call_id", "voice_sessions", ["call_id"])
    op.create_table(
        "voice_steps",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("flow", sa.String(length=60), nullable=False),
        sa.Column("step", sa.String(length=60), nullable=False),
        sa.Column("entered", sa.DateTime(), nullable=False),
        sa.Column("left", sa.DateTime(), nullable=False),
        sa.Column("why", sa.String(length=40), nullable=False),
        sa.Column("again", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_voice_steps_call_id", "voice_steps", ["call_id"])
    op.create_index("ix_voice_steps_entered", "voice_steps", ["entered"])
