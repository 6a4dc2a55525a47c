"""What callers say to a voice about a result or a call (``result`` of :data:`core.city_ivr.LOOK_UPS`).

In a call that the robot placed it is the result of that attempt; after any other call it rates that call. Which of the
two is told by the call alone: what a flow names as the ticket changes nothing.

Solved and satisfied are two figures and stay two (解决率, 满意率): the answer about satisfaction decides what follows
for the ticket, as where a person asks (:mod:`ticketing.callbacks.people`); the answer about the solution is kept beside
it. Whoever is satisfied although it is not solved has been told why, and is content with that; whoever is not satisfied
although it is solved is heard again. Anything but a clear word is none: it is refused here, and counts for nobody.
"""

import re

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from core.database import Database, Work
from core.errors import HeyiError
from telephony.ledger import CallRow
from ticketing.assign.follow import changing
from ticketing.callbacks.outcome import settle
from ticketing.callbacks.tables import CallEvaluation, Rating
from ticketing.dialler import is_callback
from ticketing.events import CallbackOutcome, CallEvaluated
from ticketing.moves import kept
from ticketing.repository import TicketRepository
from ticketing.selfservice.asked import VOICE, Answer, Asked
from ticketing.selfservice.tables import VoiceMessage
from ticketing.service import Tickets
from ticketing.tables import Callback

DONE: Answer = ("done", {})
#: Said instead of an answer where somebody else picked up.
WRONG = "wrong"
#: Of :attr:`ticketing.tables.TicketHistory.action`.
RATED = "rated"
RATING_NAMES: dict[Rating, str] = {"satisfied": "满意", "fair": "一般", "unsatisfied": "不满意"}
_OUTCOMES: dict[str, CallbackOutcome] = {"yes": "satisfied", "no": "unsatisfied"}
_RATINGS: dict[str, Rating] = {"yes": "satisfied", "fair": "fair", "no": "unsatisfied"}
_SOLVED = {"yes": True, "no": False, "": None}
_RECORDING = re.compile(r"(.{1,80})-voice-[0-9]{1,3}\.wav")


class Said:
    """The look-up ``result``."""

    def __init__(self, database: Database, tickets: Tickets) -> None:
        self._database, self._tickets = database, tickets

    async def result(self, asked: Asked) -> Answer:
        """Write it down; :class:`HeyiError` where it is no answer, or there is nothing that it could be about."""
        if is_callback(asked.call_id):
            await self._callback(asked)
        else:
            await self._rating(asked)
        return DONE

    async def _callback(self, asked: Asked) -> None:
        if asked.text("satisfied") == WRONG:
            await self._wrong(asked)
            return
        outcome, solved = _OUTCOMES.get(asked.text("satisfied")), asked.text("solved")
        if outcome is None or solved not in _SOLVED:
            raise HeyiError("没有听清回访评价", hint=asked.text("satisfied")[:20])
        async with changing(self._database, self._tickets.clocks.keeper) as work:
            repository = TicketRepository(work.session)
            row = await repository.callback_by_call(asked.call_id)
            if row is None:
                raise HeyiError("没有这次回访", hint=asked.call_id)
            await self._keep_reason(work, row, asked)
            if row.ended_at is None:
                row.solved = _SOLVED[solved]
            await settle(work, self._tickets, row, outcome, asked.now)

    async def _wrong(self, asked: Asked) -> None:
        """Whoever picked up knows nothing of it: the robot troubles that number no more, a person looks into it."""
        async with changing(self._database, self._tickets.clocks.keeper) as work:
            repository = TicketRepository(work.session)
            row = await repository.callback_by_call(asked.call_id)
            if row is None:
                raise HeyiError("没有这次回访", hint=asked.call_id)
            if not await settle(work, self._tickets, row, "failed", asked.now):
                return
            row.words = "接听人表示没有反映过此事"
            for planned in await repository.callbacks(row.ticket_id):
                if planned.placed_at is None and planned.ended_at is None:
                    planned.channel = "person"

    async def _keep_reason(self, work: Work, row: Callback, asked: Asked) -> None:
        """The recorded reason, as any message to a ticket: written out once it is recognised."""
        name = asked.text("recording")
        found = _RECORDING.fullmatch(name)
        if found is None or found[1] != asked.call_id:
            return
        if await work.session.scalar(select(VoiceMessage.id).where(VoiceMessage.file == name)) is None:
            work.session.add(
                VoiceMessage(ticket_id=row.ticket_id, call_id=asked.call_id, file=name, own=True, at=asked.now)
            )
            ticket = await TicketRepository(work.session).get(row.ticket_id)
            kept(work, ticket, "message", VOICE, asked.now, "来电人在回访中口述原因")

    async def rated(self, call_id: str) -> bool:
        """Whether this call has been rated."""
        async with self._database.read() as session:
            return await session.get(CallEvaluation, call_id) is not None

    async def _rating(self, asked: Asked) -> None:
        rating = _RATINGS.get(asked.text("satisfied"))
        if rating is None:
            raise HeyiError("没有听清评价", hint=asked.text("satisfied")[:20])
        try:
            async with changing(self._database, self._tickets.clocks.keeper) as work:
                ticket = await TicketRepository(work.session).by_call(asked.call_id)
                if ticket is None:
                    raise HeyiError("没有这次通话的工单", hint=asked.call_id)
                if await work.session.get(CallEvaluation, asked.call_id) is not None:
                    return
                call = await work.session.get(CallRow, asked.call_id)
                agent = call.agent if call is not None else ticket.agent_extension
                work.session.add(
                    CallEvaluation(call_id=asked.call_id, ticket_id=ticket.id, agent=agent, rating=rating, at=asked.now)
                )
                kept(work, ticket, RATED, VOICE, asked.now, f"来电人评价本次服务：{RATING_NAMES[rating]}")
                work.record(
                    CallEvaluated(
                        at=asked.now, call_id=asked.call_id, ticket_id=ticket.id, number=ticket.number,
                        rating=rating, agent=agent,
                    )
                )  # fmt: skip
        except IntegrityError:
            return  # told twice at the same moment: the first holds
