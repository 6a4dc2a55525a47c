"""Clocks that stopped because nobody had to do it any more; units say that they know of an order taken from them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_UNSEEN = sa.text("seen_at IS NULL AND ending IN ('recalled', 'withdrawn')")


def upgrade() -> None:
    with op.batch_alter_table("ticket_clocks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("withdrawn", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("unit_orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("seen_at", sa.DateTime(), nullable=True))
    # What was recalled before there were notices is no news.
    op.execute("UPDATE unit_orders SET seen_at = ended_at WHERE ending = 'recalled'")
    with op.batch_alter_table("unit_orders", schema=None) as batch_op:
        batch_op.create_index(
            "unit_orders_unseen", ["ended_at"], unique=False, sqlite_where=_UNSEEN, postgresql_where=_UNSEEN
        )
