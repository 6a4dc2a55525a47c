"""Whose login somebody is whom a provider of identities knows, and what its claims say of role, desk and area.

A person is linked by the provider's ``sub`` once; from then on only that counts, whatever name the claims carry. Nobody
is linked by an address of e-mail. Administrators and auditors are linked by another administrator alone, and no claim
makes or changes one: who runs the directory of identities does not thereby run this house.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast, get_args

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit import note
from core.city import City
from core.clock import Clock
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from desk.access.entered import person_of
from desk.access.tables import LinkRow, SessionRow, SpentRow, end_sessions
from desk.access.users import Role, User, UserRow, hashed, told, user_of_row

#: Whom no claim makes, changes, or links.
KEEPERS: frozenset[str] = frozenset({"administrator", "auditor"})
#: How long it is remembered what was taken: longer than a sign-in or a logout is believed.
REMEMBERED = timedelta(hours=1)
#: Whom the audit names where the provider changes a login.
BY = "oidc"


class NotLinked(HeyiError):
    """The provider knows this person, this house does not; ``why`` is for the audit."""

    def __init__(self, why: str) -> None:
        super().__init__("您的统一身份没有可用的账号，请联系管理员")
        self.why = why


def via(session: str = "") -> str:
    """What a session of single sign-on came by, with the provider's own number of it (``sid``)."""
    return "oidc:" + hashlib.sha256(session.encode()).hexdigest()[:32] if session else "oidc"


def roles_of(text: str) -> Sequence[tuple[str, Role]]:
    """``hotline=agent leads=supervisor``; :class:`HeyiError` where a role is none, or one that no claim gives."""
    made: list[tuple[str, Role]] = []
    for pair in text.split():
        value, _, role = pair.rpartition("=")
        if not value or role not in get_args(Role) or role in KEEPERS:
            raise HeyiError(f"HEYI_OIDC_ROLES: {role} is no role that a claim may give", hint="see docs/access.md")
        made.append((value, cast(Role, role)))
    return made


def values_of(claims: Mapping[str, Any], claim: str) -> Sequence[str]:
    """What a claim holds, one or many; ``realm_access.roles`` reads inside another. Empty where it is not there."""
    held: Any = claims.get(claim)
    if held is None:
        held = claims
        for part in claim.split("."):
            held = held.get(part) if isinstance(held, Mapping) else None
    return tuple(one for one in (held if isinstance(held, list) else [held]) if isinstance(one, str) and one)


class Links:
    """The table of links."""

    def __init__(self, database: Database, clock: Clock, city: City, settings: Settings) -> None:
        self._database, self._clock, self._city, self._settings = database, clock, city, settings
        self._issuer = settings.oidc_issuer
        self._roles = roles_of(settings.oidc_roles)
        if settings.oidc_role_claim and not self._roles:
            raise HeyiError("HEYI_OIDC_ROLE_CLAIM needs HEYI_OIDC_ROLES", hint="see docs/access.md")

    async def person(self, claims: Mapping[str, Any], state: str, address: str) -> User:
        """Whose sign-in these checked claims are; :class:`NotLinked`. Each ``state`` once."""
        now, subject = self._clock.now(), str(claims["sub"])
        named = next(iter(values_of(claims, self._settings.oidc_login_claim)), "")
        # Hashing takes its time, and only a new login needs it; nobody knows this password.
        unknown = await hashed(secrets.token_urlsafe(32)) if await self._new(subject, named) else ""
        try:
            async with self._database.work() as work:
                await _spend(work.session, f"state:{state}", now)
                link = await work.session.get(LinkRow, (self._issuer, subject))
                row = await work.session.get(UserRow, link.login if link else named)
                if row is None:
                    row = self._made(claims, named, unknown)
                    work.session.add(row)
                    note(work.session, at=now, who=BY, what="user_added", address=address, detail=told(row))
                elif link is None and row.role in KEEPERS:
                    raise NotLinked("keeper")
                if row.disabled_at is not None:
                    raise NotLinked("disabled")
                if link is None:
                    work.session.add(
                        LinkRow(issuer=self._issuer, subject=subject, login=row.login, made_at=now, made_by=row.login)
                    )
                    note(work.session, at=now, who=row.login, what="identity_linked", address=address, detail=subject)
                await self._follow(work.session, row, claims, address)
                await work.session.flush()
                return user_of_row(row)
        except IntegrityError:
            # The same answer a second time; or a login that belongs to another of the provider's people.
            raise NotLinked("taken before, or the login is another subject's") from None

    async def _new(self, subject: str, named: str) -> bool:
        """Whether a login may have to be made."""
        if not self._roles:
            return False
        async with self._database.read() as session:
            linked = await session.get(LinkRow, (self._issuer, subject))
            return linked is None and await session.get(UserRow, named) is None

    def _place(self, claims: Mapping[str, Any], row: UserRow | None, login: str) -> tuple[str, Role, str, str]:
        """Name, role, desk and area that the claims give; what they do not speak of stays."""
        settings = self._settings
        groups = values_of(claims, settings.oidc_role_claim)
        role = next((role for value, role in self._roles if value in groups), None)
        if role is None:
            raise NotLinked("no role")
        name = next(iter(values_of(claims, "name")), row.name if row else login)[:80]
        desk, area = (row.extension, row.department) if row else (None, None)
        if settings.oidc_desk_claim:
            desk = next(iter(values_of(claims, settings.oidc_desk_claim)), None)
        if settings.oidc_area_claim:
            area = next(iter(values_of(claims, settings.oidc_area_claim)), None)
        return name, role, desk or "", area or ""

    def _made(self, claims: Mapping[str, Any], named: str, password_hash: str) -> UserRow:
        if not self._roles or not named or not password_hash:
            raise NotLinked("unknown")
        name, role, desk, area = self._place(claims, None, named)
        try:
            person = person_of(self._city, named, name, role, desk, area, "of nobody")
        except HeyiError as error:
            raise NotLinked(error.message) from error
        return UserRow(
            login=person.login, name=person.name, role=person.role, password_hash=password_hash,
            extension=person.extension, department=person.department, disabled_at=None,
        )  # fmt: skip

    async def _follow(
        self, session: AsyncSession, row: UserRow, claims: Mapping[str, Any], address: str
    ) -> None:  # fmt: skip
        """Whose role comes from a claim: it is today's, and so are desk and area; whoever has others signs in anew."""
        if not self._roles or row.role in KEEPERS:
            return
        name, role, desk, area = self._place(claims, row, row.login)
        try:
            person = person_of(self._city, row.login, name, role, desk, area, "of nobody")
        except HeyiError as error:
            raise NotLinked(error.message) from error
        row.name = person.name
        if (row.role, row.extension, row.department) != (person.role, person.extension, person.department):
            now = self._clock.now()
            row.role, row.extension, row.department = person.role, person.extension, person.department
            await end_sessions(session, now, "changed", SessionRow.login == row.login)
            note(session, at=now, who=BY, what="user_changed", address=address, detail=told(row))

    async def subject_of(self, login: str) -> str:
        """Who a login is at the provider; empty where it is not linked."""
        wanted = select(LinkRow.subject).where(LinkRow.issuer == self._issuer, LinkRow.login == login)
        async with self._database.read() as session:
            return await session.scalar(wanted) or ""

    async def link(self, login: str, subject: str, *, by: str, address: str) -> None:
        """What the administrator says: this subject, or none; the login's sessions are over."""
        now = self._clock.now()
        try:
            async with self._database.work() as work:
                await work.session.execute(
                    delete(LinkRow).where(LinkRow.issuer == self._issuer, LinkRow.login == login)
                )
                if subject:
                    work.session.add(
                        LinkRow(issuer=self._issuer, subject=subject, login=login, made_at=now, made_by=by)
                    )
                await end_sessions(work.session, now, "changed", SessionRow.login == login, SessionRow.via != "")
                what = "identity_linked" if subject else "identity_unlinked"
                note(work.session, at=now, who=by, what=what, address=address, detail=f"{login} {subject}".strip())
        except IntegrityError:
            raise HeyiError("这个统一身份已经绑定其他账号") from None

    async def ended(self, subject: str, session: str, token: str, address: str) -> int:
        """The provider says that a sign-in is over: its sessions here are, too; how many. Each token once."""
        now = self._clock.now()
        which = SessionRow.via == via(session) if session else SessionRow.via.startswith("oidc")
        if subject:
            known = select(LinkRow.login).where(LinkRow.issuer == self._issuer, LinkRow.subject == subject)
            which = which & SessionRow.login.in_(known)
        try:
            async with self._database.work() as work:
                await _spend(work.session, f"logout:{token}", now)
                count = await end_sessions(work.session, now, "provider", which)
                if count:
                    note(work.session, at=now, who=BY, what="session_ended", address=address,
                         detail=f"{subject} × {count} provider".strip())  # fmt: skip
        except IntegrityError:
            return 0
        return count


async def _spend(session: AsyncSession, what: str, now: datetime) -> None:
    """Take it once: the second insert fails, at whatever process."""
    await session.execute(delete(SpentRow).where(SpentRow.until < now))
    session.add(SpentRow(mark=hashlib.sha256(what.encode()).hexdigest(), until=now + REMEMBERED))
    await session.flush()
