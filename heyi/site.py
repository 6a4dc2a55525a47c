"""A site's database, for commands that run beside heyi or without it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from core.bus import Bus
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from heyi.db_command import say

T = TypeVar("T")


def with_database(settings: Settings, do: Callable[[Database], Awaitable[T]]) -> T:
    """Run ``do`` on the site's database, which may be in use by a running heyi."""
    settings.data.mkdir(parents=True, exist_ok=True)

    async def run() -> T:
        bus = Bus()
        database = Database(settings.db_url, bus)
        try:
            await database.upgrade(say)
            return await do(database)
        finally:
            await database.close()
            await bus.close()

    try:
        return asyncio.run(run())
    except SQLAlchemyError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise HeyiError(f"the database cannot be used: {reason[:200]}") from error
