"""Tickets out of other systems' tables, and ours into tables."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from core.database import Work
from core.ids import new_id
from core.phones import normal
from heyi.transfer.fields import BadCell, Field, choice, moment, yes
from heyi.transfer.fields import text as words
from ticketing.fields import NATURES, TEXT_LIMITS, clean
from ticketing.listing import Wanted, page
from ticketing.sources import NAMES as SOURCE_NAMES
from ticketing.states import STATE_NAMES
from ticketing.tables import Ticket, TicketHistory

_STATES: dict[str, str] = {key: name for key, name in STATE_NAMES.items()}
_SOURCES: dict[str, str] = {key: name for key, name in SOURCE_NAMES.items()}
_SATISFIED = {"satisfied": "满意", "unsatisfied": "不满意", "unknown": "未评价"}
# The days' counts go on behind what was imported: no number is given twice.
_COUNT_ON = text(
    "INSERT INTO ticket_days (day, last) VALUES (:day, :last) "
    "ON CONFLICT (day) DO UPDATE SET last = CASE WHEN ticket_days.last > :last THEN ticket_days.last ELSE :last END"
)
#: Rows written in one transaction.
PAGE = 500


class TicketTable:
    """What a table of tickets holds."""

    kind = "tickets"

    def __init__(self, city: City) -> None:
        self._city = city
        zone = ZoneInfo(city.profile.timezone)
        time = moment(zone)
        departments = {department.id: department.name for department in city.departments}
        categories = {c.code: c.name for group in city.taxonomy for c in group.categories}
        self._zone, self._departments, self._categories = zone, departments, categories
        self.fields: tuple[Field, ...] = (
            Field("number", "工单编号", ("编号", "工单号", "案件编号", "受理编号", "流水号"), read=words(24)),
            Field("created_at", "受理时间", ("来电时间", "创建时间", "登记时间", "时间"), True, time),
            Field("summary", "诉求概要", ("概要", "标题", "主题", "诉求标题", "内容", "诉求内容"), True,
                  words(TEXT_LIMITS["summary"])),
            Field("description", "详细描述", ("描述", "详情", "备注"), read=words(TEXT_LIMITS["description"])),
            Field("source", "来源渠道", ("诉求来源", "受理渠道", "渠道"), read=choice(_SOURCES, "来源渠道")),
            Field("line", "线路", ("热线", "来源", "受理号码"), read=words(12)),
            Field("caller", "来电号码", ("主叫号码", "来电"), read=words(80)),
            Field("state", "状态", ("工单状态", "办理状态"), read=choice(_STATES, "状态")),
            Field("is_emergency", "紧急", ("是否紧急", "紧急程度"), read=yes),
            Field("code", "类别", ("诉求类别", "类别代码", "分类"), read=choice(categories, "类别")),
            Field("nature", "诉求性质", ("性质", "诉求类型"), read=choice({n: n for n in NATURES}, "诉求性质")),
            Field("place", "地点", ("地址", "事发地点", "诉求地址"), read=words(TEXT_LIMITS["place"])),
            Field("contact_name", "联系人", ("姓名", "来电人", "诉求人"), read=words(TEXT_LIMITS["contact_name"])),
            Field("contact_phone", "联系电话", ("电话", "手机", "手机号"), read=words(TEXT_LIMITS["contact_phone"])),
            Field("department", "承办单位", ("主办单位", "主办部门", "责任部门"), read=self._department),
            Field("result", "办理结果", ("处理结果", "结果", "答复内容"), read=words(20_000)),
            Field("satisfaction", "满意度", ("评价", "回访结果"), read=choice(_SATISFIED, "满意度")),
            Field("agent_login", "坐席", ("受理人", "坐席账号"), read=words(40)),
            Field("due_at", "办理时限", ("截止时间", "应办结时间"), read=time),
            Field("closed_at", "办结时间", ("结案时间", "完成时间"), read=time),
        )  # fmt: skip

    def _department(self, cell: str) -> str:
        found = next(
            (d.id for d in self._city.departments if cell in (d.id, d.name, *d.aliases)), None
        )  # fmt: skip
        if cell and found is None:
            raise ValueError("不是已知的部门")
        return found or ""

    def identify(self, values: dict[str, Any], cells: Sequence[str]) -> str:
        """By what a row is known when it comes again: its number, else one made of all that it says."""
        if not values.get("number"):
            digest = hashlib.sha256("\x1f".join(cells).encode()).hexdigest()
            values["number"] = f"IM-{digest[:20]}"
        return str(values["number"])

    def check(self, values: Mapping[str, Any]) -> None:
        """:class:`BadCell` where the fields do not go together."""
        closed = values.get("closed_at")
        if closed and closed < values["created_at"]:
            raise BadCell("办结时间早于受理时间")
        clean({name: values[name] for name in ("place", "contact_name", "summary") if name in values}, self._city)

    async def known(self, session: AsyncSession, ids: Collection[str]) -> set[str]:
        """Which of these are there already."""
        return set(await session.scalars(select(Ticket.number).where(Ticket.number.in_(ids))))

    async def add(self, work: Work, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Write tickets with the first row of their history. One without a state is closed: it is from a file."""
        days: dict[str, int] = {}
        for values in rows:
            ticket = self._ticket(values)
            work.session.add(ticket)
            if count := re.fullmatch(re.escape(self._city.profile.ticket_prefix) + r"(\d{8})-(\d{1,9})", ticket.number):
                days[count[1]] = max(days.get(count[1], 0), int(count[2]))
            # Such a row tells only of the phase, as those from before there were flows.
            history = TicketHistory(
                ticket_id=ticket.id, version=1, at=now, who="import", role="system", action="import",
                before=None, after=ticket.state, department=ticket.department, note="由外部数据导入", changes={},
            )  # fmt: skip
            work.session.add(history)
        for day, last in days.items():
            await work.session.execute(_COUNT_ON, {"day": day, "last": last})

    def _ticket(self, values: Mapping[str, Any]) -> Ticket:
        area, given = self._city.profile.area_code, dict(values)
        state = given.pop("state", "") or "closed"
        closed = given.pop("closed_at", None)
        given["source"] = given.get("source") or "import"
        usual = {"line": "", "caller": "", "code": "", "touched": [], "assist": [], "version": 1}
        ticket = Ticket(**usual | given, id=new_id(), state=state)
        ticket.is_emergency = bool(given.get("is_emergency")) or self._city.is_emergency(ticket.code)
        ticket.caller_digits = normal(ticket.caller, area)
        ticket.contact_digits = normal(given.get("contact_phone", ""), area)
        if state == "closed":
            ticket.closed_at = closed or given["created_at"]
        return ticket

    async def chunk(
        self, session: AsyncSession, after: str, since: datetime | None, until: datetime | None, department: str
    ) -> tuple[list[list[str]], str]:
        """Rows for a table, the latest first, and where the next begin."""
        wanted = Wanted(since=since, until=until, department=department)
        found = await page(session, wanted, after=after, limit=PAGE)
        return [[self._cell(ticket, field.key) for field in self.fields] for ticket in found.tickets], found.next

    def _cell(self, ticket: Ticket, key: str) -> str:
        value = getattr(ticket, key)
        if isinstance(value, datetime):
            return f"{value.astimezone(self._zone):%Y-%m-%d %H:%M:%S}"
        names: dict[str, Mapping[str, str]] = {
            "state": _STATES, "department": self._departments, "code": {}, "satisfaction": _SATISFIED,
            "source": _SOURCES,
        }  # fmt: skip
        if key == "is_emergency":
            return "是" if value else "否"
        return names.get(key, {}).get(value, value) if value else ""
