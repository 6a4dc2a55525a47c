"""Open311 GeoReport v2: the city's categories as services, tickets of the doors as service requests. Pure.

The words are the specification's. What it shows is public: only what came by Open311 or whose writer agreed, never an
emergency, never who wrote; the description only once a person has looked at it, telephone numbers blotted out.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from xml.etree.ElementTree import Element, SubElement, tostring

from core.city import Category, City, Group
from core.errors import HeyiError
from core.romanise import department_english
from ticketing.doors.intake import Said
from ticketing.doors.tables import DoorItem
from ticketing.fields import NATURES
from ticketing.flows.table import Flows
from ticketing.tables import Ticket

Format = Literal["json", "xml"]
#: The specification's: longest span of a search, most requests in one answer, characters of a description.
SPAN = timedelta(days=90)
MOST = 1000
MAX_DESCRIPTION = 4000
#: Ids that may be asked for at once.
MAX_IDS = 200
ATTRIBUTE = "NATURE"
_NATURES_EN = {
    "咨询": "Question", "求助": "Help wanted", "投诉": "Complaint", "举报": "Report of a breach", "建议": "Suggestion",
    "表扬": "Praise", "其他": "Other",
}  # fmt: skip
#: The specification wants a zone: Z, or hours and minutes from UTC.
_W3 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})")
#: Digits that could be a telephone, an identity card, a bank card.
_DIGITS = re.compile(r"(?<!\d)\+?\d(?:[ -]?\d){6,19}[Xx]?(?!\d)")


class Refused(HeyiError):
    """An error of the specification: its HTTP status and one sentence."""

    def __init__(self, status: int, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


# --- services -----------------------------------------------------------------------------------------------------


def offered(city: City) -> list[tuple[Group, Category]]:
    """Categories that may be reported: no emergency, and nothing that only a telephone has (silence, wrong number)."""
    return [(g, c) for g in city.taxonomy if not g.emergency and g.code != "X" for c in g.categories]


def services(city: City, chinese: bool) -> list[dict[str, Any]]:
    return [service(city, group, category, chinese) for group, category in offered(city)]


def service(city: City, group: Group, category: Category, chinese: bool) -> dict[str, Any]:
    department = city.department(category.department)
    names = (department.name, department.name_en) if department else (category.department,) * 2
    return {
        "service_code": category.code,
        "service_name": category.name if chinese else category.name_en,
        "description": notice(city, category, chinese),
        "metadata": True,
        "type": city.doors.open311,
        "keywords": ", ".join(dict.fromkeys([category.name, category.name_en, *names])),
        "group": group.name if chinese else group.name_en,
    }


def find_service(city: City, code: str) -> Category:
    """:class:`Refused` as the specification wants it."""
    if not code:
        raise Refused(400, "service_code was not provided")
    found = next((c for _, c in offered(city) if c.code == code), None)
    if found is None:
        raise Refused(404, "service_code was not found", hint=code[:40])
    return found


def definition(category: Category, chinese: bool) -> dict[str, Any]:
    """The one thing that may be told beside the words: what kind of wish it is."""
    return {
        "service_code": category.code,
        "attributes": [
            {
                "variable": True,
                "code": ATTRIBUTE,
                "datatype": "singlevaluelist",
                "required": False,
                "datatype_description": "选择一项，可不选" if chinese else "Choose one, or none",
                "order": 1,
                "description": "诉求性质" if chinese else "What kind of request this is",
                "values": [{"key": n, "name": n if chinese else _NATURES_EN[n]} for n in NATURES],
            }
        ],
    }


def notice(city: City, category: Category, chinese: bool) -> str:
    """What is done about it and until when."""
    department = city.department(category.department)
    hours = category.due_hours
    if chinese:
        span = f"{hours:g} 小时" if hours < 48 else f"{hours / 24:g} 天"
        office = department.name if department else category.department
        return f"由{office}办理，派遣后 {span}内反馈。紧急情况请拨打 110、119、120。"
    span = f"{hours:g} hours" if hours < 48 else f"{hours / 24:g} days"
    name = department.name_en if department else category.department
    return f"Handled by {name}, answered within {span} of dispatch. In an emergency call 110, 119 or 120."


# --- requests -----------------------------------------------------------------------------------------------------


def said(values: Mapping[str, Sequence[str]], city: City) -> Said:
    """What a POST says; :class:`Refused` where the specification's arguments are not right."""

    def one(name: str, limit: int = 200) -> str:
        given = values.get(name, [""])[0].strip()
        if len(given) > limit:
            raise Refused(400, f"{name} is longer than {limit} characters")
        return given

    category = find_service(city, one("service_code"))
    lat, lon = _degrees(one("lat"), "lat", 90), _degrees(one("long"), "long", 180)
    if (lat is None) != (lon is None):
        raise Refused(400, "lat and long must both be provided")
    place, place_id = one("address_string"), one("address_id", 60)
    if lat is None and not place and not place_id:
        raise Refused(400, "a location was not provided: lat and long, address_string or address_id")
    nature = _nature(values)
    text = one("description", MAX_DESCRIPTION)
    names = [one("last_name", 40), one("first_name", 40)]
    # A Chinese name is written in one.
    name = ("" if all(not n.isascii() for n in names if n) else " ").join(n for n in names if n)
    more = {key: one(key) for key in ("address_id", "device_id", "account_id", "media_url") if one(key)}
    if (media := more.get("media_url")) and not media.startswith(("http://", "https://")):
        raise Refused(400, "media_url is no web address")
    return Said(
        # A description is optional there, a ticket without words would tell nobody anything.
        text=text if len(text) > 1 else category.name, place=place, name=name, phone=one("phone", 40),
        email=one("email", 120), code=category.code, nature=nature, lat=lat, lon=lon, public=True, more=more,
    )  # fmt: skip


def _nature(values: Mapping[str, Sequence[str]]) -> str:
    found = ""
    for key, given in values.items():
        if not key.startswith("attribute["):
            continue
        if key.removesuffix("[]") != f"attribute[{ATTRIBUTE}]":
            raise Refused(400, "this service has no such attribute", hint=key[:60])
        if len(given) != 1 or given[0] not in ("", *NATURES):
            raise Refused(400, f"attribute[{ATTRIBUTE}] must be one of its values", hint=", ".join(NATURES))
        found = given[0]
    return found


def _degrees(text: str, name: str, most: int) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -most <= value <= most:
        raise Refused(400, f"{name} must be a number from -{most} to {most}", hint=text[:40])
    return value


@dataclass(frozen=True)
class Search:
    """What a GET of requests asks for. With ids nothing else counts."""

    ids: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    statuses: frozenset[str] = field(default_factory=frozenset)
    start: datetime | None = None
    end: datetime | None = None
    page: int = 1
    page_size: int = MOST


def search(values: Mapping[str, Sequence[str]], now: datetime) -> Search:
    """The search with the specification's default, the last 90 days; :class:`Refused`."""
    ids = _many(values, "service_request_id")
    if len(ids) > MAX_IDS:
        raise Refused(400, f"at most {MAX_IDS} service_request_id at once")
    if ids:
        return Search(ids=tuple(ids))
    statuses = frozenset(_many(values, "status"))
    if not statuses <= {"open", "closed"}:
        raise Refused(400, "status must be open or closed")
    start, end = _moment(values, "start_date"), _moment(values, "end_date")
    if end is None:
        end = now if start is None else min(start + SPAN, max(now, start))
    if start is None:
        start = end - SPAN
    if start > end:
        raise Refused(400, "start_date is later than end_date")
    if end - start > SPAN:
        raise Refused(400, "start_date and end_date may not span more than 90 days")
    return Search(
        codes=tuple(_many(values, "service_code")), statuses=statuses, start=start, end=end,
        page=_count(values, "page", 1, 100_000), page_size=_count(values, "page_size", MOST, MOST),
    )  # fmt: skip


def _many(values: Mapping[str, Sequence[str]], name: str) -> list[str]:
    """Given several times, or with commas, or both."""
    parts = [part.strip() for given in values.get(name, []) for part in given.split(",")]
    return list(dict.fromkeys(part for part in parts if part))


def _moment(values: Mapping[str, Sequence[str]], name: str) -> datetime | None:
    given = values.get(name, [""])[0].strip()
    if not given:
        return None
    # "+" in an address means a space to most who write it.
    given = re.sub(r" (\d{2}:\d{2})$", r"+\1", given)
    try:
        if _W3.fullmatch(given):
            return datetime.fromisoformat(given).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Refused(400, f"{name} must be a time such as 2026-01-01T00:00:00Z", hint=given[:40])


def _count(values: Mapping[str, Sequence[str]], name: str, otherwise: int, most: int) -> int:
    given = values.get(name, [""])[0].strip()
    if not given:
        return otherwise
    if not (given.isascii() and given.isdecimal() and len(given) < 7 and 1 <= int(given) <= most):
        raise Refused(400, f"{name} must be a number from 1 to {most}", hint=given[:40])
    return int(given)


def request(ticket: Ticket, item: DoorItem, city: City, flows: Flows, chinese: bool, media: str = "") -> dict[str, Any]:
    """One service request. What is not known is null."""
    category = city.category(ticket.code)
    department = city.department(ticket.department)
    closed = ticket.state == "closed"
    seen = ticket.state != "draft"
    step = flows.place(ticket)[1]
    changed = [getattr(ticket, f"{name}_at") for name in ("filed", "dispatched", "handling", "reported", "callback")]
    updated = ticket.closed_at if closed else max([at for at in changed if at], default=ticket.created_at)
    notes = ticket.result if closed else step.name if chinese else step.name_en
    return {
        "service_request_id": ticket.number,
        "status": "closed" if closed else "open",
        "status_notes": blotted(notes) or None,
        "service_name": (category.name if chinese else category.name_en) if category else "",
        "service_code": ticket.code,
        "description": blotted(item.text)[:MAX_DESCRIPTION] if seen else None,
        "agency_responsible": (department.name if chinese else department_english(department))
        if department and seen
        else None,
        "service_notice": notice(city, category, chinese) if category else None,
        "requested_datetime": w3(ticket.created_at),
        "updated_datetime": w3(updated or ticket.created_at),
        "expected_datetime": w3(ticket.due_at) if ticket.due_at else None,
        "address": ticket.place or None,
        "address_id": item.said.get("address_id") or None,
        "zipcode": None,
        "lat": item.lat,
        "long": item.lon,
        "media_url": (media or item.said.get("media_url") or None) if seen else None,
    }


def shown(ticket: Ticket, item: DoorItem, city: City) -> bool:
    """Whether everybody may know of it."""
    waits = city.doors.open311 == "batch" and ticket.state == "draft"
    return item.public and not ticket.is_emergency and not waits


def blotted(text: str) -> str:
    """The text without numbers by which a person could be found."""
    return _DIGITS.sub("***", text)


def w3(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- the two formats ----------------------------------------------------------------------------------------------

#: What the members of a list are called in XML.
_MEMBERS = {
    "services": "service", "service_requests": "request", "errors": "error", "attributes": "attribute",
    "values": "value", "endpoints": "endpoint", "formats": "format",
}  # fmt: skip
# Characters that XML 1.0 has no way to write.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def written(root: str, content: Any, form: Format) -> bytes:
    """``content`` in the one format or the other: the specification's mapping from XML to JSON leaves the root out."""
    if form == "json":
        return json.dumps(content, ensure_ascii=False).encode()
    top = Element(root)
    _fill(top, content)
    body: str = tostring(top, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}'.encode()


def _fill(element: Element, content: Any) -> None:
    if isinstance(content, Mapping):
        for name, value in content.items():
            _fill(SubElement(element, name), value)
    elif isinstance(content, list):
        for value in content:
            _fill(SubElement(element, _MEMBERS[element.tag]), value)
    elif isinstance(content, bool):
        element.text = "true" if content else "false"
    elif content is not None:
        element.text = _UNWRITABLE.sub("", str(content))


def errors(found: Iterable[tuple[int, str]]) -> list[dict[str, Any]]:
    return [{"code": code, "description": description} for code, description in found]
