"""Somebody decided that the same person may do it again, and why."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("second_handlers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("overruled_by", sa.String(length=40), server_default="", nullable=False))
        batch_op.add_column(sa.Column("overruled_why", sa.Text(), server_default="", nullable=False))
