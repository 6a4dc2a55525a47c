"""The switchboard of one Asterisk: its parts, joined, started and ended together."""

from collections.abc import Callable, Sequence

from core.bus import Bus
from core.city import City
from core.clock import Clock
from core.database import Database
from core.settings import Settings
from switchboard.desks import Desks
from switchboard.dialling import Dialling
from switchboard.exchange import AsteriskExchange
from switchboard.handling import Handling
from switchboard.kept.keeping import Keeping
from switchboard.marks import Marks
from switchboard.missed.listing import MissedList
from switchboard.missed.policy import RecallPolicy
from switchboard.missed.recalls import Recalls
from switchboard.modes import Modes
from switchboard.standing import Standings
from switchboard.supervision import Supervision
from switchboard.taps import Taps
from switchboard.views import AgentView, CallView, live_call, live_calls
from switchboard.waits import Waits
from telephony.bridge import Bridge
from telephony.events import Leg


class Switchboard:
    """What people and the rooms above may ask of Asterisk."""

    def __init__(
        self,
        settings: Settings,
        city: City,
        bridge: Bridge,
        database: Database,
        bus: Bus,
        clock: Clock,
        token: Callable[[str, Leg], str],
        recall_policy: RecallPolicy | None = None,
        fed: Callable[[str, Leg], bool] = lambda call_id, leg: False,
    ) -> None:
        """``token`` gives the pass of a live tap (:meth:`telephony.media.MediaServer.expect`), ``fed`` says whether a
        leg has one (:meth:`telephony.media.MediaServer.feeds`).
        """
        self._bridge = bridge
        self.desks = Desks(settings, city, bridge, bus, clock)
        self.handling = Handling(bridge, self.desks, city, database, bus, clock)
        self.supervision = Supervision(bridge, database, clock)
        self.modes = Modes(bridge, city, database, clock)
        self.dialling = Dialling(bridge)
        exchange = AsteriskExchange(bridge, self.desks, self.modes, self.dialling)
        self.marks = Marks(database, clock, city.profile.area_code)
        self.standings = Standings(database, bus, clock, city, exchange, self.marks)
        self.missed = MissedList(database, clock, city, exchange)
        self.recalls = Recalls(database, bus, clock, city, exchange, self.standings, recall_policy)
        self.keeping = Keeping(
            database, bus, clock, city, exchange, self.standings, self.recalls, round_s=settings.service_round_s
        )
        self.waits = Waits(database, bus, clock, city, exchange, self.keeping)
        self._taps = Taps(bridge, bus, token, fed)

    async def start(self) -> None:
        """Take part, once the bridge is in step with Asterisk."""
        await self.modes.start()
        self.desks.start()
        self.handling.start()
        await self.standings.start()
        await self.recalls.start()
        await self.keeping.start()
        self.waits.start()
        self._taps.start()

    async def close(self) -> None:
        await self._taps.close()
        await self.keeping.close()
        await self.recalls.close()
        await self.standings.close()
        await self.handling.close()
        await self.desks.close()

    def agents(self) -> Sequence[AgentView]:
        return self.desks.agents()

    def calls(self) -> Sequence[CallView]:
        return live_calls(self._bridge)

    def live_call(self, call_id: str) -> CallView | None:
        """One live call; costs the same however many there are."""
        return live_call(self._bridge, call_id)
