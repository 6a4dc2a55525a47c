"""The second factor: a code of the half-minute from a telephone (RFC 6238), and recovery codes for who has lost it."""

import base64
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyotp
import segno
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit import note
from core.clock import Clock
from core.database import Database
from core.errors import HeyiError
from core.secrets import derive
from desk.access.tables import FactorRow, RecoveryRow, SessionRow, end_sessions

#: Seconds for which one code holds; one before and one after are taken, too: telephones' clocks are a little off.
STEP_S, DRIFT = 30, 1
#: Recovery codes of one person.
RECOVERY_CODES = 10
#: Letters and digits that nobody mistakes for each other; 10 of them are 49 bits.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


class CodeRefused(HeyiError):
    """Not the code of this half-minute, or one that was taken already."""


def step_of(at: datetime) -> int:
    """Number of the half-minute since 1970 (RFC 6238, T)."""
    return int(at.timestamp()) // STEP_S


def taken_step(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The half-minute whose code this is, if it is near and later than ``last_step``; else None.

    All candidates are compared, each in constant time, whichever fits.
    """
    one = pyotp.TOTP(secret, interval=STEP_S)
    found = None
    for step in range(max(0, step_of(now) - DRIFT), step_of(now) + DRIFT + 1):
        right = secrets.compare_digest(one.generate_otp(step).encode(), code.encode())
        if right and step > last_step:
            found = step
    return found


def tidy(code: str) -> str:
    """What was typed without spaces and dashes, in capitals."""
    return "".join(c for c in code.upper() if c.isalnum())[:20]


@dataclass(frozen=True)
class Standing:
    """How a person's second factor stands."""

    since: datetime | None
    recovery_left: int

    @property
    def on(self) -> bool:
        return self.since is not None


class Factors:
    """The tables of second factors and recovery codes. ``secret``: the site's."""

    def __init__(self, database: Database, clock: Clock, secret: str, issuer: str) -> None:
        self._database, self._clock, self._secret, self._issuer = database, clock, secret, issuer

    def _of(self, row: FactorRow) -> str:
        """The shared secret, 128 bits in base 32."""
        return base64.b32encode(bytes.fromhex(derive(self._secret, "totp", f"{row.login}:{row.salt}"))).decode()

    def _hash(self, login: str, code: str) -> str:
        return derive(self._secret, "recovery", f"{login}:{code}")

    async def standing(self, login: str) -> Standing:
        """Whether it is on, and how many recovery codes are left."""
        async with self._database.read() as session:
            row = await session.get(FactorRow, login)
            left = await session.scalar(
                select(func.count()).where(RecoveryRow.login == login, RecoveryRow.used_at.is_(None))
            )
        return Standing(row.confirmed_at if row else None, left or 0)

    async def all_on(self) -> frozenset[str]:
        """Logins whose second factor is on."""
        async with self._database.read() as session:
            return frozenset(await session.scalars(select(FactorRow.login).where(FactorRow.confirmed_at.is_not(None))))

    async def offer(self, login: str, session_id: int) -> str:
        """The secret for a telephone: each time the same in one session, and no other session sees it."""
        if (await self.standing(login)).on:
            raise HeyiError("二次验证已经开启", hint="如需更换手机，请先关闭再重新开启")
        return self._of(self._offered(login, session_id))

    def _offered(self, login: str, session_id: int) -> FactorRow:
        """What that session would switch on; nothing is kept of it before its first code."""
        salt = derive(self._secret, "totp offer", f"{login}:{session_id}")
        return FactorRow(login=login, salt=salt, confirmed_at=None, last_step=0)

    def qr(self, login: str, secret: str) -> str:
        """The secret as a picture (SVG) that an authenticator reads."""
        address = pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=login, issuer_name=self._issuer)
        out = io.BytesIO()
        segno.make(address, micro=False).save(out, kind="svg", xmldecl=False, scale=4, dark="#000", light="#fff")
        return out.getvalue().decode()

    async def confirm(self, login: str, session_id: int, code: str, address: str) -> Sequence[str]:
        """Switch on what this session was offered, with a code that the telephone shows; the recovery codes, which are
        told this once."""
        now = self._clock.now()
        codes = new_codes()
        async with self._database.work() as work:
            before = await work.session.get(FactorRow, login)
            if before is not None and before.confirmed_at is not None:
                raise CodeRefused("二次验证已经开启")
            row = self._offered(login, session_id)
            step = taken_step(self._of(row), tidy(code), now, row.last_step)
            if step is None:
                raise CodeRefused("验证码不正确", hint="请核对手机时间，输入当前显示的六位数字")
            row.confirmed_at, row.last_step = now, step
            await work.session.merge(row)
            await self._keep(work.session, login, codes)
            note(work.session, at=now, who=login, what="factor_on", address=address)
        return codes

    async def renew_codes(self, login: str, address: str) -> Sequence[str]:
        """New recovery codes in place of the old."""
        codes = new_codes()
        async with self._database.work() as work:
            await self._keep(work.session, login, codes)
            note(work.session, at=self._clock.now(), who=login, what="factor_codes", address=address)
        return codes

    async def _keep(self, session: AsyncSession, login: str, codes: Sequence[str]) -> None:
        await session.execute(delete(RecoveryRow).where(RecoveryRow.login == login))
        session.add_all(
            RecoveryRow(login=login, code_hash=self._hash(login, tidy(code)), used_at=None) for code in codes
        )

    async def check(self, login: str, code: str, address: str) -> None:
        """Take a code of the telephone, or a recovery code, once; :class:`CodeRefused`.

        What decides is one UPDATE: of two requests with the same code one is refused.
        """
        now, typed = self._clock.now(), tidy(code)
        async with self._database.work() as work:
            row = await work.session.get(FactorRow, login)
            if row is None or row.confirmed_at is None:
                raise CodeRefused("未开启二次验证")
            step = taken_step(self._of(row), typed, now, row.last_step)
            if step is not None:
                taken = await work.session.execute(
                    update(FactorRow)
                    .where(FactorRow.login == login, FactorRow.last_step < step)
                    .values(last_step=step)
                    .returning(FactorRow.login)
                )
                if taken.first() is not None:
                    return
            used = await work.session.execute(
                update(RecoveryRow)
                .where(RecoveryRow.login == login, RecoveryRow.used_at.is_(None),
                       RecoveryRow.code_hash == self._hash(login, typed))
                .values(used_at=now)
                .returning(RecoveryRow.id)
            )  # fmt: skip
            if used.first() is None:
                raise CodeRefused("验证码不正确或已经用过")
            note(work.session, at=now, who=login, what="recovery_code", address=address)

    async def remove(self, login: str, *, by: str, address: str, why: str = "") -> bool:
        """Switch it off, and end all other sessions of who did not do it himself; False where it was off."""
        now = self._clock.now()
        async with self._database.work() as work:
            gone = await work.session.execute(
                delete(FactorRow).where(FactorRow.login == login).returning(FactorRow.login)
            )
            await work.session.execute(delete(RecoveryRow).where(RecoveryRow.login == login))
            if gone.first() is None:
                return False
            if by != login:
                await end_sessions(work.session, now, "factor", SessionRow.login == login)
            note(work.session, at=now, who=by, what="factor_off", address=address, detail=f"{login} {why}".strip())
        return True


def new_codes() -> tuple[str, ...]:
    """Recovery codes as people copy them: ``AB2CD-EF3GH``."""
    return tuple(
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(2)) for _ in range(RECOVERY_CODES)
    )
