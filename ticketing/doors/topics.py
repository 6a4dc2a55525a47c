"""What other systems can be told of, and in which words. Pure."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ticketing.tables import Ticket

#: Topic → what it means, for a person who chooses.
TOPICS: dict[str, str] = {
    "ticket.created": "新工单（来电接通或其他渠道来件）",
    "ticket.moved": "工单流转到下一步",
    "ticket.edited": "工单内容修改",
    "ticket.closed": "工单结案",
    "ticket.called_back": "回访结果",
    "letter.replied": "来信已答复",
    "emergency.handover": "紧急警情移交（EIDO 格式），派遣时自动发送",
}
#: Sent by hand, to see whether a receiver works; not subscribed to.
PING = "ping"
#: Stored events that any topic is made of.
EVENTS = (
    "TicketDrafted", "TicketTakenIn", "TicketMoved", "TicketEdited", "CallbackTried", "LetterMoved",
    "EmergencyHandedOver",
)  # fmt: skip
HANDOVER = "emergency.handover"


def topics(kind: str, event: Mapping[str, Any], is_emergency: bool) -> tuple[str, ...]:
    """The topics of a stored event about a ticket."""
    match kind:
        case "TicketDrafted" | "TicketTakenIn":
            return ("ticket.created",)
        case "TicketEdited":
            return ("ticket.edited",)
        case "CallbackTried":
            return ("ticket.called_back",)
        case "LetterMoved":
            return ("letter.replied",) if event.get("after") == "sent" else ()
        case "EmergencyHandedOver":
            return (HANDOVER,)
        case "TicketMoved":
            closed = event.get("after") == "closed" and event.get("before") != "closed"
            sent = is_emergency and event.get("after") == "dispatched" and event.get("before") != "dispatched"
            return ("ticket.moved", *(["ticket.closed"] if closed else []), *([HANDOVER] if sent else []))
    return ()


#: What of an event is told beside the ticket.
_TOLD = (
    "before", "after", "flow", "step_before", "step_after", "fields", "by", "department", "note", "source", "attempt",
    "outcome",
)  # fmt: skip
_FIELDS = (
    "number", "source", "line", "state", "flow", "step", "is_emergency", "code", "nature", "place", "summary",
    "department", "assist", "result", "satisfaction", "version",
)  # fmt: skip
#: Only for receivers that may learn who the caller is.
_PERSONAL = ("caller", "contact_name", "contact_phone", "description")
_TIMES = ("created_at", "filed_at", "dispatched_at", "handling_at", "reported_at", "closed_at", "due_at")


def ticket_view(ticket: Ticket, *, personal: bool) -> dict[str, Any]:
    """A ticket as other systems get it."""
    names = (*_FIELDS, *_PERSONAL) if personal else _FIELDS
    times = {name: at.isoformat() if (at := getattr(ticket, name)) else None for name in _TIMES}
    return {"id": ticket.id, **{name: getattr(ticket, name) for name in names}, **times}


def message(
    message_id: str,
    topic: str,
    at: datetime,
    sequence: int,
    kind: str,
    event: Mapping[str, Any],
    data: Mapping[str, Any],
) -> bytes:
    """The body of one message; ``data`` is the ticket's view, or the EIDO of a handover.

    ``sequence`` counts the messages about this ticket that this receiver is given, from 1: a dead letter lets later
    ones pass, and the receiver sees by the gap that one is missing, and by the number where it belongs when it comes.
    """
    told = {name: event[name] for name in _TOLD if name in event and event[name] != ""}
    if topic == HANDOVER:
        content: dict[str, Any] = {"eido": data}
    else:
        content = {"event": {"kind": kind, **told}, "ticket": data}
    made = {"id": message_id, "topic": topic, "timestamp": at.isoformat(), "sequence": sequence, "data": content}
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()
