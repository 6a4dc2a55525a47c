"""The voice of a running house: sounds, look-ups and journal joined to the calls that it speaks to."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

from core.bus import Bus
from core.city import City
from core.clock import Clock
from core.database import Database
from core.settings import Settings
from heyi.occasions import AfterCall, RobotCallback, Waiting
from heyi.sounds import Sounds
from heyi.voice import Judging, Voices
from ivr.journal import Journal
from switchboard.board import Switchboard
from telephony.bridge import Bridge
from ticketing.assign.service import Assignments
from ticketing.callbacks.said import Said
from ticketing.knowledge.service import Knowledge
from ticketing.selfservice.announcements import FindPlaces
from ticketing.selfservice.asked import LookUp
from ticketing.selfservice.service import SelfService
from ticketing.service import Tickets


async def begin(
    settings: Settings,
    city: City,
    database: Database,
    bus: Bus,
    clock: Clock,
    bridge: Bridge,
    switchboard: Switchboard,
    tickets: Tickets,
    assignments: Assignments,
    judging: Judging,
    find_places: FindPlaces,
    urgent: Callable[[str], Awaitable[None]],
    ending: AsyncExitStack,
    others: Mapping[str, LookUp],
) -> Journal:
    """Open the voice, and everything that it needs; ``ending`` closes it. ``others``: look-ups of other rooms.

    The journal is given back for monitoring.
    """
    journal = Journal(database)
    ending.push_async_callback(journal.close)
    journal.start()
    sounds = Sounds(settings, city, quiet=lambda: not switchboard.calls())
    ending.push_async_callback(sounds.close)
    said = Said(database, tickets)
    service = SelfService(
        database, city, clock, tickets, assignments, Knowledge(database, city, clock, tickets),
        recordings=settings.recordings, find_places=find_places, sayable=sounds.shelf.knows,
        others={"result": said.result, **others},
    )  # fmt: skip
    sounds.serve(service, clock)
    sounds.start()
    voices = Voices(settings, city, bridge, bus, clock, sounds.shelf, service, journal, judging, urgent)
    voices.serve_at("waiting", Waiting(switchboard.waits))
    voices.serve_at("robot-callback", RobotCallback(database, city))
    voices.serve_at("satisfaction", AfterCall(database, said))
    switchboard.waits.call_in = voices.call_in
    ending.push_async_callback(voices.close)
    await voices.start()
    return journal
