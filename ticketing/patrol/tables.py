"""Tables of this room: what phones sent, photographs from the spot, calls for help."""

from datetime import datetime
from typing import Literal

from sqlalchemy import Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base

#: 接单 出动 到场 开始处置 反馈结果 退单 归队 情况说明 照片 求助 巡查上报 申请延期
FieldKind = Literal[
    "accept",
    "depart",
    "arrive",
    "handle",
    "report",
    "refuse",
    "back",
    "note",
    "photo",
    "help",
    "patrol",
    "extend",
]
#: Done; somebody had done it before; it cannot be done any more.
FieldState = Literal["done", "already", "refused"]


class FieldAction(Base):
    """One thing that a phone sent. Its id was made there: the same once more is answered with this row."""

    __tablename__ = "field_actions"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    login: Mapped[str] = mapped_column(String(60))
    kind: Mapped[FieldKind] = mapped_column(String(12))
    #: SHA-256 of all that was sent: another thing under the same id is refused.
    digest: Mapped[str] = mapped_column(String(64))
    #: Empty where it belongs to none; of a patrol the ticket that came of it.
    ticket_id: Mapped[str] = mapped_column(String(40), default="", index=True)
    number: Mapped[str] = mapped_column(String(24), default="")
    unit: Mapped[str] = mapped_column(String(40), default="")
    department: Mapped[str] = mapped_column(String(40), default="")
    #: When the person pressed, by the phone's clock as corrected when it sent; and when it came.
    made_at: Mapped[datetime]
    at: Mapped[datetime]
    #: Degrees of WGS 84, and radius in metres; empty where the phone gave none.
    lon: Mapped[float | None] = mapped_column(Float)
    lat: Mapped[float | None] = mapped_column(Float)
    accuracy_m: Mapped[float | None] = mapped_column(Float)
    #: The person's words.
    text: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[FieldState] = mapped_column(String(8))
    #: Why it was refused, or who was first.
    message: Mapped[str] = mapped_column(Text, default="")
    hint: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (Index("field_actions_of_login", "login", "at"),)


class FieldPhoto(Base):
    """A photograph from the spot; the file lies in the data folder under its hash."""

    __tablename__ = "field_photos"

    #: The id of what the phone sent.
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    who: Mapped[str] = mapped_column(String(60))
    department: Mapped[str] = mapped_column(String(40), default="")
    made_at: Mapped[datetime]
    at: Mapped[datetime]
    sha256: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(20))
    size: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    caption: Mapped[str] = mapped_column(Text, default="")
    #: Only where the person wished it.
    lon: Mapped[float | None] = mapped_column(Float)
    lat: Mapped[float | None] = mapped_column(Float)
    accuracy_m: Mapped[float | None] = mapped_column(Float)


class FieldHelp(Base):
    """Somebody on the spot asks for help; it is shown to who commands until one of them answers."""

    __tablename__ = "field_helps"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    #: Empty where the person is on no ticket.
    ticket_id: Mapped[str] = mapped_column(String(32), default="", index=True)
    number: Mapped[str] = mapped_column(String(24), default="")
    unit: Mapped[str] = mapped_column(String(40), default="")
    department: Mapped[str] = mapped_column(String(40), default="")
    who: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime]
    at: Mapped[datetime]
    words: Mapped[str] = mapped_column(Text, default="")
    lon: Mapped[float | None] = mapped_column(Float)
    lat: Mapped[float | None] = mapped_column(Float)
    accuracy_m: Mapped[float | None] = mapped_column(Float)
    answered_at: Mapped[datetime | None] = mapped_column(index=True)
    answered_by: Mapped[str] = mapped_column(String(60), default="")
    answer: Mapped[str] = mapped_column(Text, default="")
