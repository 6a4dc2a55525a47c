"""The audit trail: who did what, when, to which call. Rows are only ever added."""

from contextvars import ContextVar
from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base

#: Number of the token with which a program acts for a person in this request; None where they act themselves.
by_token: ContextVar[int | None] = ContextVar("by_token", default=None)


class AuditEntry(Base):
    """One thing that somebody did and that may have to be accounted for later."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    #: Login; what was typed as login where a sign-in failed.
    who: Mapped[str] = mapped_column(String(80), index=True)
    #: ``sign_in``, ``sign_in_failed``, ``sign_out``, ``recording``, ``agent_state`` …
    what: Mapped[str] = mapped_column(String(40), index=True)
    call_id: Mapped[str | None] = mapped_column(String(80), index=True)
    #: Network address that it was done from.
    address: Mapped[str] = mapped_column(String(60), default="")
    detail: Mapped[str] = mapped_column(Text, default="")
    #: Of the program that did it for ``who``; None: that person.
    token: Mapped[int | None]


def note(
    session: AsyncSession,
    *,
    at: datetime,
    who: str,
    what: str,
    call_id: str | None = None,
    address: str = "",
    detail: str = "",
) -> None:
    """Add one entry within the caller's transaction, so that the deed and its trace are kept or lost together."""
    session.add(
        AuditEntry(
            at=at, who=who[:80], what=what, call_id=call_id, address=address[:60], detail=detail[:2000],
            token=by_token.get(),
        )
    )  # fmt: skip
