"""Sessions on the server: the cookie is a number that nobody can guess, everything else stands in a table."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import ColumnElement, delete, select, update

from core.audit import note
from core.clock import Clock
from core.database import Database
from desk.access.tables import SessionRow, Why, end_sessions
from desk.access.users import User, UserRow, user_of_row

#: ``screen``: a wall that nobody touches; it shows figures and may do nothing else.
Stage = Literal["open", "factor", "enrol", "screen"]
#: Stages of who is signed in, and what a screen may.
SIGNED_IN: tuple[Stage, ...] = ("open", "screen")
SCREEN_MAY = frozenset({"leader.wall"})

#: How long somebody whose password was right may look for the code.
HALF_OPEN = timedelta(minutes=10)
#: How long a screen stays signed in, also where it was switched off over night.
SCREEN_FOR = timedelta(days=30)
#: Sessions that are over stay so long for who asks afterwards; the audit keeps longer.
KEPT = timedelta(days=30)
#: A list of sessions is not longer.
LISTED = 200


def digest(token: str) -> str:
    """What the table holds of a token of 256 random bits: a plain hash is enough, it cannot be guessed from it."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True)
class Held:
    """Whose session a request carries."""

    user: User
    stage: Stage
    #: What it came by: :func:`desk.access.links.via`; empty: a password.
    via: str = ""


class Sessions:
    """The table of sessions. ``lifetime``: until the password is asked again; ``idle``: since nobody was seen."""

    def __init__(self, database: Database, clock: Clock, *, lifetime: timedelta, idle: timedelta) -> None:
        self._database, self._clock = database, clock
        self._lifetime, self._idle = lifetime, idle
        #: Who was seen since the table was written last: a page that only reads waits for no writer.
        self._seen: dict[int, datetime] = {}

    async def begin(
        self, login: str, *, address: str, browser: str, stage: Stage = "open", replaces: str = "", how: str = "",
        via: str = "",
    ) -> str:  # fmt: skip
        """Make one; the token for the cookie. A session that the browser had before (``replaces``) is over."""
        token, now = secrets.token_urlsafe(32), self._clock.now()
        async with self._database.work() as work:
            if replaces:
                await end_sessions(work.session, now, "replaced", SessionRow.token_hash == digest(replaces))
            await work.session.execute(delete(SessionRow).where(SessionRow.until < now - KEPT))
            work.session.add(
                SessionRow(
                    token_hash=digest(token), login=login, stage=stage, made_at=now, seen_at=now,
                    until=now + {"open": self._lifetime, "screen": SCREEN_FOR}.get(stage, HALF_OPEN),
                    address=address[:60],
                    browser=browser[:200], via=via,
                )
            )  # fmt: skip
            if stage in SIGNED_IN:
                what = "sign_in" if stage == "open" else "screen"
                note(work.session, at=now, who=login, what=what, address=address, detail=how)
        return token

    async def discard(self, token: str) -> None:
        """The second step was made: what owed it is over."""
        async with self._database.work() as work:
            await end_sessions(
                work.session, self._clock.now(), "replaced", SessionRow.token_hash == digest(token),
                SessionRow.stage != "open",
            )  # fmt: skip

    async def of(self, token: str) -> Held | None:
        """Whose it is; None where it is unknown, ended, too old, unused for too long, or its person disabled."""
        wanted = (
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.login == SessionRow.login)
            .where(SessionRow.token_hash == digest(token))
        )
        async with self._database.read() as session:
            found = (await session.execute(wanted)).first()
        now = self._clock.now()
        if found is None or not self._lives(found[0], now) or found[1].disabled_at is not None:
            return None
        row: SessionRow = found[0]
        self._seen[row.id] = now
        return Held(user_of_row(found[1], session=row.id), _stage(row.stage), row.via)

    def here(self, session_id: int) -> None:
        """Its page is open."""
        self._seen[session_id] = self._clock.now()

    def _lives(self, row: SessionRow, now: datetime) -> bool:
        seen = max(row.seen_at, self._seen.get(row.id, row.seen_at))
        return row.ended_at is None and now < row.until and (now - seen <= self._idle or row.stage == "screen")

    async def write_seen(self) -> None:
        """Who was seen since, into the table."""
        seen, self._seen = self._seen, {}
        async with self._database.work() as work:
            for session_id, at in seen.items():
                await work.session.execute(
                    update(SessionRow).where(SessionRow.id == session_id, SessionRow.seen_at < at).values(seen_at=at)
                )

    @property
    def unwritten(self) -> bool:
        """Whether somebody was seen whom the table does not know of."""
        return bool(self._seen)

    async def living(self, ids: Collection[int]) -> frozenset[int]:
        """Those of them that are not over."""
        now = self._clock.now()
        wanted = (
            select(SessionRow)
            .join(UserRow, UserRow.login == SessionRow.login)
            .where(SessionRow.id.in_(ids), SessionRow.stage.in_(SIGNED_IN), UserRow.disabled_at.is_(None))
        )
        async with self._database.read() as session:
            return frozenset(row.id for row in await session.scalars(wanted) if self._lives(row, now))

    async def of_login(self, login: str) -> Sequence[SessionRow]:
        """A person's open sessions, the one seen last first."""
        now = self._clock.now()
        wanted = (
            select(SessionRow)
            .where(SessionRow.login == login, SessionRow.stage.in_(SIGNED_IN), SessionRow.ended_at.is_(None),
                   SessionRow.until > now)
            .order_by(SessionRow.seen_at.desc(), SessionRow.id.desc())
            .limit(LISTED)
        )  # fmt: skip
        async with self._database.read() as session:
            return [row for row in await session.scalars(wanted) if self._lives(row, now)]

    async def counts(self) -> dict[str, int]:
        """How many open sessions each person has."""
        now = self._clock.now()
        made: dict[str, int] = {}
        wanted = select(SessionRow).where(
            SessionRow.stage.in_(SIGNED_IN), SessionRow.ended_at.is_(None), SessionRow.until > now
        )
        async with self._database.read() as session:
            for row in await session.scalars(wanted):
                if self._lives(row, now):
                    made[row.login] = made.get(row.login, 0) + 1
        return made

    async def end(self, session_id: int, login: str, *, by: str, address: str, why: Why = "ended") -> bool:
        """End one of ``login``'s sessions; False where there is none."""
        return await self._ended(login, by, address, why, SessionRow.id == session_id) > 0

    async def end_others(self, login: str, *, but: int, by: str, address: str, why: Why = "ended") -> int:
        """End all of a person's sessions but one (0: all); how many."""
        return await self._ended(login, by, address, why, SessionRow.id != but)

    async def _ended(self, login: str, by: str, address: str, why: Why, which: ColumnElement[bool]) -> int:
        now = self._clock.now()
        async with self._database.work() as work:
            count = await end_sessions(work.session, now, why, SessionRow.login == login, which)
            if count:
                what = "sign_out" if why == "sign_out" else "session_ended"
                note(work.session, at=now, who=by, what=what, address=address,
                     detail="" if why == "sign_out" else f"{login} × {count} {why}")  # fmt: skip
        return count


def _stage(text: str) -> Stage:
    return next((stage for stage in get_args(Stage) if stage == text), "factor")
