"""Tables of this room. Queries: :mod:`ticketing.repository`."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.ids import new_id
from ticketing.events import CallbackOutcome, TicketState
from ticketing.sources import TicketSource

_OPEN_ONLY: dict[str, Any] = {"sqlite_where": text("state != 'closed'"), "postgresql_where": text("state != 'closed'")}


class Ticket(Base):
    """One matter of one caller, from the call to the closed file."""

    __tablename__ = "tickets"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    #: Human number, e.g. ``JJ20261121-0007``.
    number: Mapped[str] = mapped_column(String(24), unique=True)
    #: How the matter came.
    source: Mapped[TicketSource] = mapped_column(String(12), default="call", server_default="call")
    call_id: Mapped[str | None] = mapped_column(String(80), unique=True)
    line: Mapped[str] = mapped_column(String(12))
    #: As the exchange gave it: untrusted.
    caller: Mapped[str] = mapped_column(String(80))
    #: ``caller`` in the form of :func:`core.phones.normal`, by which earlier tickets are found.
    caller_digits: Mapped[str] = mapped_column(String(40), index=True)
    #: Desk that answered, and the person who first saved at it.
    agent_extension: Mapped[str] = mapped_column(String(12), default="")
    agent_login: Mapped[str] = mapped_column(String(40), default="")
    #: The phase of its step.
    state: Mapped[TicketState] = mapped_column(String(12), default="draft")
    #: Key of the flow that it goes (``flows.yaml``), and of its step in it; empty on tickets from before flows.
    flow: Mapped[str] = mapped_column(String(40), default="", server_default="")
    step: Mapped[str] = mapped_column(String(20), default="", server_default="")
    #: Latest time (ISO 8601) at which it entered each step, by the step's key; the history has all.
    steps_at: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")

    is_emergency: Mapped[bool] = mapped_column(Boolean, default=False)
    code: Mapped[str] = mapped_column(String(8), default="")
    #: 咨询 求助 投诉 举报 建议 表扬 其他
    nature: Mapped[str] = mapped_column(String(8), default="")
    place: Mapped[str] = mapped_column(Text, default="")
    contact_name: Mapped[str] = mapped_column(Text, default="")
    contact_phone: Mapped[str] = mapped_column(String(40), default="")
    contact_digits: Mapped[str] = mapped_column(String(40), default="", index=True)
    #: What it is about, in a line.
    summary: Mapped[str] = mapped_column(Text, default="")
    #: What the call taker adds in their own words; the transcript is kept elsewhere.
    description: Mapped[str] = mapped_column(Text, default="")
    #: Key of the main department (主办), and of those that assist (协办).
    department: Mapped[str] = mapped_column(String(40), default="")
    assist: Mapped[list[str]] = mapped_column(JSON, default=list)
    result: Mapped[str] = mapped_column(Text, default="")
    #: ``satisfied``, ``unsatisfied``, ``unknown`` (asked in vain) or empty (not asked).
    satisfaction: Mapped[str] = mapped_column(String(12), default="")
    #: How often it went back to its department after a callback.
    reopened: Mapped[int] = mapped_column(default=0)
    #: Since when it waits for a supervisor's decision.
    escalated_at: Mapped[datetime | None]

    created_at: Mapped[datetime] = mapped_column(index=True)
    #: Latest time at which it entered each state; the history has all.
    filed_at: Mapped[datetime | None]
    dispatched_at: Mapped[datetime | None]
    handling_at: Mapped[datetime | None]
    reported_at: Mapped[datetime | None]
    callback_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    #: When the result is due.
    due_at: Mapped[datetime | None]

    #: Goes up by one with every saved change.
    version: Mapped[int] = mapped_column(default=1)
    #: Fields that a person edited: software leaves them alone.
    touched: Mapped[list[str]] = mapped_column(JSON, default=list)

    # Those that :mod:`ticketing.listing` reads in the order of a list, and of what is open alone.
    __table_args__ = (
        Index("tickets_of_department", "department", "state", "created_at"),
        Index("tickets_by_department", "department", "created_at"),
        Index("tickets_by_state", "state", "created_at"),
        Index("tickets_by_code", "code", "created_at"),
        Index("tickets_by_line", "line", "created_at"),
        Index("tickets_by_agent", "agent_login", "created_at"),
        Index("tickets_by_flow", "flow", "created_at"),
        Index("tickets_by_source", "source", "created_at"),
        Index("tickets_open", "is_emergency", "created_at", **_OPEN_ONLY),
        Index("tickets_open_by_time", "created_at", "due_at", **_OPEN_ONLY),
        Index("tickets_due", "due_at", **_OPEN_ONLY),
        Index("tickets_due_of_department", "department", "due_at", **_OPEN_ONLY),
    )
    # An UPDATE that meets another version than it read fails (two processes, one ticket).
    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}  # noqa: RUF012  read once, by the mapper


class TicketHistory(Base):
    """One saved change: a step, an edit, or both."""

    __tablename__ = "ticket_history"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    #: The ticket's version after this change.
    version: Mapped[int]
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(40))
    role: Mapped[str] = mapped_column(String(12))
    #: Of :data:`ticketing.states.Action`; ``draft`` for the opening, ``edit`` for a change of fields, ``flow`` for
    #: another flow, and what incidents and others note.
    action: Mapped[str] = mapped_column(String(12))
    #: Empty only at the opening; equal to ``after`` where the state did not change.
    before: Mapped[TicketState | None] = mapped_column(String(12))
    after: Mapped[TicketState] = mapped_column(String(12))
    #: The flow after this change, and the steps before and after it; empty in rows from before there were flows.
    flow: Mapped[str] = mapped_column(String(40), default="", server_default="")
    step_before: Mapped[str] = mapped_column(String(20), default="", server_default="")
    step_after: Mapped[str] = mapped_column(String(20), default="", server_default="")
    department: Mapped[str] = mapped_column(String(40), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    #: ``{field: [old, new]}``
    changes: Mapped[dict[str, list[Any]]] = mapped_column(JSON, default=dict)


class TicketLink(Base):
    """A ticket that a person found to be of the same incident as another, the head, with which it closes.

    A head is no other ticket's child: an incident is one head and its children.
    """

    __tablename__ = "ticket_links"

    child_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    head_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(40))
    #: A person refused that it closes with its head.
    stays: Mapped[bool] = mapped_column(Boolean, default=False)


class LikelyIncident(Base):
    """Other calls that may be about the same as this one, as the software last found them."""

    __tablename__ = "likely_incidents"

    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    at: Mapped[datetime]
    #: As in :class:`ticketing.events.IncidentSuggested`.
    found: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)


class Callback(Base):
    """One attempt to call back."""

    __tablename__ = "callbacks"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    #: 0 after the first handling, 1 after the second.
    round: Mapped[int]
    #: Counts from 1 in each round.
    attempt: Mapped[int]
    #: Chosen before dialling; becomes the unique id of the channel in Asterisk.
    call_id: Mapped[str] = mapped_column(String(80), unique=True)
    #: As dialled; empty until then.
    number: Mapped[str] = mapped_column(String(24), default="")
    due_at: Mapped[datetime] = mapped_column(index=True)
    placed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    outcome: Mapped[CallbackOutcome | None] = mapped_column(String(12))
    digit: Mapped[str] = mapped_column(String(4), default="")
    #: Who asks: ``robot``, ``person`` or ``sms``.
    channel: Mapped[str] = mapped_column(String(8), default="robot", server_default="robot")
    #: Login of the person who asked.
    who: Mapped[str] = mapped_column(String(40), default="", server_default="")
    #: Whether the matter was settled, as the caller says; None where nobody asked.
    solved: Mapped[bool | None]
    #: Why the caller is not satisfied (:data:`ticketing.callback.people.REASONS`), and in his own words.
    reason: Mapped[str] = mapped_column(String(20), default="", server_default="")
    words: Mapped[str] = mapped_column(Text, default="", server_default="")
    #: The desk's own call by which a person asked; its transcript is kept with it.
    desk_call: Mapped[str] = mapped_column(String(80), default="", server_default="")
    #: Secret of the page by which a text message is answered.
    token: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        UniqueConstraint("ticket_id", "round", "attempt"),
        Index("callbacks_token", "token", unique=True),
    )


class SecondHandler(Base):
    """Who does again what the caller was not satisfied with: another person, or the department's head."""

    __tablename__ = "second_handlers"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    #: Of the callbacks: 1 after the first answer of that kind.
    round: Mapped[int] = mapped_column(primary_key=True)
    #: Login of the one who reported before.
    former: Mapped[str] = mapped_column(String(40))
    #: Empty where nobody was named, only overruled.
    name: Mapped[str] = mapped_column(String(60))
    #: Login of whoever allowed that the same person does it again, and the reason.
    overruled_by: Mapped[str] = mapped_column(String(40), default="", server_default="")
    overruled_why: Mapped[str] = mapped_column(Text, default="", server_default="")
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(40))


class CallbackRefusal(Base):
    """The caller of this ticket asked not to be called back."""

    __tablename__ = "callback_refusals"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(40))


class TicketDay(Base):
    """How many numbers a day has given out."""

    __tablename__ = "ticket_days"

    day: Mapped[str] = mapped_column(String(8), primary_key=True)
    last: Mapped[int]
