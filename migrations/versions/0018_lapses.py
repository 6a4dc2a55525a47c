"""Clocks that were overdue before their due time was moved are found by that moment."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_LAPSED = sa.text("kind = 'lapse'")


def upgrade() -> None:
    op.create_index("clock_entries_lapsed", "clock_entries", ["at"], sqlite_where=_LAPSED, postgresql_where=_LAPSED)
