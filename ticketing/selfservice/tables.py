"""Tables of self-service: urging and messages by voice, announced cuts, owners of cars and who was rung."""

from datetime import date, datetime
from typing import Literal

from sqlalchemy import JSON, Boolean, Date, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.ids import new_id

MessageState = Literal["waiting", "done", "failed"]
#: 停水 停电 停气 道路
CutKind = Literal["water", "power", "gas", "road"]


class VoiceUrge(Base):
    """A ticket was urged by voice on that day of the city: once a day."""

    __tablename__ = "voice_urges"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    at: Mapped[datetime]
    call_id: Mapped[str] = mapped_column(String(80))


class VoiceMessage(Base):
    """What a caller left for a ticket: a recording, and its words once they are recognised."""

    __tablename__ = "voice_messages"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    call_id: Mapped[str] = mapped_column(String(80))
    #: Name in the recordings folder.
    file: Mapped[str] = mapped_column(String(100), unique=True)
    #: Left from the number that opened the ticket, or that is its contact.
    own: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[datetime]
    state: Mapped[MessageState] = mapped_column(String(8), default="waiting", index=True)
    tries: Mapped[int] = mapped_column(default=0)
    text: Mapped[str] = mapped_column(Text, default="")
    heard_at: Mapped[datetime | None]


class Announcement(Base):
    """Water, power or gas is cut, or a road closed, in these places and from when until when."""

    __tablename__ = "announcements"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    kind: Mapped[CutKind] = mapped_column(String(8))
    #: Towns (池店镇) and villages with their town (池店镇华洲村) as the city's file has them; empty: everywhere.
    areas: Mapped[list[str]] = mapped_column(JSON, default=list)
    begins: Mapped[datetime]
    until: Mapped[datetime] = mapped_column(index=True)
    #: As it is read out.
    text: Mapped[str] = mapped_column(String(60))
    #: Who says so.
    source: Mapped[str] = mapped_column(String(80))
    made_by: Mapped[str] = mapped_column(String(40))
    made_at: Mapped[datetime]
    #: Ended before its time.
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str] = mapped_column(String(40), default="")


class CarOwner(Base):
    """Whom to ring when a car blocks the way."""

    __tablename__ = "car_owners"

    plate: Mapped[str] = mapped_column(String(8), primary_key=True)
    phone: Mapped[str] = mapped_column(String(24))
    name: Mapped[str] = mapped_column(String(60))
    #: Since when this is so.
    since: Mapped[date] = mapped_column(Date)


class CarCall(Base):
    """A name under which an owner may be rung once, within minutes: it stands for the number in everything told."""

    __tablename__ = "car_calls"

    token: Mapped[str] = mapped_column(String(20), primary_key=True)
    plate: Mapped[str] = mapped_column(String(8))
    call_id: Mapped[str] = mapped_column(String(80))
    until: Mapped[datetime] = mapped_column(index=True)
