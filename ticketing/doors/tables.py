"""Tables of the doors."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Float, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.ids import new_id
from ticketing.doors.events import LetterState, Source


class DoorItem(Base):
    """What somebody wrote, word for word. Nothing changes ``text`` after the row was made."""

    __tablename__ = "door_items"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), unique=True)
    source: Mapped[Source] = mapped_column(String(12))
    #: The matter's name at the door that it came by: the same twice is one ticket.
    external_id: Mapped[str] = mapped_column(String(120))
    #: Of all that was said: tells a repetition from another matter under the same name.
    digest: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(index=True)
    #: Login or name of the key by which it came; empty: the public.
    via: Mapped[str] = mapped_column(String(60), default="")
    #: The chat's name for the writer, so that he may ask for his own matters; empty: none.
    sender: Mapped[str] = mapped_column(String(120), default="", index=True)
    title: Mapped[str] = mapped_column(Text, default="")
    text: Mapped[str] = mapped_column(Text)
    #: As entered, beside what the ticket holds: address, email, chosen category, Open311's attributes.
    said: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    #: Degrees (WGS 84) where the door gave a point.
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    #: The writer agrees that matter and answer are shown to everybody, without him.
    public: Mapped[bool] = mapped_column(Boolean, default=False)
    #: SHA-256 of the word by which the writer follows his matter.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)

    __table_args__ = (UniqueConstraint("source", "external_id"),)


class DoorPhoto(Base):
    """A photograph that came with an item; the file lies in the data folder under its hash."""

    __tablename__ = "door_photos"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    item_id: Mapped[str] = mapped_column(ForeignKey("door_items.id"), index=True)
    sha256: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(20))
    size: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]


class Letter(Base):
    """The answer to a letter."""

    __tablename__ = "letters"

    item_id: Mapped[str] = mapped_column(ForeignKey("door_items.id"), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), unique=True)
    state: Mapped[LetterState] = mapped_column(String(12), default="waiting")
    due_at: Mapped[datetime]
    draft: Mapped[str] = mapped_column(Text, default="")
    #: As sent; never changed afterwards.
    reply: Mapped[str] = mapped_column(Text, default="")
    #: The answer may be read by everybody; else by the writer alone.
    public: Mapped[bool] = mapped_column(Boolean, default=False)
    sent_at: Mapped[datetime | None] = mapped_column(index=True)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (Index("letters_waiting", "state", "due_at"),)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  read once, by the mapper


class LetterStep(Base):
    """What was done to an answer, with the words as they then were."""

    __tablename__ = "letter_steps"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    item_id: Mapped[str] = mapped_column(ForeignKey("letters.item_id"), index=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(60))
    action: Mapped[str] = mapped_column(String(12))
    after: Mapped[LetterState] = mapped_column(String(12))
    words: Mapped[str] = mapped_column(Text, default="")
    note: Mapped[str] = mapped_column(Text, default="")


class DoorKey(Base):
    """Who may knock at a door: an Open311 client, a chat's server, another system."""

    __tablename__ = "door_keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(60))
    #: SHA-256 of an Open311 key. Keys that check signatures are made from the site's secret and are nowhere kept.
    key_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(60))
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class SeenMessage(Base):
    """A signed message that was taken: the same again is a replay. Kept as long as its time stamp would be taken."""

    __tablename__ = "door_seen"

    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    message: Mapped[str] = mapped_column(String(120), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)


class DoorKnocks(Base):
    """When somebody knocked at a door last (:mod:`ticketing.doors.limits`)."""

    __tablename__ = "door_knocks"

    #: Of the door and of who knocked, as a hash.
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    #: Milliseconds of the last knocks, thirteen digits each, the newest first.
    times: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(index=True)


class HookOrder(Base):
    """How many messages about one ticket a hook was given, kept as long as the ticket."""

    __tablename__ = "hook_orders"

    hook_id: Mapped[str] = mapped_column(ForeignKey("hooks.id"), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    last: Mapped[int]


class Hook(Base):
    """Another system that is told of events."""

    __tablename__ = "hooks"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(60))
    url: Mapped[str] = mapped_column(String(500))
    #: Of :data:`ticketing.doors.topics.TOPICS`.
    topics: Mapped[list[str]] = mapped_column(JSON, default=list)
    #: Whether it learns who the caller is.
    personal: Mapped[bool] = mapped_column(Boolean, default=False)
    #: The secret is made from the site's secret, this id and this number; the one before holds until ``former_until``.
    secret_no: Mapped[int] = mapped_column(default=1)
    former_until: Mapped[datetime | None]
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(60))
    #: Nothing is sent while it is paused; what happens meanwhile waits.
    paused_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    #: Number of the last stored event that was looked at for it.
    seq: Mapped[int] = mapped_column(default=0)
    #: It never learns of events before this number.
    first_seq: Mapped[int] = mapped_column(default=0)


class Delivery(Base):
    """One event for one hook."""

    __tablename__ = "hook_deliveries"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    hook_id: Mapped[str] = mapped_column(ForeignKey("hooks.id"))
    #: What a receiver knows a message by; the same however often it is sent.
    message_id: Mapped[str] = mapped_column(String(64))
    topic: Mapped[str] = mapped_column(String(40))
    ticket_id: Mapped[str] = mapped_column(String(32))
    number: Mapped[str] = mapped_column(String(24))
    made_at: Mapped[datetime]
    #: UTF-8 JSON, as it is signed and sent.
    body: Mapped[bytes] = mapped_column(LargeBinary)
    #: ``waiting``, ``done`` or ``dead``.
    state: Mapped[str] = mapped_column(String(8), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    #: Until then another process has it in hand.
    held_until: Mapped[datetime | None]
    #: HTTP status of the last answer, and what went wrong.
    status: Mapped[int | None]
    error: Mapped[str] = mapped_column(String(200), default="")
    done_at: Mapped[datetime | None]
    #: Counts this hook's messages about this ticket from 1; 0 in those from before they were counted.
    sequence: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (
        UniqueConstraint("hook_id", "message_id"),
        Index("hook_deliveries_due", "state", "next_at"),
        Index("hook_deliveries_of_ticket", "hook_id", "ticket_id", "state", "id"),
    )
