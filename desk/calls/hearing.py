"""Hearing recordings: the file of a call, by ranges, without what is private, and a trace of every listening."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from sqlalchemy import select
from starlette.responses import FileResponse, Response, StreamingResponse

from core.audit import AuditEntry
from desk.access.auth import SignedIn, address_of, audit
from desk.access.rights import may_hear, may_hear_private
from desk.access.users import User
from desk.context import services_of
from desk.live import desks_ever
from desk.services import DeskServices
from quality.listening import private
from quality.listening.masked import Wav, stretch
from quality.listening.picture import Span
from telephony.events import Leg
from telephony.recordings import files
from telephony.recordings import sealer as recordings
from ticketing.repository import TicketRepository

#: After this long, a player that goes on has begun again.
ONE_LISTENING = timedelta(minutes=30)
#: How the trace of what is not a whole call begins.
_PARTS = ("leg=", "message=", "review=", "example=")
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]


@dataclass(frozen=True)
class Sound:
    """A recording that can be heard. ``seal``: its hash; before it is sealed, what its file looks like."""

    call_id: str
    file: Path
    seal: str

    @property
    def shape(self) -> files.Shape:
        """:class:`HTTPException` where the file is no recording."""
        found = files.look(self.file)
        if found is None or not found.sound:
            raise HTTPException(404, "没有录音")
        return found


async def sound_of(services: DeskServices, call_id: str, leg: Leg | None = None) -> Sound:
    """The recording of a call; 404 where there is none, 410 where its time was over."""
    row = await services.ledger.call(call_id)
    name = (row.recording if row else "") or ""
    if name and leg is not None:
        name = f"{call_id}-{leg}.wav"
    async with services.database.read() as session:
        kept = {each.file: each for each in await recordings.of_call(session, call_id)}
    if name in kept and kept[name].deleted_at is not None:
        raise HTTPException(410, "录音保存期已满，已经删除")
    file = recording_file(services.settings.recordings, name)
    if file is None:
        raise HTTPException(404, "没有录音")
    stat = file.stat()
    return Sound(call_id, file, (kept[name].sha256 if name in kept else "") or f"{stat.st_size}-{stat.st_mtime_ns}")


async def private_spans(services: DeskServices, call_id: str) -> tuple[Span, ...]:
    """Seconds of a call that not everybody may hear."""
    async with services.database.read() as session:
        return private.spans(await private.of_calls(session, [call_id]))


def heard(request: Request, sound: Sound, spans: Sequence[Span] = (), within: Span | None = None) -> Response:
    """The answer to a player: all of a recording or the seconds ``within``, without ``spans``."""
    if not spans and within is None:
        return FileResponse(sound.file, headers={"Cache-Control": "no-store"})
    return _ranged(request, stretch(sound.file, sound.shape, spans, within))


@router.get("/calls/{call_id}/recording")
async def recording(
    request: Request, call_id: str, user: SignedIn, services: Services, leg: Leg | None = None
) -> Response:
    """The recording (``?leg=`` one side of it), in ranges as players ask for it. Every listening leaves a trace."""
    row = await services.ledger.call(call_id)
    async with services.database.read() as session:
        ticket = await TicketRepository(session).by_call(call_id)
    if row is None or not may_hear(user, await desks_ever(services, call_id), ticket):
        raise HTTPException(404, "没有找到")
    sound = await sound_of(services, call_id, leg)
    spans = () if may_hear_private(user) else await private_spans(services, call_id)
    await note_listening(request, user, services, call_id, f"leg={leg}" if leg is not None else "")
    return heard(request, sound, spans)


async def note_listening(request: Request, user: User, services: DeskServices, call_id: str, what: str) -> bool:
    """One entry in the audit for each time somebody plays a recording; whether this was one.

    ``what``: why, or which part of the call; empty: all of it. A player that jumps asks for ranges in the middle; they
    belong to the listening that began a while ago. Whatever begins at the beginning, or follows no entry of the same
    person, place, call and part, is a listening of its own.
    """
    wanted = request.headers.get("range", "")
    if wanted.startswith("bytes=") and not wanted.startswith("bytes=0-"):
        begun = select(AuditEntry.detail).where(
            AuditEntry.call_id == call_id, AuditEntry.what == "recording", AuditEntry.who == user.login,
            AuditEntry.address == address_of(request), AuditEntry.at > services.clock.now() - ONE_LISTENING,
        )  # fmt: skip
        async with services.database.read() as session:
            details = list(await session.scalars(begun))
        if any(detail.startswith(what) if what else not detail.startswith(_PARTS) for detail in details):
            return False
    await audit(request, user.login, "recording", call_id, f"{what} {wanted}".strip())
    return True


def recording_file(folder: Path, name: str) -> Path | None:
    """The file of that name in the recordings folder; None where there is none, or the name leads out of it."""
    if not name or "\0" in name:
        return None
    file = (folder / name).resolve()
    return file if file.is_relative_to(folder.resolve()) and file.is_file() else None


def _ranged(request: Request, wav: Wav) -> Response:
    """One range, as players ask for it; all of it where none was asked for, or several."""
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or asked.groups() == ("", ""):
        headers["Content-Length"] = str(wav.size)
        return StreamingResponse(wav.read(0, wav.size), media_type="audio/wav", headers=headers)
    first, last = asked.groups()
    begin = int(first) if first else max(wav.size - int(last), 0)
    end = min(int(last) + 1, wav.size) if first and last else wav.size
    if not begin < end:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{wav.size}"})
    headers |= {"Content-Range": f"bytes {begin}-{end - 1}/{wav.size}", "Content-Length": str(end - begin)}
    return StreamingResponse(wav.read(begin, end), 206, media_type="audio/wav", headers=headers)
