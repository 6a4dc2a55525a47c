"""An emergency as other systems take it over, after NENA's Emergency Incident Data Object (NENA-STA-021.1). Pure.

EIDO-style, not EIDO: names, types and required fields of the components are the standard's, as far as they are publicly
told; where it wants a value of one of its registries the city's own word stands, since no registry names a Chinese
city's categories. What cannot be said in it is left out, or said in a note: departments that are no responders of a
kind that IANA's registry has, positions of units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from core.city import City
from ticketing.tables import Ticket, TicketHistory

VERSION = "1.0"
#: Kinds of departments by ``urn:emergency:service:responder`` (RFC 5031 and IANA's registry of it), by words in names.
_RESPONDERS = (("fire", "fire"), ("medical", "ems"), ("ambulance", "ems"), ("police", "police"), ("traffic", "police"))
#: The states of an incident that the standard's registry is for.
_STATUS = {
    "draft": "Pending", "filed": "Pending", "dispatched": "Dispatched", "handling": "Active", "reported": "Complete",
    "callback": "Complete", "closed": "Closed",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CallFacts:
    """A call about the incident."""

    call_id: str
    line: str
    caller: str
    arrived_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class UnitFacts:
    """A unit that was sent, with its state in the city's words and when it entered it."""

    unit_id: str
    name: str
    kind: str
    state: str
    at: datetime
    department: str = ""
    lat: float | None = None
    lon: float | None = None


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something said or written, by whom."""

    note_id: str
    at: datetime
    by: str
    text: str


@dataclass(frozen=True)
class Point:
    """Degrees, WGS 84."""

    lat: float
    lon: float


def eido(
    ticket: Ticket,
    city: City,
    now: datetime,
    *,
    calls: Sequence[CallFacts] = (),
    units: Sequence[UnitFacts] = (),
    notes: Sequence[Note] = (),
    point: Point | None = None,
) -> dict[str, Any]:
    """The whole of an emergency ticket. Empty components are left out."""
    issuer = f"{city.profile.code}.heyi"
    base = f"urn:heyi:{city.profile.code}:{ticket.number}"
    here = {"$ref": f"{base}:location"}
    involved = [key for key in dict.fromkeys([ticket.department, *ticket.assist]) if key]
    agencies = [key for key in involved if _responder(key, city)]
    notes = [*notes, *_unsaid([key for key in involved if key not in agencies], units, city, now)]
    category = city.category(ticket.code)
    stamp = now.isoformat()
    incident = _some(
        {
            **_head(f"{base}:incident", stamp),
            # Required, of NENA's registry: here the city's English name.
            "incidentTypeCommonRegistryText": category.name_en if category else "Unknown",
            "incidentTypeInternalCode": ticket.code,
            "incidentTypeInternalText": category.name if category else "",
            "incidentStatusCommonRegistryText": [_STATUS[ticket.state]],
            "incidentStatusInternalText": [ticket.step or ticket.state],
            "internalIncidentId": ticket.number,
            "incidentStartTimestamp": ticket.created_at.isoformat(),
            "locationReference": [here] if ticket.place or point else [],
            "notesReference": [{"$ref": f"{base}:note:{note.note_id}"} for note in notes],
            "personReference": [{"$ref": f"{base}:caller"}] if ticket.contact_phone or ticket.contact_name else [],
        }
    )
    return _some(
        {
            **_head(base, stamp),
            "eidoVersion": VERSION,
            "issuingElementIdentification": issuer,
            "incidentComponent": incident,
            "callComponent": [_call(base, call, city, stamp, _known(ticket)) for call in calls],
            "locationComponent": [_location(base, ticket, city, point, stamp)] if ticket.place or point else [],
            "callbackComponent": _callbacks(base, ticket, calls, stamp),
            "agencyComponent": [_agency(key, city, key == ticket.department, stamp) for key in agencies],
            "dispatchComponent": [_dispatch(base, key, units, stamp) for key in agencies if ticket.dispatched_at],
            "emergencyResourceComponent": [_unit(base, unit) for unit in units],
            "personComponent": _person(base, ticket, stamp),
            "notesComponent": [_note(base, note) for note in notes],
        }
    )


def notes_of(ticket: Ticket, history: Sequence[TicketHistory]) -> list[Note]:
    """What people wrote about it: summary, description, result and the notes of its history."""
    own = [
        Note(note_id=name, at=at, by=ticket.agent_login or "system", text=text)
        for name, text, at in (
            ("summary", ticket.summary, ticket.created_at),
            ("description", ticket.description, ticket.created_at),
            ("result", ticket.result, ticket.reported_at or ticket.created_at),
        )
        if text
    ]
    kept = [Note(note_id=f"h{row.id}", at=row.at, by=row.who, text=row.note) for row in history if row.note]
    return own + kept


def _head(name: str, stamp: str) -> dict[str, Any]:
    return {"$id": name, "lastUpdateTimeStamp": stamp}


def _some(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", None, [], {})}


def _call(base: str, call: CallFacts, city: City, stamp: str, known: bool) -> dict[str, Any]:
    line = city.line(call.line)
    state = "callEnd" if call.ended_at else "callAnswered" if call.answered_at else "callBegin"
    return _some(
        {
            **_head(f"{base}:call:{call.call_id}", stamp),
            "callStateRegistryText": state,
            "standardPrimaryCallType": "emergency" if line and line.kind == "emergency" else "nonEmergency",
            "direction": "incoming",
            "callStartTimestamp": call.arrived_at.isoformat(),
            "answerDate": call.answered_at.isoformat() if call.answered_at else None,
            "localCallType": line.name if line else call.line,
            "queueIdentifier": call.line,
            "callBackReference": {"$ref": f"{base}:callback:{call.call_id}"} if call.caller else None,
            "personReference": [{"$ref": f"{base}:caller"}] if known else [],
        }
    )


def _location(base: str, ticket: Ticket, city: City, point: Point | None, stamp: str) -> dict[str, Any]:
    return _some(
        {
            **_head(f"{base}:location", stamp),
            "locationTypeDescriptionRegistryText": "CurrentIncident",
            "locationDescriptionText": ticket.place,
            "locationByValue": pidf_lo(f"{base}:location", ticket.place, city, point),
        }
    )


def pidf_lo(entity: str, place: str, city: City, point: Point | None) -> str:
    """Place and point as PIDF-LO (RFC 4119, RFC 5139, RFC 5491)."""
    geodetic = (
        f'<gml:Point srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>{point.lat} {point.lon}</gml:pos></gml:Point>'
        if point
        else ""
    )
    civic = (
        f"<ca:civicAddress><ca:country>CN</ca:country><ca:A1>{escape(city.profile.province)}</ca:A1>"
        f"<ca:A3>{escape(city.profile.name)}</ca:A3><ca:LOC>{escape(place)}</ca:LOC></ca:civicAddress>"
    )
    return (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" '
        'xmlns:gml="http://www.opengis.net/gml" xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr" '
        f'entity="{escape(entity, {chr(34): "&quot;"})}"><tuple id="incident"><status><gp:geopriv>'
        f"<gp:location-info>{geodetic}{civic}</gp:location-info><gp:usage-rules/></gp:geopriv></status></tuple></presence>"
    )


def _agency(key: str, city: City, owning: bool, stamp: str) -> dict[str, Any]:
    department = city.department(key)
    name = department.name if department else key
    return {
        **_head(f"urn:heyi:{city.profile.code}:agency:{key}", stamp),
        "agencyRoleDescriptionRegistryText": ["Responding"],
        "agencyType": [_responder(key, city)],
        "agencyJcard": ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", name]]],
        "incidentOwningAgencyIndicator": owning,
    }  # fmt: skip


def _responder(key: str, city: City) -> str:
    """The kind of a department in IANA's registry of responders; empty where it is none of these."""
    english = _english(city.department(key)).lower()
    return next((code for word, code in _RESPONDERS if word in key or word in english), "")


def _unsaid(others: Sequence[str], units: Sequence[UnitFacts], city: City, now: datetime) -> list[Note]:
    """What the components have no field for."""
    names = [department.name if (department := city.department(key)) else key for key in others]
    made = [Note(note_id="others", at=now, by="heyi", text=f"其他承办单位：{'、'.join(names)}")] if names else []
    where = [unit for unit in units if unit.lat is not None and unit.lon is not None]
    return made + [
        Note(note_id=f"at:{unit.unit_id}", at=unit.at, by="heyi", text=f"{unit.name}位置：{unit.lat}, {unit.lon}")
        for unit in where
    ]


def _known(ticket: Ticket) -> bool:
    return bool(ticket.contact_phone or ticket.contact_name)


def _callbacks(base: str, ticket: Ticket, calls: Sequence[CallFacts], stamp: str) -> list[dict[str, Any]]:
    """Numbers at which somebody can be reached: each call's, and the contact's."""
    found = [(f"{base}:callback:{call.call_id}", call.caller) for call in calls]
    found.append((f"{base}:callback", ticket.contact_phone))
    return [{**_head(name, stamp), "callBackInformationUri": [f"tel:{number}"]} for name, number in found if number]


def _english(department: Any) -> str:
    return department.name_en if department is not None else ""


def _dispatch(base: str, key: str, units: Sequence[UnitFacts], stamp: str) -> dict[str, Any]:
    sent = [{"$ref": f"{base}:unit:{unit.unit_id}"} for unit in units if unit.department in (key, "")]
    city_code = base.split(":")[2]
    return _some(
        {
            **_head(f"{base}:dispatch:{key}", stamp),
            "agencyReference": {"$ref": f"urn:heyi:{city_code}:agency:{key}"},
            "emergencyResourceReference": sent,
        }
    )


def _unit(base: str, unit: UnitFacts) -> dict[str, Any]:
    return {
        # Required although nothing is known of them.
        "resourceAttributeRegistryText": [],
        **_some(
            {
                **_head(f"{base}:unit:{unit.unit_id}", unit.at.isoformat()),
                "emergencyResourceName": unit.name,
                "emergencyResourceTypeCommonRegistryText": unit.kind,
                "primaryUnitStatusRegistryText": unit.state,
                "secondaryUnitStatusRegistryText": [unit.state],
                "unitStatusInternal": [unit.state],
            }
        ),
    }


def _person(base: str, ticket: Ticket, stamp: str) -> list[dict[str, Any]]:
    if not _known(ticket):
        return []
    return [
        _some(
            {
                **_head(f"{base}:caller", stamp),
                "personIncidentRoleRegistryText": ["Caller"],
                "ncPersonComponent": _some({"personFullName": ticket.contact_name}),
                "callBackReference": {"$ref": f"{base}:callback"} if ticket.contact_phone else None,
            }
        )
    ]


def _note(base: str, note: Note) -> dict[str, Any]:
    return {
        **_head(f"{base}:note:{note.note_id}", note.at.isoformat()),
        "noteDateTimeStamp": note.at.isoformat(),
        "noteAuthor": note.by,
        "notesActionComments": note.text,
    }
