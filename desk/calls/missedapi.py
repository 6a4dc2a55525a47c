"""Missed calls, kept places, the queue's order and nuisance marks: the page ``/missed`` and the API that it posts to.

Call takers and supervisors; every deed is audited. Somebody else's item, a push and the end of a mark are the
supervisor's.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from desk.access import masking
from desk.access.auth import SignedIn, audit
from desk.access.users import User, Users
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import by_place, wanted
from desk.live import Feed
from desk.render import page
from desk.services import DeskServices
from desk.views import Views, stamp
from desk.whole import Whole
from switchboard.kept.policy import STATE_NAMES as PLACE_NAMES
from switchboard.kept.policy import Held
from switchboard.kept.tables import KeptPlace
from switchboard.marks import KIND_NAMES as MARK_NAMES
from switchboard.marks import Kind as MarkKind
from switchboard.marks import Mark
from switchboard.missed.listing import Entry
from switchboard.missed.policy import KIND_NAMES, STATE_NAMES
from switchboard.missed.tables import PAGE
from switchboard.priority import REASON_NAMES
from switchboard.standing import Ranked
from telephony.queues import LAST_RESORT

router = APIRouter()
Person = SignedIn
Lead = SignedIn
Services = Annotated[DeskServices, Depends(services_of)]
Ok = dict[str, bool]

TABS = {"open": "待处理", "done": "已办结", "kept": "保留位置", "queue": "等候队列", "marks": "骚扰号码"}
#: How a call back ended.
TRIED = {
    "": "进行中",
    "answered": "已接通",
    "unanswered": "无人接听",
    "abandoned": "接起后未等到坐席",
    "dropped": "接通即断",
    "failed": "未能拨出",
}
#: What is offered when an item is closed; any other words may be typed.
CLOSE_REASONS = ("已与来电人取得联系", "多次回拨无人接听", "误拨", "骚扰电话", "重复来电，已有在办工单")
#: Terms of a mark that the page offers, in days.
TERMS = (1, 7, 30, 90)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Reason(_Body):
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class MarkWish(_Body):
    number: Annotated[str, Field(min_length=3, max_length=40)]
    kind: MarkKind
    days: Annotated[int, Field(ge=1, le=90)]
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class Push(_Body):
    #: False takes a push back.
    pushed: bool = True
    why: Annotated[str, Field(min_length=1, max_length=200)]


@router.get("/missed", include_in_schema=False)
async def missed_page(
    request: Request, user: Person, services: Services, tab: str = "", number: Annotated[Whole, Query(alias="page")] = 1
) -> Response:
    """The lists; with ``?part=1`` only the chosen one, for the script that keeps it fresh."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    chosen = tab if tab in TABS else "open"
    shown = await _shown(request, services, user)
    found = await services.switchboard.missed.count()
    last = -(-found.open // PAGE) if chosen == "open" else 1
    number = max(1, min(number, last))
    if wanted(request):
        return page(request, "missed.html", me=user, rows=by_place(partial(shown.some, chosen)))
    return page(
        request,
        "missed_part.html" if request.query_params.get("part") else "missed.html",
        me=user,
        seq=seq,
        now=stamp(services.clock.now()),
        tab=chosen,
        tabs=TABS,
        rows=await shown.rows(chosen, number),
        sheet=number,
        last=last,
        counts={
            "open": found.open,
            "kept": len(await services.switchboard.keeping.places()),
            "queue": services.switchboard.standings.waiting,
        },
        close_reasons=CLOSE_REASONS,
        mark_kinds=MARK_NAMES,
        terms=TERMS,
    )


@router.get("/api/missed")
async def missed(
    request: Request, user: Person, services: Services, tab: str = "open", page: Whole = 1
) -> list[dict[str, Any]]:
    """Missed calls that are to be worked off (``tab=open``, 200 on a ``page``), those done in the last day (``done``),
    kept places (``kept``), who waits and why there (``queue``), nuisance marks (``marks``)."""
    if tab not in TABS:
        raise HTTPException(404, "没有找到")
    return await (await _shown(request, services, user)).rows(tab, page)


@router.get("/api/missed/count")
async def count(request: Request, _user: Person, services: Services) -> dict[str, int]:
    """How many missed calls are to be dealt with, how many of them are emergencies; live events go on from ``seq``."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    found = await services.switchboard.missed.count()
    return {"open": found.open, "emergency": found.emergency, "seq": seq}


@router.post("/api/missed/{item}/claim")
async def claim(request: Request, item: str, user: Person, services: Services) -> Ok:
    """Take it on; heyi does not ring by itself meanwhile."""
    await services.switchboard.recalls.claim(item, who=user.login)
    return await _noted(request, user, "missed_claim", item)


@router.post("/api/missed/{item}/release")
async def release(request: Request, item: str, user: Person, services: Services) -> Ok:
    """Give it back to all."""
    await services.switchboard.recalls.release(item, who=user.login, chief=user.role == "supervisor")
    return await _noted(request, user, "missed_release", item)


@router.post("/api/missed/{item}/call")
async def call_back(request: Request, item: str, user: Person, services: Services) -> dict[str, str]:
    """Ring the caller and connect him to one's own desk, without a desk to the queue."""
    call_id = await services.switchboard.recalls.ring_by_hand(item, who=user.login, desk=user.extension or "")
    await _noted(request, user, "missed_call", item, call_id=call_id)
    return {"call_id": call_id}


@router.post("/api/missed/{item}/close")
async def close(request: Request, item: str, body: Reason, user: Person, services: Services) -> Ok:
    """Close it with a reason."""
    chief = user.role == "supervisor"
    await services.switchboard.recalls.finish(item, who=user.login, reason=body.reason, chief=chief)
    return await _noted(request, user, "missed_close", item, body.reason)


@router.post("/api/kept/{call_id}/cancel")
async def cancel(request: Request, call_id: str, body: Reason, user: Person, services: Services) -> Ok:
    """A kept place is not kept any more."""
    await services.switchboard.keeping.cancel(call_id, reason=body.reason)
    return await _noted(request, user, "kept_cancel", "", body.reason, call_id=call_id)


@router.post("/api/calls/{call_id}/push")
async def push(request: Request, call_id: str, body: Push, user: Lead, services: Services) -> Ok:
    """Put a waiting caller first, or take that back."""
    await services.switchboard.standings.push(call_id, by=user.login, pushed=body.pushed)
    return await _noted(request, user, "push" if body.pushed else "push_back", "", body.why, call_id=call_id)


@router.post("/api/marks")
async def mark(request: Request, body: MarkWish, user: Person, services: Services) -> dict[str, str]:
    """Mark a number as nuisance for some days. It is ranked behind the others, never shut out."""
    made = await services.switchboard.marks.add(
        body.number, body.kind, days=body.days, by=user.login, reason=body.reason
    )
    await _noted(request, user, "mark", "", f"{made.number} {made.kind} {body.days}d {body.reason}")
    return {"id": made.id}


@router.post("/api/marks/{mark_id}/remove")
async def unmark(request: Request, mark_id: str, body: Reason, user: Lead, services: Services) -> Ok:
    """Take a mark away before its end."""
    gone = await services.switchboard.marks.remove(mark_id, by=user.login)
    return await _noted(request, user, "unmark", "", f"{gone.number} {body.reason}")


async def _noted(
    request: Request, user: User, what: str, item: str, reason: str = "", *, call_id: str | None = None
) -> Ok:
    await audit(request, user.login, what, call_id, f"{item} {reason}".strip())
    return {"ok": True}


async def _shown(request: Request, services: DeskServices, user: User) -> "_Shown":
    views = Views(services.city, language_of(request))
    return _Shown(services, views, user, await Users(services.database).names())


class _Shown:
    """Rows of each tab as plain JSON types, in the reader's language."""

    def __init__(self, services: DeskServices, views: Views, user: User, names: Mapping[str, str]) -> None:
        self._board, self._views, self._user, self._names = services.switchboard, views, user, names
        # A program whose token does not name ticket.person is given the list and no numbers.
        self._number: Callable[[str], str] = masking.number if masking.hides(user) else str
        self._emergency = {line.number for line in services.city.lines if line.kind == "emergency"}
        self._groups = {group.key: group for group in services.city.groups}
        self._text: Callable[[str], str] = views.text

    async def rows(self, tab: str, number: int = 1) -> list[dict[str, Any]]:
        match tab:
            case "open":
                return [self._entry(entry) for entry in await self._board.missed.open(number)]
            case "done":
                return [self._entry(entry) for entry in await self._board.missed.done()]
            case "kept":
                return [self._place(row, held) for row, held in await self._board.keeping.places()]
            case "queue":
                return [self._waiting(row) for row in self._board.standings.view()]
            case _:
                return [self._mark(row) for row in await self._board.marks.all()]

    async def some(self, tab: str, start: int, size: int) -> Sequence[dict[str, Any]]:
        """So many rows of a tab from ``start`` on."""
        match tab:
            case "open":
                rows = await self._board.missed.some(start, size)
                return [self._entry(entry) for entry in rows]
            case "done":
                return [self._entry(entry) for entry in await self._board.missed.done(size, start)]
            case _:
                return (await self.rows(tab))[start : start + size]

    def _entry(self, entry: Entry) -> dict[str, Any]:
        item = entry.item
        mine = item.owner == self._user.login
        chief = self._user.role == "supervisor"
        free = item.state in ("open", "calling")
        return {
            "id": item.id,
            "number": self._number(item.number),
            "emergency": item.emergency,
            "state": item.state,
            "state_name": self._text(STATE_NAMES[item.state]),
            "count": item.count,
            "calls": [
                {
                    "call_id": call.call_id,
                    "line": call.line,
                    "line_name": self._views.line_name(call.line),
                    "kind": self._text(KIND_NAMES[call.kind]),
                    "at": stamp(call.at),
                }
                for call in reversed(item.calls)
            ],
            "tries": [
                {
                    "at": stamp(tried.decided_at),
                    "by": tried.by,
                    "by_name": self._name(tried.by),
                    "outcome": tried.outcome,
                    "outcome_name": self._text(TRIED[tried.outcome]),
                }
                for tried in entry.tries
            ],
            "due_at": stamp(item.due_at) if item.state == "open" else None,
            "owner": item.owner,
            "owner_name": self._name(item.owner),
            "reason": self._text(item.reason),
            "list_only": self._text(entry.list_only),
            "on_the_line": entry.on_the_line,
            "may": {
                "claim": item.state == "open",
                "release": item.state == "owned" and not item.out and (mine or chief),
                "call": entry.dialable and not item.out and (item.state == "open" or (item.state == "owned" and mine)),
                "close": free or (item.state == "owned" and (mine or chief)),
            },
        }

    def _place(self, row: KeptPlace, held: Held) -> dict[str, Any]:
        return {
            "call_id": row.call_id,
            "number": self._number(row.number),
            "line": row.line,
            "line_name": self._views.line_name(row.line),
            "arrived_at": stamp(row.arrived_at),
            "priority": held.priority,
            "state": held.state,
            "state_name": self._text(PLACE_NAMES[held.state]),
            "tries": held.tries,
            "not_before": stamp(held.not_before),
        }

    def _waiting(self, row: Ranked) -> dict[str, Any]:
        call, reasons = row.call, row.standing.reasons
        return {
            "call_id": call.id,
            "number": self._number(call.caller) if self._user.role == "supervisor" else None,
            "line": call.line,
            "line_name": self._views.line_name(call.line),
            "emergency": call.line in self._emergency,
            "queue": call.queue,
            "queue_name": self._queue(call.queue),
            "arrived_at": stamp(call.arrived_at),
            "priority": row.standing.priority,
            # His line's own priority is no news to anybody.
            "reasons": [self._text(REASON_NAMES[reason]) for reason in reasons if reason != "line"],
            "pushed": "pushed" in reasons,
            "passed": self._passed(row),
        }

    def _passed(self, row: Ranked) -> list[dict[str, Any]]:
        """Why the place got worse: each reason with the number of callers who came before this one by it."""
        counted = Counter(passed.reason for passed in row.passed)
        return [
            {"reason": self._text(REASON_NAMES[reason]), "count": counted[reason]}
            for reason in REASON_NAMES
            if counted[reason]
        ]

    def _name(self, login: str) -> str:
        return self._names.get(login, login)

    def _queue(self, name: str) -> str:
        """The skill group, and whether others help out by now."""
        if name.startswith(LAST_RESORT):
            return self._text("全员振铃")
        group = self._groups.get(name.removesuffix("-wide"))
        if group is None:
            return name
        own = group.name if self._views.language == "zh" else group.name_en
        return own if name == group.key else f"{own} · {self._text('其他组协助')}"

    def _mark(self, row: Mark) -> dict[str, Any]:
        return {
            "id": row.id,
            "number": self._number(row.number),
            "kind": row.kind,
            "kind_name": self._text(MARK_NAMES[row.kind]),
            "reason": row.reason,
            "by": row.by,
            "by_name": self._name(row.by),
            "at": stamp(row.at),
            "until": stamp(row.until),
        }
