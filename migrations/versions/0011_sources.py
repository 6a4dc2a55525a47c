"""How each ticket came: what came by a door or from a file is known, the rest were calls."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("source", sa.String(length=12), server_default="call", nullable=False))
        batch_op.create_index("tickets_by_source", ["source", "created_at"], unique=False)
    op.execute(
        "UPDATE tickets SET source = 'import' WHERE call_id IS NULL AND EXISTS "
        "(SELECT 1 FROM ticket_history h WHERE h.ticket_id = tickets.id AND h.action = 'import')"
    )
    op.execute(
        "UPDATE tickets SET source = (SELECT CASE d.source WHEN 'wechat' THEN 'chat' WHEN 'hook' THEN 'webhook' "
        "ELSE d.source END FROM door_items d WHERE d.ticket_id = tickets.id) "
        "WHERE EXISTS (SELECT 1 FROM door_items d WHERE d.ticket_id = tickets.id)"
    )
