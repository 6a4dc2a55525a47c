"""Callbacks by text message: sent to a gateway, answered by a reply or on a page of their own."""

import asyncio
from typing import Literal, Protocol

import structlog
from sqlalchemy import CursorResult, select, update

from core.clock import Clock
from core.database import Database
from ticketing.assign.follow import changing
from ticketing.callbacks.outcome import settle
from ticketing.callbacks.people import CallbackDesk
from ticketing.events import CallbackOutcome
from ticketing.repository import TicketRepository
from ticketing.schedule import callback_number
from ticketing.service import Tickets
from ticketing.tables import Callback, Ticket

log = structlog.get_logger(__name__)

#: What people write back; anything else is kept as their words and decides nothing.
_REPLIES: dict[str, CallbackOutcome] = {
    "1": "satisfied", "满意": "satisfied", "2": "unsatisfied", "不满意": "unsatisfied", "不满": "unsatisfied",
}  # fmt: skip
_WORDS = 500


class TextGateway(Protocol):
    """The city's way to send text messages; satisfied in ``heyi``."""

    async def send(self, *, message_id: str, number: str, text: str) -> bool:
        """Give a message to the gateway; False where it did not take it. The same id is never sent twice."""
        ...


def answer_of(text: str) -> CallbackOutcome | None:
    """What a reply says; None where that is not clear."""
    return _REPLIES.get(text.strip().strip("。！!.，,“”\"'").removeprefix("回复"))


class Texts:
    """Sends what is due and takes replies. An attempt is marked before it is sent: a crash never sends it twice.

    ``page``: address under which a message's page is found, to which its secret is added; empty: there is none.
    """

    def __init__(
        self, database: Database, tickets: Tickets, clock: Clock, gateway: TextGateway | None, page: str = ""
    ) -> None:
        self._database, self._tickets, self._clock = database, tickets, clock
        self._gateway, self._page = gateway, page
        self._desk = CallbackDesk(database, tickets, clock)

    async def run(self, poll_s: float = 5.0) -> None:
        """Look for due messages until cancelled; a pass that fails is logged and the next one tries again."""
        while True:
            try:
                await self.tick()
            except Exception:
                log.exception("pass of text callbacks failed")
            await asyncio.sleep(poll_s)

    async def tick(self) -> int:
        """One pass; how many messages were sent. What waited long enough counts as not answered."""
        now, policy = self._clock.now(), self._tickets.policy
        await self._desk.sweep()
        async with self._database.read() as session:
            repository = TicketRepository(session)
            waiting, due = await repository.callbacks_running("sms"), await repository.callbacks_due(now, 50, "sms")
        for row in waiting:
            if row.placed_at is not None and now - row.placed_at > policy.text_patience:
                await self._settle(row.id, "no_answer")
        if policy.quiet(now):
            return 0
        return sum([await self._send(row.id) for row in due])

    async def _send(self, callback_id: int) -> bool:
        async with self._database.work() as work:
            row = await work.session.get_one(Callback, callback_id)
            ticket = await TicketRepository(work.session).get(row.ticket_id)
            number = callback_number(ticket, self._tickets.city)
            claimed = await work.session.execute(
                update(Callback)
                .where(Callback.id == row.id, Callback.placed_at.is_(None), Callback.ended_at.is_(None))
                .values(placed_at=self._clock.now(), number=number)
            )
            if not isinstance(claimed, CursorResult) or claimed.rowcount != 1:
                return False
        sent = False
        if number and self._gateway is not None:
            try:
                sent = await self._gateway.send(
                    message_id=row.call_id, number=number, text=self.text(ticket, row.token or "")
                )
            except Exception:
                log.exception("text message could not be sent", ticket=ticket.number)
        if not sent:
            await self._settle(callback_id, "failed")
        return sent

    def text(self, ticket: Ticket, token: str) -> str:
        """What the caller reads: which matter, how to answer."""
        link = f"，或点 {self._page}{token} 评价" if self._page and token else ""
        name = self._tickets.city.profile.name
        return f"【{name}热线】您反映的事项（工单 {ticket.number}）已办结。满意请回复 1，不满意请回复 2{link}。"

    async def reply(self, message_id: str, number: str, text: str) -> Literal["taken", "unclear", "unknown"]:
        """A reply as the gateway hands it on: to the message of this id, else to the newest one to this number."""
        async with self._database.read() as session:
            query = select(Callback).where(Callback.channel == "sms", Callback.placed_at.is_not(None))
            query = query.where(Callback.call_id == message_id if message_id else Callback.number == number)
            row = await session.scalar(query.order_by(Callback.placed_at.desc()).limit(1)) if (
                message_id or number
            ) else None  # fmt: skip
        if row is None:
            return "unknown"
        outcome = answer_of(text)
        if outcome is None:
            async with self._database.work() as work:
                kept = await work.session.get_one(Callback, row.id)
                kept.words = f"{kept.words}\n{text.strip()}".strip()[:_WORDS]
            return "unclear"
        await self._settle(row.id, outcome)
        return "taken"

    async def of_token(self, token: str) -> tuple[Callback, Ticket] | None:
        """The message whose page this is; None where there is none."""
        if not token:
            return None
        async with self._database.read() as session:
            query = select(Callback, Ticket).join(Ticket, Ticket.id == Callback.ticket_id)
            found = (await session.execute(query.where(Callback.token == token))).one_or_none()
        return (found[0], found[1]) if found is not None and found[0].placed_at is not None else None

    async def answer(self, token: str, outcome: Literal["satisfied", "unsatisfied"], words: str = "") -> bool:
        """An answer on the message's page; False where there is no such page or it was answered before."""
        found = await self.of_token(token)
        return found is not None and await self._settle(found[0].id, outcome, words)

    async def _settle(self, callback_id: int, outcome: CallbackOutcome, words: str = "") -> bool:
        async with changing(self._database, self._tickets.clocks.keeper) as work:
            row = await work.session.get_one(Callback, callback_id)
            done = await settle(work, self._tickets, row, outcome, self._clock.now())
            if done and words.strip():
                row.words = words.strip()[:_WORDS]
            return done
