"""What the benchmark measures: our bridge, switchboard, media intake and live stream, in a process of its own.

Recognition, judgement and tickets are left out; what the taps deliver is taken in and dropped.
"""

import asyncio
import signal

from bench._calls_site import city_of
from core.bus import Bus
from core.clock import SystemClock
from core.database import Database
from core.settings import Settings
from desk.access.users import Users
from desk.app import create_app
from desk.server import DeskServer
from desk.services import DeskServices
from heyi.house import callback_policy
from heyi.readers import Transcripts, Verdicts
from switchboard.board import Switchboard
from telephony.bridge import Bridge
from telephony.dialplan import sip_secret
from telephony.events import Leg
from telephony.ledger import LedgerReader
from telephony.media import MediaServer
from ticketing.service import Tickets


class Sink:
    """Takes the audio and counts it."""

    def __init__(self) -> None:
        self.legs: dict[tuple[str, Leg], int] = {}

    def opened(self, call_id: str, leg: Leg, rate: int) -> None:
        self.legs[call_id, leg] = 0

    def audio(self, call_id: str, leg: Leg, pcm: bytes) -> None:
        self.legs[call_id, leg] += len(pcm)

    def closed(self, call_id: str, leg: Leg) -> None:
        pass


async def main() -> None:
    settings = Settings()
    city, bus, clock = city_of(settings), Bus(), SystemClock()
    database = Database(settings.db_url, bus)
    await database.upgrade()
    await Users(database).seed_people(city)
    sink = Sink()
    media = MediaServer(settings.media_port, sink)
    await media.start()
    bridge = Bridge(settings, city, database, clock)
    switchboard = Switchboard(settings, city, bridge, database, bus, clock, media.expect)
    await bridge.start()
    await switchboard.start()
    services = DeskServices(
        settings=settings, city=city, database=database, bus=bus, clock=clock, switchboard=switchboard,
        ledger=LedgerReader(database), transcripts=Transcripts(database), verdicts=Verdicts(database),
        tickets=Tickets(database, city, clock, callback_policy(settings, city)), sip_secret=sip_secret(settings),
    )  # fmt: skip
    desk = DeskServer(create_app(services), settings.host, settings.desk_port)
    await desk.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    await stop.wait()
    # Seconds of audio of each leg, 16 kHz of two bytes.
    print(" ".join(f"{size / 32000:.2f}" for size in sink.legs.values()), flush=True)
    await desk.stop()
    await switchboard.close()
    await bridge.close()
    await media.close()
    await bus.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
