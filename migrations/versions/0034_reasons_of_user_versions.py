"""Why a login was changed."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user_versions", sa.Column("reason", sa.String(length=200), server_default="", nullable=False))
