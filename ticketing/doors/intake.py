"""The one way in beside the telephone: whatever door a matter comes by, it ends in the same ticket."""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from core.clock import Clock
from core.database import Database
from core.errors import Conflict, HeyiError
from core.ids import new_id
from core.phones import dialable, normal
from core.photos import Photo, keep, kept_file
from core.secrets import derive
from ticketing.actor import SYSTEM, Actor
from ticketing.clocks.calendar import WorkCalendar
from ticketing.doors.events import OF_TICKET, SOURCE_NAMES, Source, TicketTakenIn
from ticketing.doors.tables import DoorItem, DoorPhoto, Letter
from ticketing.fields import NATURES, TEXT_LIMITS, of_category, of_verdict
from ticketing.flows.table import Flows
from ticketing.moves import begin, kept, opened
from ticketing.repository import TicketRepository
from ticketing.summary import extend
from ticketing.tables import Ticket
from triage.turns import Turn
from triage.verdict import Verdict

log = structlog.get_logger(__name__)

#: Characters of a letter, and of its single fields.
MAX_TEXT = 20_000
MAX_TITLE, MAX_PLACE, MAX_NAME, MAX_EMAIL = 100, 200, 60, 120
MAX_PHOTOS = 3
#: Sentences of a letter that are judged: what it is about stands at its beginning.
_JUDGED = 30
_SENTENCE = re.compile(r"[^。！？!?；;\n]+[。！？!?；;]?")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,120}")

#: Judges words as it judges a call: line, turns, caller. ``triage.judge.Judge.judge`` is one.
Judged = Callable[[str, Sequence[Turn], str], Verdict]


@dataclass(frozen=True, kw_only=True)
class Said:
    """A matter in its writer's words. What is empty was not said."""

    text: str
    title: str = ""
    place: str = ""
    name: str = ""
    phone: str = ""
    email: str = ""
    #: Category and nature that the writer chose himself.
    code: str = ""
    nature: str = ""
    #: Degrees, WGS 84.
    lat: float | None = None
    lon: float | None = None
    #: May be shown to everybody, without the writer.
    public: bool = False
    #: Whatever else the door was told; kept beside the text.
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What the writer is told."""

    ticket_id: str
    number: str
    #: The word by which the writer follows his matter.
    token: str
    #: False where the same matter had come before: nothing was made.
    new: bool
    emergency: bool


class Intake:
    """Makes tickets of what other doors than the telephone bring.

    ``secret`` is the site's; ``photos`` the folder that photographs lie in. Without ``judge`` a ticket holds only what
    its writer said.
    """

    def __init__(
        self, database: Database, city: City, clock: Clock, *, secret: str, photos: Path, judge: Judged | None = None
    ) -> None:
        self.city = city
        self._database = database
        self._clock = clock
        self._secret = secret
        self._photos = photos
        self._judge = judge
        self._flows = Flows(city)
        self._zone = ZoneInfo(city.profile.timezone)
        self._calendar = WorkCalendar(city.calendar, city.profile.timezone)
        self.line = _line(city)

    def use(self, judge: Judged) -> None:
        """Judge by this one from now on."""
        self._judge = judge

    async def take_in(
        self,
        source: Source,
        said: Said,
        *,
        external_id: str = "",
        via: str = "",
        sender: str = "",
        photos: Sequence[Photo] = (),
        by: Actor = SYSTEM,
    ) -> Taken:
        """The ticket of this matter, a draft that a person checks and dispatches.

        ``external_id`` names it at its door: the same once more gives the ticket that it has; :class:`Conflict` where
        other words come under a name that was taken. Empty: it is a matter of its own. Raises :class:`HeyiError` with
        a sentence for the writer where something cannot be taken, and then nothing is kept.
        """
        said = checked(said, self.city)
        if len(photos) > MAX_PHOTOS:
            raise HeyiError("照片最多三张", hint=str(len(photos)))
        name = external_id or new_id()
        if len(name) > 120:
            raise HeyiError("外部编号太长", hint=f"{len(name)} > 120")
        digest = _digest(said, photos)
        async with self._database.read() as session:
            if known := await self._known(session, source, name, digest):
                return known
        verdict = await self._judged(said)
        # Before the rows: a file without a row harms nobody.
        for photo in photos:
            await asyncio.to_thread(keep, self._photos, photo)
        try:
            return await self._make(source, said, name, digest, via, sender, photos, by, verdict)
        except IntegrityError:
            # Another process took the same in between.
            async with self._database.read() as session:
                if known := await self._known(session, source, name, digest):
                    return known
            raise

    def token(self, source: Source, external_id: str) -> str:
        """The word by which the writer of this matter follows it."""
        return derive(self._secret, "door-token", f"{source}:{external_id}")

    def photo(self, row: DoorPhoto) -> Path:
        """Where a photograph lies."""
        return kept_file(self._photos, row.sha256, row.kind)

    # --- within -------------------------------------------------------------------------------------------------

    async def _known(self, session: AsyncSession, source: Source, name: str, digest: str) -> Taken | None:
        query = (
            select(DoorItem.digest, Ticket.id, Ticket.number, Ticket.is_emergency)
            .join(Ticket, Ticket.id == DoorItem.ticket_id)
            .where(DoorItem.source == source, DoorItem.external_id == name)
        )
        found = (await session.execute(query)).one_or_none()
        if found is None:
            return None
        if not hmac.compare_digest(found[0], digest):
            raise Conflict("这个编号已登记另一件诉求", hint=name)
        return Taken(ticket_id=found[1], number=found[2], token=self.token(source, name), new=False, emergency=found[3])

    async def _judged(self, said: Said) -> Verdict | None:
        if self._judge is None:
            return None
        try:
            return await asyncio.to_thread(self._judge, self.line, turns_of(said), said.phone)
        except Exception:
            # A matter is taken, whatever becomes of the judgement.
            log.exception("a letter could not be judged")
            return None

    async def _make(
        self,
        source: Source,
        said: Said,
        name: str,
        digest: str,
        via: str,
        sender: str,
        photos: Sequence[Photo],
        by: Actor,
        verdict: Verdict | None,
    ) -> Taken:
        now = self._clock.now()
        token = self.token(source, name)
        async with self._database.work() as work:
            number = await TicketRepository(work.session).take_number(
                self.city.profile.ticket_prefix, now.astimezone(self._zone).strftime("%Y%m%d")
            )
            ticket = self._ticket(source, said, verdict, number, now)
            if by.role == "agent":
                ticket.agent_login, ticket.agent_extension = by.login, by.extension
            begin(self._flows, ticket, now)
            work.session.add(ticket)
            await work.session.flush()
            opened(work, ticket, by, now)
            kept(work, ticket, "take_in", by, now, SOURCE_NAMES[source])
            item = DoorItem(
                id=new_id(), ticket_id=ticket.id, source=source, external_id=name, digest=digest, at=now, via=via[:60],
                sender=sender[:120], title=said.title, text=said.text, said=_beside(said, verdict), lat=said.lat,
                lon=said.lon, public=said.public, token_hash=hashed(token),
            )  # fmt: skip
            work.session.add(item)
            await work.session.flush()
            for photo in photos:
                work.session.add(
                    DoorPhoto(
                        item_id=item.id, sha256=hashlib.sha256(photo.data).hexdigest(), kind=photo.kind,
                        size=len(photo.data), width=photo.width, height=photo.height,
                    )
                )  # fmt: skip
            if source == "letter":
                due = self._calendar.add(self.city.doors.reply_workdays, "workdays", now)
                work.session.add(Letter(item_id=item.id, ticket_id=ticket.id, state="waiting", due_at=due))
            work.record(TicketTakenIn(at=now, ticket_id=ticket.id, number=ticket.number, source=source))
        return Taken(ticket_id=ticket.id, number=number, token=token, new=True, emergency=ticket.is_emergency)

    def _ticket(self, source: Source, said: Said, verdict: Verdict | None, number: str, now: datetime) -> Ticket:
        area = self.city.profile.area_code
        values: dict[str, Any] = of_verdict(verdict, self.city) if verdict is not None else {}
        if said.code:
            # The writer's own choice of category; that the words tell of an emergency stays.
            raised = values.get("is_emergency", False)
            values |= {"code": said.code} | of_category(said.code, self.city)
            values["is_emergency"] = raised or values.get("is_emergency", False)
        if said.nature:
            values["nature"] = said.nature
        values |= {
            "summary": said.title or extend("", said.text.replace("\n", " ")),
            "description": said.text[: TEXT_LIMITS["description"]],
        }
        if said.place:
            values["place"] = said.place
        if said.name:
            values["contact_name"] = said.name
        phone = dialable(said.phone, area) or said.phone
        if phone:
            values["contact_phone"] = phone[: TEXT_LIMITS["contact_phone"]]
        digits = normal(values.get("contact_phone", ""), area)
        return Ticket(
            number=number, source=OF_TICKET[source], call_id=None, line=self.line, caller="", caller_digits="",
            contact_digits=digits, created_at=now, version=1, touched=[], **values,
        )  # fmt: skip


def hashed(word: str) -> str:
    """SHA-256 in hexadecimal: enough for words of 128 random bits, which nobody guesses."""
    return hashlib.sha256(word.encode()).hexdigest()


def checked(said: Said, city: City) -> Said:
    """The same, without what no field may hold; :class:`HeyiError` for the writer where it cannot be taken."""
    text = cleaned(said.text, MAX_TEXT, "内容", lines=True)
    if len(text) < 2:
        raise HeyiError("请写明您的诉求")
    email = cleaned(said.email, MAX_EMAIL, "邮箱")
    if email and not _EMAIL.fullmatch(email):
        raise HeyiError("邮箱地址不正确", hint=email)
    if said.code and city.category(said.code) is None:
        raise HeyiError("没有这个类别", hint=said.code)
    if said.nature and said.nature not in NATURES:
        raise HeyiError("没有这种诉求性质", hint=said.nature)
    if (said.lat is None) != (said.lon is None):
        raise HeyiError("经纬度须同时填写")
    # NaN is in no range.
    if said.lat is not None and said.lon is not None and not (-90 <= said.lat <= 90 and -180 <= said.lon <= 180):
        raise HeyiError("经纬度超出范围")
    return Said(
        text=text, title=cleaned(said.title, MAX_TITLE, "标题"), place=cleaned(said.place, MAX_PLACE, "地点"),
        name=cleaned(said.name, MAX_NAME, "姓名"), phone=cleaned(said.phone, TEXT_LIMITS["contact_phone"], "电话"),
        email=email, code=said.code, nature=said.nature, lat=said.lat, lon=said.lon, public=said.public, more=said.more,
    )  # fmt: skip


def cleaned(value: str, limit: int, what: str, *, lines: bool = False) -> str:
    """Text without invisible characters; too long a text is refused, never cut: nothing of a letter is lost."""
    if lines:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(c for c in value if c.isprintable() or (lines and c in "\n\t")).strip()
    if len(text) > limit:
        raise HeyiError("填写的内容太长", hint=f"{what} {len(text)} > {limit}")
    return text


def turns_of(said: Said) -> tuple[Turn, ...]:
    """A letter as if it had been said: its title, its first sentences, its place."""
    sentences = [s.strip() for s in _SENTENCE.findall(said.text) if s.strip()][:_JUDGED]
    spoken = [said.title, *sentences, f"在{said.place}" if said.place else ""]
    return tuple(Turn("caller", text[:300]) for text in spoken if text)


def _line(city: City) -> str:
    """The line whose matters these are."""
    wanted = city.doors.line or "12345"
    found = city.line(wanted) or next((line for line in city.lines if line.kind == "service"), None)
    return found.number if found else ""


def _digest(said: Said, photos: Sequence[Photo]) -> str:
    told = [
        said.text, said.title, said.place, said.name, said.phone, said.email, said.code, said.nature, said.lat,
        said.lon, said.public, [hashlib.sha256(p.data).hexdigest() for p in photos],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def _beside(said: Said, verdict: Verdict | None) -> dict[str, Any]:
    """What the ticket has no field for."""
    own = {"place": said.place, "email": said.email, "code": said.code, "nature": said.nature}
    kept_values: dict[str, Any] = {name: value for name, value in own.items() if value}
    if verdict is not None:
        kept_values["judged"] = {"outcome": verdict.outcome, "code": verdict.code, "p": verdict.p_emergency}
    return {**dict(said.more), **kept_values}
