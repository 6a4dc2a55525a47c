"""A voice without recognition, for tests: tones instead of sentences, look-ups that answer. Also as a process."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from core.city import City
from core.city_ivr import LOOK_UPS
from core.cityfile import load_city
from core.errors import HeyiError
from core.settings import Settings
from ivr.driver import Driver
from ivr.journal import Ended
from ivr.line import AgiLine, ensure_tones
from ivr.session import Session
from ivr.signals import Note, Play
from ivr.ways import Left
from telephony.agi import AgiCall, AgiServer
from telephony.ami import Ami
from telephony.dialplan import agi_token

#: Seconds of the tone that stands for every sentence.
TONE_S = 0.6
#: What every flow may know.
KNOWN = {
    "city": "试验市", "line": "12345", "line_name": "热线", "open": "yes", "hour": "9", "caller": "known",
    "place": "3", "wait": "2", "ticket": "JJ20261122-0001", "matter": "路灯", "words": "", "owner": "owner-1",
    "recording": "", "satisfied": "yes", "solved": "yes", "answer": "是的", "plate": "闽C12345", "area": "池店",
    "announcement": "今天停水", "hours": "今天", "progress": "办理中",
}  # fmt: skip


class Tones:
    """Every sentence is the same tone; which were asked for."""

    def __init__(self, tone: Path) -> None:
        self._tone = tone
        self.asked: list[Play] = []

    async def sound(self, play: Play) -> AsyncIterator[Path]:
        self.asked.append(play)
        yield self._tone


class Answers:
    """The first answer that each look-up can give, at once."""

    def __init__(self, party: str | None = None) -> None:
        self._party = party

    async def look_up(self, name: str, arguments: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        result, names = next(iter(LOOK_UPS[name].results.items()))
        return result, {name: KNOWN.get(name, "") for name in names}

    async def party_number(self, party: str) -> str | None:
        return self._party


class Notebook:
    """A journal in memory."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, Note]] = []
        self.ends: list[tuple[str, Ended]] = []

    def note(self, call_id: str, note: Note) -> None:
        self.notes.append((call_id, note))

    def ended(self, call_id: str, end: Ended) -> None:
        self.ends.append((call_id, end))


class ByAmi:
    """Stops what runs on a channel, or cannot where there is no connection."""

    def __init__(self, ami: Ami | None) -> None:
        self._ami = ami

    @property
    def tells_keys(self) -> bool:
        return False

    async def stop_sound(self, channel: str) -> None:
        await self._do("ControlPlayback", {"Channel": channel, "Control": "stop"})

    async def stop_recording(self, channel: str) -> None:
        await self._do("PlayDTMF", {"Channel": channel, "Digit": "#", "Receive": "true"})

    async def _do(self, action: str, headers: Mapping[str, str]) -> None:
        if self._ami is None:
            raise HeyiError("no connection")
        await self._ami.action(action, headers)


class TestVoice:
    """Every call gets a driver; ``prepare`` may say where it begins, and have its hand on the channel."""

    __test__ = False

    def __init__(
        self,
        settings: Settings,
        city: City,
        tone: Path,
        *,
        ami: Ami | None = None,
        begins: Callable[[AgiCall], tuple[str, str | None]] = lambda call: (call.script, None),
        prepare: Callable[[AgiCall, Driver], None] = lambda call, driver: None,
        party: str | None = None,
    ) -> None:
        self._settings, self._flows = settings, {flow.key: flow for flow in city.ivr}
        self.tones, self.answers, self.notebook = Tones(tone), Answers(party), Notebook()
        self._begins, self._prepare, self._stopper = begins, prepare, ByAmi(ami)
        self.folder = settings.data / "asterisk" / "sounds"
        ensure_tones(self.folder)
        self.drivers: dict[str, Driver] = {}
        self.left: dict[str, Left] = {}
        self.server = AgiServer("127.0.0.1", settings.agi_port, agi_token(settings), self._serve)

    async def _serve(self, call: AgiCall) -> None:
        call_id = call.variables["uniqueid"]
        line = AgiLine(call, self.folder, self._stopper)
        if call.script == "resume":
            self.left[call_id] = await self.drivers[call_id].resume(line)
            return
        flow, step = self._begins(call)
        driver = self.drivers[call_id] = Driver(
            call_id, Session(self._flows, flow, KNOWN, at=step), self.tones, self.answers, self.notebook,
            self._settings.recordings, lambda: datetime.now(UTC),
        )  # fmt: skip
        self._prepare(call, driver)
        self.left[call_id] = await driver.run(line)


async def main(tone: Path) -> None:
    """A process that speaks to every caller until it is killed."""
    settings = Settings()
    voice = TestVoice(settings, load_city(settings.city), tone)
    await voice.server.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
