"""Tokens for programs: each acts for one login, may of its rights only what its scopes name, and ends by itself."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from core.audit import note
from core.clock import Clock
from core.database import Database
from core.errors import HeyiError
from desk.access.sessions import digest
from desk.access.table import BY_KEY
from desk.access.tables import TokenRow
from desk.access.users import User, UserRow, user_of_row

#: A program's token is recognised by it where it must not be: in a file, in a log.
PREFIX = "heyi_"
MAX_DAYS = 366
#: How exact it is told when a token was used last.
USED_WITHIN = timedelta(minutes=1)


class Tokens:
    """The table of tokens."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def make(
        self, login: str, name: str, scopes: Collection[str], days: int, *, by: str, address: str
    ) -> str:  # fmt: skip
        """A new token, which is shown this once; :class:`HeyiError` where it could never do anything."""
        known = sorted({scope for scope in scopes if scope in BY_KEY and BY_KEY[scope].scope})
        if not known or len(known) != len(set(scopes)):
            raise HeyiError("请选择令牌可以使用的权限")
        if not 1 <= days <= MAX_DAYS:
            raise HeyiError("有效期为 1 至 366 天")
        token, now = PREFIX + secrets.token_urlsafe(32), self._clock.now()
        async with self._database.work() as work:
            owner = await work.session.get(UserRow, login)
            if owner is None or owner.disabled_at is not None:
                raise HeyiError("没有这个账号，或账号已停用")
            if any(owner.role not in BY_KEY[scope].roles for scope in known):
                raise HeyiError("所选权限超出该账号的岗位")
            row = TokenRow(
                token_hash=digest(token), login=login, name=name[:80], scopes=known, made_at=now, made_by=by,
                until=now + timedelta(days=days), used_at=None, revoked_at=None,
            )  # fmt: skip
            work.session.add(row)
            await work.session.flush()
            note(work.session, at=now, who=by, what="token_made", address=address,
                 detail=f"#{row.id} {login} {name} {' '.join(known)}")  # fmt: skip
        return token

    async def user_of(self, token: str) -> User | None:
        """Whom a program acts for, with the token's scopes; None where it is unknown or over, or its login is."""
        now = self._clock.now()
        wanted = (
            select(TokenRow, UserRow)
            .join(UserRow, UserRow.login == TokenRow.login)
            .where(TokenRow.token_hash == digest(token), TokenRow.revoked_at.is_(None), TokenRow.until > now,
                   UserRow.disabled_at.is_(None))
        )  # fmt: skip
        async with self._database.read() as session:
            found = (await session.execute(wanted)).first()
        if found is None:
            return None
        await self._used(found[0], now)
        return replace(user_of_row(found[1]), scopes=frozenset(found[0].scopes), token=found[0].id)

    async def _used(self, row: TokenRow, now: datetime) -> None:
        if row.used_at is not None and now - row.used_at < USED_WITHIN:
            return
        async with self._database.work() as work:
            await work.session.execute(
                update(TokenRow)
                .where(TokenRow.id == row.id, or_(TokenRow.used_at.is_(None), TokenRow.used_at < now))
                .values(used_at=now)
            )

    async def all(self, limit: int = 500, start: int = 0) -> Sequence[TokenRow]:
        """Those that still hold first, then the latest; so many from ``start`` on."""
        async with self._database.read() as session:
            return list(
                await session.scalars(
                    select(TokenRow)
                    .order_by(TokenRow.revoked_at.is_not(None), TokenRow.id.desc())
                    .offset(start)
                    .limit(limit)
                )
            )

    async def of_login(self, login: str) -> Sequence[TokenRow]:
        """Those with which programs act for this person now."""
        wanted = select(TokenRow).where(
            TokenRow.login == login, TokenRow.revoked_at.is_(None), TokenRow.until > self._clock.now()
        )
        async with self._database.read() as session:
            return list(await session.scalars(wanted.order_by(TokenRow.id.desc())))

    async def revoke(self, token_id: int, *, by: str, address: str, of: str = "") -> bool:
        """It is over at once; False where it was. ``of``: only one that acts for this login."""
        now = self._clock.now()
        async with self._database.work() as work:
            row = await work.session.get(TokenRow, token_id)
            if row is None or row.revoked_at is not None or (of and row.login != of):
                return False
            row.revoked_at = now
            note(work.session, at=now, who=by, what="token_revoked", address=address,
                 detail=f"#{row.id} {row.login} {row.name}")  # fmt: skip
        return True
