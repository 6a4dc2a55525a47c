"""Calls out of other systems' tables, and ours into tables."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from core.database import Work
from core.errors import HeyiError
from heyi.transfer.fields import BadCell, Field, choice, moment, number
from heyi.transfer.fields import text as words
from telephony.ledger import CallRow

_OUTCOMES = {
    "answered": "已接听",
    "abandoned": "来电人放弃",
    "unanswered": "无人接听",
    "voice": "语音内结束",
    "failed": "失败",
    "lost": "丢失",
}
_DIRECTIONS = {"in": "呼入", "back": "回访", "out": "呼出", "internal": "内部"}
PAGE = 500


class CallTable:
    """What a table of calls holds. Such calls are the past: each has an end."""

    kind = "calls"

    def __init__(self, city: City) -> None:
        self._zone = ZoneInfo(city.profile.timezone)
        time = moment(self._zone)
        self.fields: tuple[Field, ...] = (
            Field("id", "通话编号", ("编号", "流水号", "通话ID", "uniqueid", "录音编号"), read=words(80)),
            Field("arrived_at", "来电时间", ("呼入时间", "开始时间", "时间", "calldate"), True, time),
            Field("line", "线路", ("被叫号码", "热线", "接入号码", "dst"), True, words(20)),
            Field("caller", "来电号码", ("主叫号码", "主叫", "src"), read=words(80)),
            Field("direction", "方向", ("呼叫方向",), read=choice(_DIRECTIONS, "方向")),
            Field("agent", "坐席", ("分机", "坐席分机", "工号"), read=words(10)),
            Field("outcome", "结果", ("通话结果", "接听状态"), read=choice(_OUTCOMES, "结果")),
            Field("queued_at", "排队时间", ("进入队列时间",), read=time),
            Field("answered_at", "接听时间", ("应答时间",), read=time),
            Field("ended_at", "结束时间", ("挂断时间", "挂机时间"), read=time),
            Field("waited_s", "等待秒数", ("等待时长", "排队时长"), read=number),
            Field("talked_s", "通话秒数", ("通话时长", "billsec"), read=number),
            Field("recording", "录音文件", ("录音",), read=words(100)),
        )

    def identify(self, values: dict[str, Any], cells: Sequence[str]) -> str:
        """By what a row is known when it comes again: its id, else one made of all that it says."""
        if not values.get("id"):
            values["id"] = f"import-{hashlib.sha256(chr(31).join(cells).encode()).hexdigest()[:24]}"
        return str(values["id"])

    def check(self, values: Mapping[str, Any]) -> None:
        """:class:`BadCell` where the times do not follow each other."""
        times = [values[name] for name in ("arrived_at", "answered_at", "ended_at") if values.get(name)]
        if times != sorted(times):
            raise BadCell("来电、接听、结束时间的先后不对")

    async def known(self, session: AsyncSession, ids: Collection[str]) -> set[str]:
        """Which of these are there already."""
        return set(await session.scalars(select(CallRow.id).where(CallRow.id.in_(ids))))

    async def add(self, work: Work, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Write calls to the ledger."""
        for values in rows:
            row = {"direction": "in", "caller": "", **values}
            row["direction"] = row["direction"] or "in"
            answered, ended = row.get("answered_at"), row.get("ended_at")
            row["ended_at"] = ended or answered or row["arrived_at"]
            row["outcome"] = row.get("outcome") or ("answered" if answered else "unanswered")
            if answered and row.get("waited_s") is None:
                row["waited_s"] = (answered - row["arrived_at"]).total_seconds()
            if answered and ended and row.get("talked_s") is None:
                row["talked_s"] = (ended - answered).total_seconds()
            work.session.add(CallRow(**row))
        await work.session.flush()

    async def chunk(
        self, session: AsyncSession, after: str, since: datetime | None, until: datetime | None, department: str
    ) -> tuple[list[list[str]], str]:
        """Rows for a table, the latest first, and where the next begin."""
        if department:
            raise HeyiError("calls have no department", hint="--department is for tickets")
        query = select(CallRow)
        if since is not None:
            query = query.where(CallRow.arrived_at >= since)
        if until is not None:
            query = query.where(CallRow.arrived_at < until)
        if after:
            at, _, last = after.partition("~")
            moment_of = datetime.fromisoformat(at)
            query = query.where(CallRow.arrived_at <= moment_of, or_(CallRow.arrived_at < moment_of, CallRow.id < last))
        rows = (await session.scalars(query.order_by(CallRow.arrived_at.desc(), CallRow.id.desc()).limit(PAGE))).all()
        cells = [[self._cell(row, field.key) for field in self.fields] for row in rows]
        return cells, f"{rows[-1].arrived_at.isoformat()}~{rows[-1].id}" if len(rows) == PAGE else ""

    def _cell(self, row: CallRow, key: str) -> str:
        value = getattr(row, key)
        if value is None:
            return ""
        if isinstance(value, datetime):
            return f"{value.astimezone(self._zone):%Y-%m-%d %H:%M:%S}"
        if isinstance(value, float):
            return f"{value:g}"
        names: dict[str, Mapping[str, str]] = {"outcome": _OUTCOMES, "direction": _DIRECTIONS}
        return names.get(key, {}).get(value, str(value))
