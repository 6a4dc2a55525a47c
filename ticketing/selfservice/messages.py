"""Messages that callers leave for a ticket: kept at once as a recording, written out once they are recognised."""

import asyncio
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import select

from core.clock import Clock
from core.database import Database, Work
from core.errors import HeyiError
from telephony.recordings.files import HEADER, digest, look
from telephony.recordings.sealer import Recording
from ticketing.moves import kept
from ticketing.selfservice.asked import VOICE, Answer, Asked
from ticketing.selfservice.tables import VoiceMessage
from ticketing.selfservice.tickets import TicketLookUps, is_own
from ticketing.service import Tickets

log = structlog.get_logger(__name__)

#: Of :attr:`ticketing.tables.TicketHistory.action`.
ACTION = "message"
_NAME = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*)-voice-[0-9]{1,3}\.wav")
_TRIES = 3
#: Messages that are written out in one pass.
_AT_ONCE = 20
_WORDS = 1000


class NotNow(Exception):
    """Recognition has stopped: this was no try."""


class Hear(Protocol):
    """Recognises a recording behind all living callers; satisfied in ``heyi`` by the decode pool."""

    async def __call__(self, recording: Path, /) -> str:
        """What is said in it; empty where nothing was understood. :class:`NotNow` while heyi ends; else it failed."""
        ...


class Messages:
    """``message``, and what a ticket's page shows."""

    def __init__(self, database: Database, tickets: Tickets, folder: Path, look_ups: TicketLookUps) -> None:
        """``folder``: the recordings."""
        self._database, self._tickets, self._folder, self._look_ups = database, tickets, folder, look_ups

    async def keep(self, asked: Asked) -> Answer:
        """Put a recording of this call to a ticket; a second time changes nothing.

        :class:`HeyiError` where there is no such ticket, or no such recording of this call.
        """
        name = asked.text("recording")
        match = _NAME.fullmatch(name)
        if match is None or match[1] != asked.call_id:
            raise HeyiError("this is no message of this call", hint=name[:60])
        if not await asyncio.to_thread(_has_sound, self._folder / name):
            raise HeyiError("there is no such recording", hint=name[:60])
        found = await self._look_ups.named(asked)
        async with self._tickets.change(found.id, hold=True) as (work, ticket):
            if await work.session.scalar(select(VoiceMessage.id).where(VoiceMessage.file == name)) is not None:
                return "done", {}
            own = is_own(ticket, asked)
            work.session.add(
                VoiceMessage(ticket_id=ticket.id, call_id=asked.call_id, file=name, own=own, at=asked.now)
            )  # fmt: skip
            kept(work, ticket, ACTION, VOICE, asked.now, f"来电人语音留言（{'登记号码' if own else '其他号码'}来电）")
        return "done", {}

    async def of_ticket(self, ticket_id: str) -> Sequence[VoiceMessage]:
        """The ticket's messages, oldest first."""
        async with self._database.read() as session:
            query = select(VoiceMessage).where(VoiceMessage.ticket_id == ticket_id)
            return (await session.scalars(query.order_by(VoiceMessage.at, VoiceMessage.id))).all()

    async def get(self, message_id: str) -> VoiceMessage | None:
        async with self._database.read() as session:
            return await session.get(VoiceMessage, message_id)


class MessageTexts:
    """Seals and writes out messages in the background; what is left to do stands in the table alone."""

    def __init__(
        self, database: Database, tickets: Tickets, clock: Clock, folder: Path, hear: Hear, *, keep_days: int = 365
    ) -> None:
        """``keep_days``: until the recording may go, as those of calls; 0 for ever."""
        self._database, self._tickets, self._clock = database, tickets, clock
        self._folder, self._hear, self._keep_days = folder, hear, keep_days

    async def run(self, poll_s: float = 5.0) -> None:
        """Look for messages until cancelled; a pass that fails is logged and the next one tries again."""
        while True:
            try:
                await self.tick()
            except Exception:
                log.exception("pass of voice messages failed")
            await asyncio.sleep(poll_s)

    async def tick(self) -> int:
        """One pass; how many messages are finished."""
        async with self._database.read() as session:
            query = select(VoiceMessage).where(VoiceMessage.state == "waiting")
            rows = (await session.scalars(query.order_by(VoiceMessage.tries, VoiceMessage.at).limit(_AT_ONCE))).all()
        return sum([await self._one(row) for row in rows])

    async def _one(self, row: VoiceMessage) -> bool:
        file = self._folder / row.file
        try:
            text = " ".join((await self._hear(file)).split())[:_WORDS]
        except NotNow:
            return False
        except Exception as error:
            log.warning("a message could not be recognised", message=row.id, error=str(error)[:200])
            return await self._failed(row)
        sealed = await asyncio.to_thread(_sealed, file)
        async with self._tickets.change(row.ticket_id, hold=True) as (work, ticket):
            held = await work.session.get_one(VoiceMessage, row.id)
            if held.state != "waiting":
                return True
            now = self._clock.now()
            held.state, held.text, held.heard_at = "done", text, now
            await self._seal(work, held, sealed)
            if text:
                kept(work, ticket, ACTION, VOICE, now, f"来电人留言：{text}")
        return True

    async def _failed(self, row: VoiceMessage) -> bool:
        """After the last try it is left to be listened to."""
        sealed = await asyncio.to_thread(_sealed, self._folder / row.file)
        async with self._database.work() as work:
            held = await work.session.get_one(VoiceMessage, row.id)
            held.tries += 1
            if held.tries < _TRIES:
                return False
            held.state = "failed"
            await self._seal(work, held, sealed)
            return True

    async def _seal(self, work: Work, message: VoiceMessage, sealed: tuple[str, int, float] | None) -> None:
        if sealed is None or await work.session.get(Recording, message.file) is not None:
            return
        sha256, size, seconds = sealed
        now = self._clock.now()
        work.session.add(
            Recording(
                file=message.file, call_id=message.call_id, kind="message", sha256=sha256, bytes=size,
                seconds=seconds, sealed_at=now, reason="",
                delete_after=message.at + timedelta(days=self._keep_days) if self._keep_days else None,
            )
        )  # fmt: skip


def _has_sound(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > HEADER


def _sealed(file: Path) -> tuple[str, int, float] | None:
    """Hash, bytes, seconds of a finished recording; None where there is no file."""
    shape = look(file)
    return None if shape is None else (digest(file), shape.size, round(shape.seconds, 3))
