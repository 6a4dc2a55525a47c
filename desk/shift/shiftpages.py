"""The check before the shift, and what pages tell of how their calls sounded."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from desk.access.auth import SignedIn, audit, desk_of
from desk.access.users import User
from desk.context import services_of
from desk.live import desks_ever
from desk.render import page
from desk.services import DeskServices
from desk.shift.tables import CallQuality, DeskCheck, last_check

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
#: A check is of the shift that it begins.
VALID = timedelta(hours=12)

_Ms = Annotated[float, Field(ge=0, le=60_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Checked(_Body):
    """Columns of :class:`desk.shift.tables.DeskCheck`."""

    ok: bool
    level_db: Annotated[float, Field(ge=-200, le=10)] | None
    heard: bool
    asterisk_ms: _Ms | None
    server_ms: _Ms | None
    jitter_ms: _Ms | None


class Sounded(_Body):
    """Columns of :class:`desk.shift.tables.CallQuality`."""

    seconds: Annotated[float, Field(gt=0, le=86_400)]
    mos: Annotated[float, Field(ge=1, le=4.5)]
    mos_least: Annotated[float, Field(ge=1, le=4.5)]
    loss: Annotated[float, Field(ge=0, le=100)]
    jitter_ms: _Ms
    round_trip_ms: _Ms | None


@router.get("/desk/check", include_in_schema=False)
async def check_page(request: Request, user: SignedIn, services: Services) -> Response:
    """Microphone, speaker and network, one after another."""
    desk_of(user)
    return page(request, "check.html", me=user)


@router.post("/api/desk/check")
async def checked(request: Request, body: Checked, user: SignedIn, services: Services) -> dict[str, Any]:
    """Keep what the page of this person's desk has found."""
    desk = desk_of(user)
    async with services.database.work() as work:
        work.session.add(DeskCheck(desk=desk, login=user.login, at=services.clock.now(), **body.model_dump()))
    await audit(request, user.login, "desk_check", detail=f"{desk} {'ok' if body.ok else 'faulty'}")
    return {"ok": True}


@router.post("/api/calls/{call_id}/quality")
async def sounded(call_id: str, body: Sounded, user: SignedIn, services: Services) -> dict[str, Any]:
    """Keep how a call sounded at this person's desk; told again it is the longer measurement that stays."""
    desk = desk_of(user)
    if desk not in await desks_ever(services, call_id):
        raise HTTPException(404, "没有找到")
    async with services.database.work() as work:
        known = await work.session.get(CallQuality, (call_id, desk))
        if known is None or known.seconds < body.seconds:
            row = CallQuality(call_id=call_id, desk=desk, at=services.clock.now(), **body.model_dump())
            await work.session.merge(row)
    return {"ok": True}


def clock_of(services: DeskServices, at: datetime) -> str:
    """Hour and minute by the city's clock."""
    return f"{at.astimezone(ZoneInfo(services.city.profile.timezone)):%H:%M}"


async def last_of(session: AsyncSession, services: DeskServices, user: User) -> DeskCheck | None:
    """What the person's desk was found to be before this shift."""
    if not user.extension:
        return None
    return await last_check(session, user.extension, services.clock.now() - VALID)
