"""Callbacks by people and by text message: who asked, what was said; the second handler of what is done again."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("callbacks") as table:
        table.add_column(sa.Column("channel", sa.String(length=8), server_default="robot", nullable=False))
        table.add_column(sa.Column("who", sa.String(length=40), server_default="", nullable=False))
        table.add_column(sa.Column("solved", sa.Boolean(), nullable=True))
        table.add_column(sa.Column("reason", sa.String(length=20), server_default="", nullable=False))
        table.add_column(sa.Column("words", sa.Text(), server_default="", nullable=False))
        table.add_column(sa.Column("desk_call", sa.String(length=80), server_default="", nullable=False))
        table.add_column(sa.Column("token", sa.String(length=64), nullable=True))
        table.create_index("callbacks_token", ["token"], unique=True)
    op.create_table(
        "second_handlers",
        sa.Column("ticket_id", sa.String(length=32), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("former", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"]),
        sa.PrimaryKeyConstraint("ticket_id", "round"),
    )
