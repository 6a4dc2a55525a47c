"""Sessions, second factors and tokens. No secret stands in them, only hashes."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, ColumnElement, String, UniqueConstraint, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base

#: Why a session ended before its time.
Why = Literal["sign_out", "ended", "password", "disabled", "changed", "factor", "replaced", "provider"]


class SessionRow(Base):
    """One browser that signed in."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    #: SHA-256 of what the cookie holds.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    login: Mapped[str] = mapped_column(String(60), index=True)
    #: ``open``; after the right password, while a second step is owed: ``factor`` (a code), ``enrol`` (set one up);
    #: ``screen``: of a wall, which may show it and nothing else.
    stage: Mapped[str] = mapped_column(String(8))
    made_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    #: However busy it is, it ends then.
    until: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    #: :data:`Why`; empty while it lasts.
    why: Mapped[str] = mapped_column(String(12), default="")
    address: Mapped[str] = mapped_column(String(60), default="")
    browser: Mapped[str] = mapped_column(String(200), default="")
    #: What it came by besides a password: :func:`desk.access.links.via`; empty: nothing.
    via: Mapped[str] = mapped_column(String(40), default="")


async def end_sessions(session: AsyncSession, now: datetime, why: Why, *which: ColumnElement[bool]) -> int:
    """End the sessions that are ``which``, within the caller's transaction; how many."""
    ended = await session.execute(
        update(SessionRow)
        .where(SessionRow.ended_at.is_(None), *which)
        .values(ended_at=now, why=why)
        .returning(SessionRow.id)
    )
    return len(ended.all())


class FactorRow(Base):
    """A person's second factor (RFC 6238). Its secret is made from the site's secret and ``salt``, and kept nowhere."""

    __tablename__ = "second_factors"

    login: Mapped[str] = mapped_column(String(60), primary_key=True)
    salt: Mapped[str] = mapped_column(String(32))
    #: None until a code of it was typed once.
    confirmed_at: Mapped[datetime | None]
    #: Number of the last half-minute whose code was taken: none up to it is taken again.
    last_step: Mapped[int] = mapped_column(default=0)


class RecoveryRow(Base):
    """One code for who has lost the telephone; good once."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    login: Mapped[str] = mapped_column(String(60), index=True)
    #: HMAC-SHA-256 with a key of the site, 32 hexadecimal digits.
    code_hash: Mapped[str] = mapped_column(String(32))
    used_at: Mapped[datetime | None]


class LinkRow(Base):
    """Who somebody is at a provider of identities. ``subject`` is the provider's own, and given to nobody else."""

    __tablename__ = "identity_links"
    __table_args__ = (UniqueConstraint("issuer", "login"),)

    issuer: Mapped[str] = mapped_column(String(255), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    login: Mapped[str] = mapped_column(String(60), index=True)
    made_at: Mapped[datetime]
    #: The administrator; the login itself where it was linked at its first sign-in.
    made_by: Mapped[str] = mapped_column(String(60))


class SpentRow(Base):
    """What a provider sent and was taken: a sign-in's state, a logout's number. Neither is taken twice."""

    __tablename__ = "identity_spent"

    #: SHA-256.
    mark: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: After it, it is too old anyway.
    until: Mapped[datetime]


class TokenRow(Base):
    """What a program signs in with; it may what its person may, and of that only ``scopes``."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    #: SHA-256 of the token, which was shown once.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    login: Mapped[str] = mapped_column(String(60), index=True)
    name: Mapped[str] = mapped_column(String(80))
    #: Actions of :mod:`desk.access.table`.
    scopes: Mapped[list[Any]] = mapped_column(JSON)
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(60))
    until: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class UserVersionRow(Base):
    """What a login was from one change to the next. Its password is in none of them."""

    __tablename__ = "user_versions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    login: Mapped[str] = mapped_column(String(60), index=True)
    at: Mapped[datetime]
    #: Who changed it; empty where it was not a person on the page.
    by: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(20))
    extension: Mapped[str | None] = mapped_column(String(8))
    department: Mapped[str | None] = mapped_column(String(60))
    disabled: Mapped[bool]
    #: Why, in the words of who changed it; empty where no person did.
    reason: Mapped[str] = mapped_column(String(200), default="", server_default="")
