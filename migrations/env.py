"""Run by Alembic for every command: joins the connection it is given with the migrations of this folder."""

from typing import Any

from alembic import context
from sqlalchemy import DateTime

from core.database import UtcDateTime
from core.schemadraft import OPTIONS


def _render(kind: str, thing: Any, _autogen: Any) -> str | bool:
    """Migrations name only what SQLAlchemy has: a type of ours may change later."""
    if kind == "type" and isinstance(thing, UtcDateTime | DateTime):
        return "sa.DateTime()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    # SQLite changes hardly anything of a table in place: it is copied.
    render_as_batch=True,
    render_item=_render,
    **OPTIONS,
)
with context.begin_transaction():
    context.run_migrations()
