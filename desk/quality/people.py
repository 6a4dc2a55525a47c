"""Names of the people of reviews, and who may review."""

from collections.abc import Mapping

from sqlalchemy import select

from core.database import Database
from desk.access.users import UserRow
from desk.views import Views
from quality.sampling.assign import Reviewer

_DESK = "desk:"


async def reviewers(database: Database) -> list[Reviewer]:
    """Everybody who reviews, with the desk at which he takes calls himself."""
    query = select(UserRow.login, UserRow.extension).where(UserRow.role == "reviewer").order_by(UserRow.login)
    async with database.read() as session:
        rows = await session.execute(query)
        return [Reviewer(login, (f"{_DESK}{desk}",) if desk else ()) for login, desk in rows]


class Named:
    """What a screen calls somebody: his name, or the desk's where nobody knows who sat there."""

    def __init__(self, names: Mapping[str, str], views: Views) -> None:
        self._names, self._views = names, views

    def __call__(self, who: str) -> str:
        if who.startswith(_DESK):
            desk = who.removeprefix(_DESK)
            return f"{desk} {self._views.desk_name(desk)}".strip()
        return self._views.text("系统") if who == "system" else self._names.get(who, who)
