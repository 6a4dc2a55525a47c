"""Keys of the doors: who may knock, and proof that a message is theirs and is new."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from core.clock import Clock
from core.database import Database
from core.errors import HeyiError, NotAllowed
from core.ids import new_id
from ticketing.doors.intake import cleaned, hashed
from ticketing.doors.tables import DoorKey, SeenMessage

#: ``open311``: a key in the request. ``wechat``: WeChat's own signature over token, time and nonce. ``hook``: a
#: signature over the whole message, as :mod:`ticketing.doors.signing` makes them.
KeyKind = Literal["open311", "wechat", "hook"]
KIND_NAMES: dict[KeyKind, str] = {"open311": "Open311", "wechat": "微信", "hook": "外部系统"}
#: A message whose time stamp is further from now is refused; as long its id is remembered.
WINDOW = timedelta(minutes=5)
#: ``used_at`` is written at most as often as this.
_NOTED = timedelta(minutes=1)


class BadKey(NotAllowed):
    """No such key, or it was revoked, or the signature is not its own."""


class Replayed(NotAllowed):
    """This message was taken before."""


@dataclass(frozen=True)
class Known:
    """Who knocked."""

    id: str
    kind: KeyKind
    name: str


class Keys:
    """Makes and checks keys. ``secret`` is the site's."""

    def __init__(self, database: Database, clock: Clock, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret.encode()

    async def make(self, kind: KeyKind, name: str, by: str) -> tuple[DoorKey, str]:
        """A new key and its words, which an Open311 key shows only now."""
        name = cleaned(name, 60, "名称")
        if not name:
            raise HeyiError("请填写名称")
        key_id = new_id()
        words = secrets.token_urlsafe(32) if kind == "open311" else self.words(kind, key_id)
        row = DoorKey(
            id=key_id, kind=kind, name=name, key_hash=hashed(words) if kind == "open311" else None,
            made_at=self._clock.now(), made_by=by[:60],
        )  # fmt: skip
        async with self._database.work() as work:
            work.session.add(row)
        return row, words

    def words(self, kind: str, key_id: str) -> str:
        """The token of a WeChat key, the secret of a hook's."""
        made = hmac.new(self._secret, f"door:{kind}:{key_id}".encode(), hashlib.sha256).digest()
        # WeChat's console takes 3 to 32 letters and digits.
        return made.hex()[:32] if kind == "wechat" else "whsec_" + base64.b64encode(made).decode()

    async def all(self) -> Sequence[DoorKey]:
        async with self._database.read() as session:
            return (await session.scalars(select(DoorKey).order_by(DoorKey.made_at))).all()

    async def revoke(self, key_id: str) -> None:
        async with self._database.work() as work:
            row = await work.session.get(DoorKey, key_id)
            if row is None:
                raise HeyiError("没有这把钥匙", hint=key_id)
            row.revoked_at = row.revoked_at or self._clock.now()

    async def by_words(self, words: str) -> Known:
        """Who an Open311 key belongs to; :class:`BadKey`."""
        async with self._database.read() as session:
            row = (await session.scalars(select(DoorKey).where(DoorKey.key_hash == hashed(words)))).one_or_none()
        return await self._known(row, "open311")

    async def by_id(self, key_id: str, kind: KeyKind) -> Known:
        async with self._database.read() as session:
            row = await session.get(DoorKey, key_id)
        return await self._known(row, kind)

    async def _known(self, row: DoorKey | None, kind: KeyKind) -> Known:
        if row is None or row.kind != kind or row.revoked_at is not None:
            raise BadKey("钥匙无效或已停用")
        now = self._clock.now()
        if row.used_at is None or now - row.used_at > _NOTED:
            async with self._database.work() as work:
                if (fresh := await work.session.get(DoorKey, row.id)) is not None:
                    fresh.used_at = now
        return Known(row.id, kind, row.name)

    async def once(self, key_id: str, message: str, said_at: datetime) -> None:
        """Take this message now or never again; :class:`Replayed`, :class:`BadKey` where its time is not ours."""
        now = self._clock.now()
        if abs(now - said_at) > WINDOW:
            raise BadKey("消息的时间不在允许范围内", hint=said_at.astimezone(UTC).isoformat(timespec="seconds"))
        if not 1 <= len(message) <= 120:
            raise BadKey("消息没有编号")
        try:
            async with self._database.work() as work:
                await work.session.execute(delete(SeenMessage).where(SeenMessage.at < now - 3 * WINDOW))
                work.session.add(SeenMessage(key_id=key_id, message=message, at=now))
        except IntegrityError as error:
            raise Replayed("这条消息已经收过") from error
