"""Which program's token did what a person's login is noted for."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit", sa.Column("token", sa.Integer(), nullable=True))
