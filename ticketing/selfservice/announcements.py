"""Cuts of water, power and gas, closed roads: entered by people, told by area."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Protocol

from sqlalchemy import select

from asr.words.sounds import symbols
from core.city import City
from core.city_ivr import LONGEST
from core.city_selfservice import CutKind
from core.clock import Clock
from core.database import Database
from core.errors import Conflict, HeyiError, NotAllowed
from ticketing.actor import Actor
from ticketing.selfservice.asked import UNCLEAR, Answer, Asked
from ticketing.selfservice.tables import Announcement

KIND_NAMES: dict[CutKind, str] = {"water": "停水", "power": "停电", "gas": "停气", "road": "道路"}
#: What callers say of each.
_WORDS: dict[CutKind, re.Pattern[str]] = {
    "water": re.compile("水"), "power": re.compile("电(?!话|梯|动|瓶|视|脑|线杆)"),
    "gas": re.compile("燃气|煤气|天然气|液化气|[停没断]气"),
    "road": re.compile("封路|道路|修路|路.{0,4}(?:封|不通|走不了|绕)|交通管制"),
}  # fmt: skip
#: Without power no pump: whoever asks for water is told of it, too.
_ALSO: dict[CutKind, tuple[CutKind, ...]] = {"water": ("power",)}
#: What begins so soon is told already.
SOON = timedelta(hours=24)
#: The city as a whole.
EVERYWHERE = "全市"
_LONGEST_CUT = timedelta(days=90)
_AREAS = 60


class PlaceSaid(Protocol):
    """A place of the city that words name (triage's gazetteer has them)."""

    @property
    def town(self) -> str: ...
    @property
    def community(self) -> str: ...
    @property
    def mention(self) -> str: ...


class FindPlaces(Protocol):
    """Places that a text names, the best first."""

    def __call__(self, text: str, /) -> Sequence[PlaceSaid]: ...


class Cut(Protocol):
    """The part of an announcement by which it is found."""

    @property
    def kind(self) -> CutKind: ...
    @property
    def areas(self) -> list[str]: ...
    @property
    def begins(self) -> datetime: ...
    @property
    def text(self) -> str: ...


def kinds_said(words: str) -> tuple[CutKind, ...]:
    """What the words ask about, besides what may be its cause; empty: anything. Pure."""
    said = [kind for kind, pattern in _WORDS.items() if pattern.search(words)]
    return tuple(dict.fromkeys([*said, *(more for kind in said for more in _ALSO.get(kind, ()))]))


def choose(cuts: Iterable[Cut], kinds: Sequence[CutKind], town: str, community: str) -> Cut | None:
    """The one to tell at this place: what was asked for first, then what is nearest, then what began first. Pure."""
    ranked = [
        (kinds.index(cut.kind) if kinds else 0, -near, cut.begins, place, cut)
        for place, cut in enumerate(cuts)
        if (not kinds or cut.kind in kinds) and (near := _near(cut, town, community))
    ]
    return min(ranked)[-1] if ranked else None


def _near(cut: Cut, town: str, community: str) -> int:
    """3 for the village itself, 2 for its town, 1 for the whole city, 0 for elsewhere."""
    if community and town + community in cut.areas:
        return 3
    return 2 if town in cut.areas else 0 if cut.areas else 1


def area_name(town: str, community: str) -> str:
    """The place as it is read out, at most 10 characters. Pure."""
    names = [town + community, community, town]
    return next(
        (name for name in names if name and len(name) <= LONGEST["area"]), (community or town)[: LONGEST["area"]]
    )


class Announcements:
    """What people enter, and ``announcement``."""

    def __init__(self, database: Database, city: City, clock: Clock, find_places: FindPlaces) -> None:
        self._database, self._city, self._clock, self._find = database, city, clock, find_places
        self._areas = frozenset(areas_of(city))
        #: Villages by their own name, with each town that has one of it.
        self._villages: dict[str, list[str]] = defaultdict(list)
        for town in city.towns:
            for community in town.communities:
                self._villages[community.name].append(town.name + community.name)

    def _area(self, said: str) -> str:
        """The area of this name; a village's own name is enough where no other town has one of it."""
        if said == EVERYWHERE or said in self._areas:
            return said
        named = self._villages.get(said, [])
        if len(named) == 1:
            return named[0]
        names = sorted({*self._areas, *self._villages})
        alike = [n for n in names if symbols(n) == symbols(said)] or get_close_matches(said, names, 1)
        near = named or [full for name in alike for full in self._villages.get(name, [name])]
        raise HeyiError(
            "没有这个镇街或村（社区），请写全名", hint=f"{said[:30]} → {'、'.join(near[:3])}" if near else said[:30]
        )

    async def look_up(self, asked: Asked) -> Answer:
        """What holds now or within a day where the caller is, by the towns and villages in ``words``.

        Unclear where no place is named, where several villages have its name, and where only parts of a named town
        are cut off: then the village has to be asked for.
        """
        words = asked.text("words")
        place = next(iter(self._find(words)), None) if words else None
        if place is None or not place.town:
            return UNCLEAR
        # 水头村 asks for no water.
        kinds, cuts = kinds_said(words.replace(place.mention, "")), await self.in_force(asked.now)
        area = {"area": area_name(place.town, place.community)}
        found = choose(cuts, kinds, place.town, place.community)
        if found is not None:
            return "found", {**area, "announcement": found.text[: LONGEST["announcement"]]}
        if not place.community and any(
            name.startswith(place.town) for cut in cuts if not kinds or cut.kind in kinds for name in cut.areas
        ):
            return UNCLEAR
        return "none", area

    async def in_force(self, now: datetime) -> Sequence[Announcement]:
        """Those of this moment, and those that begin within a day."""
        async with self._database.read() as session:
            query = select(Announcement).where(
                Announcement.until > now, Announcement.begins <= now + SOON, Announcement.ended_at.is_(None)
            )
            return (await session.scalars(query.order_by(Announcement.begins, Announcement.id))).all()

    async def listed(self, *, over: bool = False, limit: int = 200, start: int = 0) -> Sequence[Announcement]:
        """Those that are not over, by their beginning; ``over``: the others, the latest first; from ``start`` on."""
        now = self._clock.now()
        holds = (Announcement.until > now) & Announcement.ended_at.is_(None)
        async with self._database.read() as session:
            query = select(Announcement).where(~holds if over else holds)
            order = Announcement.until.desc() if over else Announcement.begins
            return (await session.scalars(query.order_by(order, Announcement.id).offset(start).limit(limit))).all()

    async def add(self, given: Mapping[str, Any], by: Actor) -> Announcement:
        """Enter one; fields as of :class:`Entry`. Who may: :func:`may_announce`."""
        entry = self.checked(given)
        if not may_announce(by, entry.kind, self._city):
            raise NotAllowed("只有值班主任和本市指定的单位可以发布这类公告", hint=KIND_NAMES[entry.kind])
        async with self._database.work() as work:
            made = entry.row(by, self._clock.now())
            work.session.add(made)
        return made

    async def add_all(self, entries: Sequence["Entry"], by: Actor, *, dry_run: bool = False) -> int:
        """Enter those that are not there yet; how many."""
        now, added = self._clock.now(), 0
        async with self._database.work() as work:
            query = select(Announcement).where(Announcement.until > now, Announcement.ended_at.is_(None))
            there = {Entry.of(row) for row in await work.session.scalars(query)}
            for entry in dict.fromkeys(entries):
                if entry in there:
                    continue
                added += 1
                if not dry_run:
                    work.session.add(entry.row(by, now))
        return added

    async def end(self, announcement_id: str, by: Actor) -> Announcement:
        """It is over before its time; nobody is told of it from now on."""
        async with self._database.work() as work:
            row = await work.session.get(Announcement, announcement_id)
            if row is None:
                raise HeyiError("没有这条公告", hint=announcement_id[:32])
            if not may_announce(by, row.kind, self._city):
                raise NotAllowed("只有值班主任和本市指定的单位可以结束这类公告", hint=KIND_NAMES[row.kind])
            if row.ended_at is not None:
                raise Conflict("公告已经结束", hint=row.text)
            row.ended_at, row.ended_by = self._clock.now(), by.login
            return row

    def checked(self, given: Mapping[str, Any]) -> "Entry":
        """The fields as they are kept; :class:`HeyiError` for what an announcement cannot be."""
        kind = next(
            (key for key, name in KIND_NAMES.items() if str(given.get("kind", "")).strip() in (key, name)), None
        )
        if kind is None:
            raise HeyiError("请选择公告种类", hint="、".join(KIND_NAMES.values()))
        areas = tuple(dict.fromkeys(map(self._area, filter(None, given.get("areas", ())))))
        if len(areas) > _AREAS:
            raise HeyiError("范围太多", hint=f"{len(areas)} > {_AREAS}")
        if not areas:
            raise HeyiError("请填写范围")
        begins, until = given.get("begins"), given.get("until")
        if not isinstance(begins, datetime) or not isinstance(until, datetime):
            raise HeyiError("请填写起止时间")
        if until <= begins:
            raise HeyiError("结束时间早于开始时间")
        if until <= self._clock.now():
            raise HeyiError("结束时间已过")
        if until - begins > _LONGEST_CUT:
            raise HeyiError("公告最长 90 天")
        text, source = (" ".join(str(given.get(name, "")).split()) for name in ("text", "source"))
        if not text or not source:
            raise HeyiError("播报内容和来源都要填写")
        if len(text) > LONGEST["announcement"] or len(source) > 80:
            raise HeyiError("播报内容最多 60 字，来源最多 80 字", hint=f"{len(text)}, {len(source)}")
        if not (text + source).isprintable():
            raise HeyiError("播报内容里有不能显示的字符")
        # The prompt goes on with its own full stop.
        return Entry(kind, () if EVERYWHERE in areas else areas, begins, until, text.rstrip("。，；"), source)


@dataclass(frozen=True)
class Entry:
    """One announcement's content; two with the same are one."""

    kind: CutKind
    areas: tuple[str, ...]
    begins: datetime
    until: datetime
    text: str
    source: str

    @staticmethod
    def of(row: Announcement) -> "Entry":
        return Entry(row.kind, tuple(row.areas), row.begins, row.until, row.text, row.source)

    def row(self, by: Actor, now: datetime) -> Announcement:
        return Announcement(
            kind=self.kind, areas=list(self.areas), begins=self.begins, until=self.until, text=self.text,
            source=self.source, made_by=by.login, made_at=now,
        )  # fmt: skip


def areas_of(city: City) -> list[str]:
    """Every area that an announcement may have: towns, and villages with their town before. Pure."""
    return [name for town in city.towns for name in (town.name, *(town.name + c.name for c in town.communities))]


def may_announce(by: Actor, kind: CutKind, city: City) -> bool:
    """Supervisors, the command line, and the departments that ``selfservice.yaml`` names for this kind. Pure."""
    if by.role in ("supervisor", "system"):
        return True
    return by.role == "department" and city.selfservice.may_announce(kind, by.department)
