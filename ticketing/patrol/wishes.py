"""What a phone may send, and what it is told. Pure."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.errors import HeyiError
from ticketing.patrol.tables import FieldKind, FieldState

#: Characters of a result, a note, a cry for help.
MAX_TEXT = 2000
#: A phone's outbox is never older: a shift, and a night in a drawer.
OLDEST = timedelta(days=3)
#: What came so much later than it was pressed is said to be late.
LATE = timedelta(minutes=1)
NAMES: dict[FieldKind, str] = {
    "accept": "接单",
    "depart": "出动",
    "arrive": "到场",
    "handle": "开始处置",
    "report": "反馈结果",
    "refuse": "退单",
    "back": "归队",
    "note": "情况说明",
    "photo": "现场照片",
    "help": "求助",
    "patrol": "巡查上报",
    "extend": "申请延期",
}


@dataclass(frozen=True)
class Position:
    """Where a phone was: degrees of WGS 84, radius in metres."""

    lon: float
    lat: float
    accuracy_m: float | None = None

    def __post_init__(self) -> None:
        # NaN is in no range.
        if not (-180 <= self.lon <= 180 and -90 <= self.lat <= 90):
            raise HeyiError("坐标不在有效范围", hint=f"{self.lon}, {self.lat}")
        if self.accuracy_m is not None and not (0 <= self.accuracy_m < math.inf):
            raise HeyiError("坐标不在有效范围", hint=f"±{self.accuracy_m}")

    def said(self) -> str:
        """As a history says it."""
        accuracy = "" if self.accuracy_m is None else f"（±{self.accuracy_m:.0f} 米）"
        return f"{self.lat:.5f}, {self.lon:.5f}{accuracy}"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One thing that somebody pressed on the spot."""

    #: Made by the phone: the same however often it is sent.
    id: str
    kind: FieldKind
    #: Id of the ticket; empty where it belongs to none.
    ticket: str = ""
    #: Key of the unit whose step it is; empty: a step of the department.
    unit: str = ""
    #: Ids of the department's part, or of the unit's order, that the phone showed; empty: it told none.
    part: str = ""
    order: str = ""
    #: Id of the clock for which more time is asked, and how much, in its own unit.
    clock: str = ""
    amount: float = 0
    made_at: datetime
    position: Position | None = None
    text: str = ""

    def digest(self, *more: str) -> str:
        """Of all that was said, with the hashes of what came beside it.

        Not of when: a clock may be corrected; nor of where: a phone may find its position only after it sent first.
        """
        told = asdict(self) | {"made_at": None, "position": None, "more": more}
        # What the phone did not tell leaves the digest as it was before there was such a field.
        told = {
            name: value for name, value in told.items() if value or name not in ("part", "order", "clock", "amount")
        }
        return hashlib.sha256(json.dumps(told, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a wish."""

    id: str
    state: FieldState
    #: Why it was refused, or who was first; empty where all is well.
    message: str = ""
    hint: str = ""
    number: str = ""


def said(wish: Wish, now: datetime, timezone: str) -> str:
    """What a ticket's history says of it: its words, where, and that it came later than it was pressed."""
    zone = ZoneInfo(timezone)
    parts = [wish.text.strip()] if wish.kind in ("note", "help", "photo") and wish.text.strip() else []
    if wish.position is not None:
        parts.append(f"位置 {wish.position.said()}")
    if now - wish.made_at > LATE:
        made, came = (at.astimezone(zone).strftime("%m-%d %H:%M:%S") for at in (wish.made_at, now))
        parts.append(f"{made} 离线操作，{came} 送达")
    return f"{NAMES[wish.kind]}：{'；'.join(parts)}" if parts else NAMES[wish.kind]


def pressed_at(made_at: datetime, sent_at: datetime, now: datetime) -> datetime:
    """When it was pressed by our clock: the phone's may be wrong, but it is wrong by the same when it sends.

    Never in the future, and never before what an outbox can hold.
    """
    waited = max(sent_at - made_at, timedelta(0))
    return now - min(waited, OLDEST)
