"""What each login was after every change."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_versions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("login", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("extension", sa.String(length=8), nullable=True),
        sa.Column("department", sa.String(length=60), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_user_versions_login", "user_versions", ["login"])
    # Every login has one from now on: what it is today.
    now = sa.bindparam("now", datetime.now(UTC).replace(tzinfo=None), sa.DateTime())
    op.get_bind().execute(
        sa.text(
            'INSERT INTO user_versions (login, at, "by", name, role, extension, department, disabled) '
            "SELECT login, :now, '', name, role, extension, department, disabled_at IS NOT NULL FROM users"
        ).bindparams(now)
    )
