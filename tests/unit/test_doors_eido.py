"""The hand-over of an emergency against a schema of the standard's names, types and required fields."""

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from tests.unit.ticket_support import CITY
from ticketing.doors.eido import CallFacts, Note, Point, UnitFacts, eido
from ticketing.tables import Ticket

SCHEMA = Draft202012Validator(json.loads((Path(__file__).parent / "schemas" / "eido.json").read_text(encoding="utf-8")))
NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def ticket(**more: Any) -> Ticket:
    values: dict[str, Any] = {
        "id": "t", "number": "JJ20260301-0001", "line": "119", "caller": "13800138000", "state": "dispatched",
        "is_emergency": True, "code": "E101", "place": "池店镇", "contact_name": "", "contact_phone": "13800138001",
        "department": "fire", "assist": ["water"], "created_at": NOW, "dispatched_at": NOW, "step": "dispatched",
    }  # fmt: skip
    return Ticket(**{**values, **more})


def whole(**more: Any) -> dict[str, Any]:
    unit = UnitFacts(
        unit_id="u1", name="一号车", kind="消防车", state="途中", at=NOW, department="fire", lat=24.8, lon=118.6
    )
    call = CallFacts(call_id="c1", line="119", caller="13800138000", arrived_at=NOW, answered_at=NOW)
    gone = CallFacts(call_id="c2", line="12345", caller="", arrived_at=NOW, ended_at=NOW + timedelta(seconds=9))
    note = Note(note_id="n1", at=NOW, by="lin", text="二楼有人")
    return eido(ticket(**more), CITY, NOW, calls=[call, gone], units=[unit], notes=[note], point=Point(24.8, 118.6))


@pytest.mark.parametrize(
    "more",
    [
        {}, {"contact_phone": "", "contact_name": ""}, {"code": "", "place": ""}, {"assist": []},
        {"state": "closed", "step": ""}, {"department": "", "assist": [], "dispatched_at": None},
    ],
)  # fmt: skip
def test_what_is_handed_over_is_as_the_schema_says(more: dict[str, Any]) -> None:
    made = whole(**more)
    SCHEMA.validate(json.loads(json.dumps(made)))
    SCHEMA.validate(eido(ticket(**more), CITY, NOW))
    ids = [one["$id"] for parts in made.values() if isinstance(parts, list) for one in parts]
    assert len(ids) == len(set(ids))
    refs = json.dumps(made).split('{"$ref": "')[1:]
    assert {ref.partition('"')[0] for ref in refs} <= {*ids, made["incidentComponent"]["$id"]}


def test_what_cannot_be_said_is_left_out_and_stands_in_a_note() -> None:
    made = whole()
    assert [one["agencyType"] for one in made["agencyComponent"]] == [["fire"]]
    assert [one["agencyReference"]["$ref"][-4:] for one in made["dispatchComponent"]] == ["fire"]
    texts = [note["notesActionComments"] for note in made["notesComponent"]]
    assert any(text.startswith("其他承办单位：") for text in texts) and "一号车位置：24.8, 118.6" in texts
    unit = made["emergencyResourceComponent"][0]
    assert unit["resourceAttributeRegistryText"] == [] and "unitPosition" not in unit
    assert "incidentCommonPriorityNumber" not in made["incidentComponent"], "no scale of the standard's is known"
    assert "callBackReference" not in made["callComponent"][1]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("incidentComponent", "incidentTypeCommonRegistryText"), None), (("eidoVersion",), "2.0"),
        (("callComponent", 0, "direction"), "in"), (("callComponent", 0, "callStartTimestamp"), "2026-03-01 08:00"),
        (("callComponent", 0, "callStateRegistryText"), None), (("agencyComponent", 0, "agencyType"), ["water"]),
        (("emergencyResourceComponent", 0, "resourceAttributeRegistryText"), None),
        (("personComponent", 0, "personIncidentRoleRegistryText"), "Caller"), (("notesComponent", 0, "text"), "x"),
        (("incidentComponent", "locationReference"), [{"$id": "x"}]), (("callbackComponent", 0, "$id"), None),
    ],
)  # fmt: skip
def test_the_schema_refuses_what_the_standard_does(path: tuple[Any, ...], value: Any) -> None:
    made = copy.deepcopy(whole())
    place: Any = made
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with pytest.raises(ValidationError):
        SCHEMA.validate(made)
