"""Taking note of an alarm (确认告警): who knows of it, for all wallboards."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from desk.access.auth import SignedIn, audit
from desk.context import services_of
from desk.services import DeskServices
from desk.wall.boardfeed import BoardFeed
from switchboard.figures.alarms import AlarmNoted

router = APIRouter(prefix="/api/alarms")
Services = Annotated[DeskServices, Depends(services_of)]


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")

    #: As the wallboard's stream tells it.
    key: Annotated[str, Field(pattern=r"^(line|waiting|missed|recording):.{0,80}$")]
    began: datetime
    note: Annotated[str, Field(max_length=200)] = ""


@router.post("/note")
async def note(request: Request, body: Note, user: SignedIn, services: Services) -> dict[str, Any]:
    """Take note of an alarm as it is seen: one that is over, or began anew since, is noted by nobody."""
    if body.began.tzinfo is None or body.began > services.clock.now():
        raise HTTPException(422, "填写的内容不符合要求")
    board: BoardFeed = request.app.state.board
    if not any(alarm.key == body.key and alarm.began <= body.began for alarm in await board.alarms()):
        raise HTTPException(409, "这条告警已经解除或重新发生，请看最新的告警")
    said = body.note.strip()
    noted = AlarmNoted(at=services.clock.now(), key=body.key, began=body.began, by=user.name, note=said)
    async with services.database.work() as work:
        work.record(noted)
    await audit(request, user.login, "alarm_noted", detail=f"{body.key} {said}".strip())
    return {"ok": True}
