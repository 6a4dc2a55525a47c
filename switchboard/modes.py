"""Night, typhoon: the whole centre at once. Asterisk keeps which mode holds, so it does not need heyi for it."""

import json
from dataclasses import dataclass

from sqlalchemy import select

from core.city import City, Mode
from core.clock import Clock
from core.database import Database, StoredEvent
from core.errors import AmiError, NotAllowed
from core.events import Event
from telephony.bridge import Bridge

_FAMILY, _KEY = "heyi", "mode"


@dataclass(frozen=True, kw_only=True)
class ModeChanged(Event):
    """The centre works in another mode from now on; callers who wait already notice with their next round."""

    mode: str
    by: str
    reason: str = ""


class Modes:
    """Reads and sets the mode in Asterisk's own database (AstDB)."""

    def __init__(self, bridge: Bridge, city: City, database: Database, clock: Clock) -> None:
        self._bridge, self._city, self._database, self._clock = bridge, city, database, clock
        self._key = ""

    @property
    def current(self) -> Mode:
        """The mode as it was last read or set."""
        return self._city.mode(self._key)

    async def start(self) -> None:
        """Read the mode that holds."""
        try:
            answer = await self._bridge.ami.query("DBGet", "DBGetComplete", {"Family": _FAMILY, "Key": _KEY})
            self._key = next((m.get("Val", "") for m in answer), "")
        except AmiError:  # refused where it has none: no mode was ever chosen, or its database was lost
            async with self._database.read() as session:
                body = await session.scalar(
                    select(StoredEvent.body).where(StoredEvent.type == "ModeChanged").order_by(StoredEvent.seq.desc())
                )
            self._key = json.loads(body)["mode"] if body else ""
            if self._key:
                await self._put(self._key)

    async def switch(self, key: str, *, by: str, reason: str = "") -> None:
        """Switch for all calls from now on. Raises :class:`NotAllowed` where the city has no such mode."""
        if key not in {mode.key for mode in self._city.modes}:
            raise NotAllowed("没有这种运行模式", hint=key)
        await self._put(key)
        self._key = key
        async with self._database.work() as work:
            work.record(ModeChanged(at=self._clock.now(), mode=key, by=by, reason=reason[:200]))

    async def _put(self, key: str) -> None:
        await self._bridge.ami.action("DBPut", {"Family": _FAMILY, "Key": _KEY, "Val": key})
