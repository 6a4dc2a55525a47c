"""Answers as a voice says them before a person."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("knowledge_versions", sa.Column("spoken", sa.Text(), server_default="", nullable=False))
