"""Who may sign in: logins, roles and hashed passwords."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Literal, cast

from pwdlib import PasswordHash
from sqlalchemy import String, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.audit import note
from core.city import City, Person
from core.clock import Clock, SystemClock
from core.database import Base, Database
from core.errors import HeyiError
from desk.access.hashing import KNOWN, STRANGERS, Lane
from desk.access.tables import SessionRow, UserVersionRow, end_sessions
from ticketing.actor import AREA_ROLES, STAFF, Actor

Role = Literal[
    "agent", "dispatcher", "department", "grid", "supervisor", "reviewer", "arbiter", "leader", "administrator",
    "auditor",
]  # fmt: skip

_hasher = PasswordHash.recommended()  # argon2id


async def hashed(password: str) -> str:
    """What the table holds of a password."""
    return await KNOWN.run(_hasher.hash, password)


@cache
def _decoy() -> str:
    """Checked in place of a real hash when the login is unknown, so that both answers take the same time."""
    return _hasher.hash("nobody has this password")


class UserRow(Base):
    """One login."""

    __tablename__ = "users"

    login: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(255))
    #: Desk of a call taker, else None.
    extension: Mapped[str | None] = mapped_column(String(8))
    #: Department of whoever is staff of one, else None.
    department: Mapped[str | None] = mapped_column(String(60))
    #: Since when nobody may sign in with it.
    disabled_at: Mapped[datetime | None]


@dataclass(frozen=True, kw_only=True)
class User:
    """A signed-in person."""

    login: str
    name: str
    role: Role
    extension: str | None
    department: str | None
    #: Number of the session; 0 without one.
    session: int = 0
    #: Of a program that acts for this person: the actions that its token names; None for the person.
    scopes: frozenset[str] | None = None
    #: Number of that token; None for the person.
    token: int | None = None
    #: Departments below their own for which they may act, too; whoever signs in has them from the city's data.
    below: frozenset[str] = frozenset()

    @property
    def staff(self) -> bool:
        """Whether they belong to a department, and see only what is its own."""
        return self.role in STAFF

    @property
    def bounded(self) -> bool:
        """Whether they see only what lies in their area: staff always, others where the administrator gave them one."""
        return self.staff or (self.department is not None and self.role in AREA_ROLES)

    @property
    def departments(self) -> frozenset[str]:
        """Keys of the departments whose matters are theirs; empty for whoever has no area."""
        return self.below | {self.department} if self.bounded and self.department else frozenset()

    def actor(self) -> Actor:
        """This person as the tickets know them."""
        return Actor(
            login=self.login, role=self.role, department=self.department or "", extension=self.extension or "",
            below=self.below,
        )  # fmt: skip


def user_of_row(row: UserRow, session: int = 0) -> User:
    return User(
        login=row.login,
        name=row.name,
        role=cast(Role, row.role),
        extension=row.extension,
        department=row.department,
        session=session,
    )


@dataclass(frozen=True)
class By:
    """Who changes a login, and from where: an entry of the audit within the change."""

    login: str
    address: str
    reason: str = ""


class Stale(HeyiError):
    """Somebody else has changed the login since it was read."""


class Users:
    """The table of logins. Hashing runs in threads of its own: argon2 takes tens of milliseconds by design."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()

    async def get(self, login: str) -> User | None:
        async with self._database.read() as session:
            row = await session.get(UserRow, login)
            return None if row is None else user_of_row(row)

    async def names(self) -> dict[str, str]:
        """Every login with the person's name, for screens."""
        async with self._database.read() as session:
            return {login: name for login, name in await session.execute(select(UserRow.login, UserRow.name))}

    async def verify(self, login: str, password: str, lane: Lane = STRANGERS) -> User | None:
        """The user when the password is right and the login not disabled, else None; :class:`Crowded`."""
        async with self._database.read() as session:
            row = await session.get(UserRow, login)
        known = row.password_hash if row is not None else await lane.run(_decoy)
        right = await lane.run(_hasher.verify, password, known)
        return user_of_row(row) if right and row is not None and row.disabled_at is None else None

    def _noted(self, session: AsyncSession, by: By | None, what: str, detail: str = "") -> None:
        if by is not None:
            note(session, at=self._clock.now(), who=by.login, what=what, address=by.address, detail=detail)

    async def set_password(self, login: str, password: str, by: By | None = None) -> None:
        """A new password; every session under the old one is over."""
        password_hash = await hashed(password)
        async with self._database.work() as work:
            row = await work.session.get_one(UserRow, login)
            row.password_hash = password_hash
            await end_sessions(work.session, self._clock.now(), "password", SessionRow.login == login)
            if by is not None and by.login == login:
                self._noted(work.session, by, "password")
            else:
                self._noted(work.session, by, "user_password", login)

    async def rows(self) -> Sequence[UserRow]:
        """All logins in their order."""
        async with self._database.read() as session:
            return list(await session.scalars(select(UserRow).order_by(UserRow.login)))

    async def make(self, person: Person, by: By | None = None) -> bool:
        """A new login; False where there is one of this name already."""
        password_hash = await hashed(person.password)
        async with self._database.work() as work:
            if await work.session.get(UserRow, person.login) is not None:
                return False
            row = _row(person, password_hash)
            work.session.add(row)
            self._kept(work.session, row, by)
            self._noted(work.session, by, "user_added", told(person))
        return True

    async def change(
        self, person: Person, by: By | None = None, *, disabled: bool | None = None, based_on: int | None = None
    ) -> bool:
        """Another name, role or place; whoever has other rights now signs in anew. False where there is none.

        ``disabled``: whether nobody may sign in with it from now on; None leaves that as it is. ``based_on``: number of
        the version that was looked at; :class:`Stale` where there is a newer one.
        """
        now = self._clock.now()
        async with self._database.work() as work:
            row = await work.session.get(UserRow, person.login, with_for_update=True)
            if row is None:
                return False
            await self._check(work.session, person.login, based_on)
            other = (row.role, row.extension, row.department) != (person.role, person.extension, person.department)
            if other or disabled:
                await end_sessions(work.session, now, "changed" if other else "disabled", SessionRow.login == row.login)
            row.name, row.role = person.name, person.role
            row.extension, row.department = person.extension, person.department
            if disabled is not None:
                row.disabled_at = (row.disabled_at or now) if disabled else None
            self._kept(work.session, row, by)
            self._noted(work.session, by, "user_changed", told(person))
        return True

    async def versions(self, login: str) -> Sequence[UserVersionRow]:
        """What it was after each change, the newest first."""
        async with self._database.read() as session:
            rows = select(UserVersionRow).where(UserVersionRow.login == login).order_by(UserVersionRow.id.desc())
            return list(await session.scalars(rows))

    def _kept(self, session: AsyncSession, row: UserRow, by: By | None) -> None:
        session.add(
            UserVersionRow(
                login=row.login, at=self._clock.now(), by=by.login if by else "", name=row.name, role=row.role,
                extension=row.extension, department=row.department, disabled=row.disabled_at is not None,
                reason=by.reason if by else "",
            )
        )  # fmt: skip

    @staticmethod
    async def _check(session: AsyncSession, login: str, based_on: int | None) -> None:
        newest = select(func.max(UserVersionRow.id)).where(UserVersionRow.login == login)
        if based_on is not None and await session.scalar(newest) != based_on:
            raise Stale("此账号刚被他人修改，请核对下面的现状后再改")

    async def enable(self, login: str, by: By | None = None, based_on: int | None = None) -> None:
        """Its person may sign in again; :class:`Stale` as of :meth:`change`."""
        async with self._database.work() as work:
            row = await work.session.get_one(UserRow, login, with_for_update=True)
            await self._check(work.session, login, based_on)
            row.disabled_at = None
            self._kept(work.session, row, by)
            self._noted(work.session, by, "user_enabled", login)

    async def disable(self, login: str, at: datetime, by: By | None = None, based_on: int | None = None) -> None:
        """Nobody signs in with it from now on; its sessions are over. :class:`Stale` as of :meth:`change`."""
        async with self._database.work() as work:
            row = await work.session.get_one(UserRow, login, with_for_update=True)
            await self._check(work.session, login, based_on)
            row.disabled_at = at
            await end_sessions(work.session, at, "disabled", SessionRow.login == login)
            self._kept(work.session, row, by)
            self._noted(work.session, by, "user_disabled", login)

    async def add(self, person: Person) -> None:
        """Add a login, or give an existing one this person's password, role and place; it may sign in, anew."""
        password_hash = await hashed(person.password)
        async with self._database.work() as work:
            self._kept(work.session, await work.session.merge(_row(person, password_hash)), None)
            await end_sessions(work.session, self._clock.now(), "changed", SessionRow.login == person.login)

    async def seed_people(self, city: City) -> int:
        """Make the city's demonstration logins that do not exist yet; returns how many were made."""
        async with self._database.read() as session:
            known = set(await session.scalars(select(UserRow.login)))
        missing = [person for person in city.people if person.login not in known]
        hashes = await asyncio.gather(*(hashed(person.password) for person in missing))
        async with self._database.work() as work:
            for person, made in zip(missing, hashes, strict=True):
                row = _row(person, made)
                work.session.add(row)
                self._kept(work.session, row, None)
        return len(missing)


def told(person: "Person | UserRow") -> str:
    """Who it is and may, for the audit."""
    return " ".join(filter(None, (person.login, person.role, person.extension, person.department)))


def _row(person: Person, password_hash: str) -> UserRow:
    return UserRow(
        login=person.login,
        name=person.name,
        role=person.role,
        password_hash=password_hash,
        extension=person.extension,
        department=person.department,
        disabled_at=None,
    )
