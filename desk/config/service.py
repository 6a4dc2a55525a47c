"""Versions of the city's files: read, saved, taken back. What was saved last lies in the site's data folder, too.

The database is the truth and has every version; the folder has the newest, so that Asterisk's configuration is made
without a database. They are written together, and laid even at each start.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit import note
from core.city import City
from core.cityfolder import CityFolder
from core.clock import Clock
from core.database import Database
from core.errors import Conflict, HeyiError
from desk.config.catalogue import effective, kind_of, original
from desk.config.checking import checked, opening, tidy
from desk.config.tables import ConfigVersion

log = structlog.get_logger(__name__)
T = TypeVar("T")
#: Beside the changed files, and none of them: with which version of each heyi was last open.
_STARTED = ".started.json"


class UnknownFile(HeyiError):
    """No file of the city that is edited here."""


class SavedMeanwhile(Conflict):
    """Somebody else saved the file since it was opened; ``newest`` is the number of their version."""

    def __init__(self, newest: int) -> None:
        super().__init__("别人已经保存了新的版本")
        self.newest = newest


@dataclass(frozen=True)
class Version:
    """One version as lists show it."""

    number: int
    who: str
    at: datetime
    why: str
    restores: int | None


@dataclass(frozen=True)
class Standing:
    """How one file stands: the newest version (None: as the city came) and whether the city's own file has moved on."""

    newest: Version | None
    moved_on: bool = False


class Configuration:
    """The files of one city. ``fit`` raises :class:`HeyiError` for a city that heyi would not open with."""

    def __init__(
        self, database: Database, clock: Clock, folder: CityFolder, fit: Callable[[City], None] | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self.folder = folder
        self._fit = fit
        self._city = folder.seed.resolve().name
        # Two changes that fit the city one by one may not fit it together.
        self._saving = asyncio.Lock()
        self._opened = self._hashes()

    # --- reading

    async def standings(self) -> dict[str, Standing]:
        """Every file that was ever changed."""
        newest = (
            select(ConfigVersion.file, func.max(ConfigVersion.number).label("number"))
            .where(ConfigVersion.city == self._city)
            .group_by(ConfigVersion.file)
            .subquery()
        )
        async with self._database.read() as session:
            rows = await session.scalars(
                select(ConfigVersion)
                .join(newest, (ConfigVersion.file == newest.c.file) & (ConfigVersion.number == newest.c.number))
                .where(ConfigVersion.city == self._city)
            )
            firsts = await session.execute(
                select(ConfigVersion.file, ConfigVersion.hash).where(
                    ConfigVersion.city == self._city, ConfigVersion.number == 0
                )
            )
            first = {row.file: row.hash for row in firsts}
            return {
                row.file: Standing(_version(row), _hash(self.came_with(row.file)) != first.get(row.file))
                for row in rows
            }

    async def versions(self, name: str) -> list[Version]:
        """All versions, the newest first; empty where nobody changed the file."""
        self._known(name)
        async with self._database.read() as session:
            rows = await session.scalars(self._of(name).order_by(ConfigVersion.number.desc()))
            return [_version(row) for row in rows]

    async def content(self, name: str, number: int | None = None) -> tuple[int, str]:
        """Number and content of a version; without ``number`` of the newest, 0 being what the city came with.

        Raises :class:`UnknownFile` where there is no such version.
        """
        self._known(name)
        async with self._database.read() as session:
            row = await self._row(session, name, number)
        if row is not None:
            return row.number, row.content
        if number:
            raise UnknownFile("没有这个版本")
        return 0, self.came_with(name)

    def came_with(self, name: str) -> str:
        """The city's own file; empty where it has none."""
        return _read(original(self.folder, name))

    def waiting(self) -> list[str]:
        """Files that are not as this process found them at its start."""
        now = self._hashes()
        return sorted(name for name in now.keys() | self._opened.keys() if now.get(name) != self._opened.get(name))

    # --- changing

    async def check(self, name: str, text: str) -> None:
        """Raises :class:`desk.config.checking.Unfit` for a content with which the city would not open."""
        self._known(name)
        await asyncio.to_thread(checked, self.folder, {name: tidy(text)}, self._fit)

    async def save(self, name: str, text: str, *, base: int, who: str, why: str, address: str = "") -> int:
        """A new version, valid and on the disk when this returns; its number. ``base``: the one that was changed.

        Raises :class:`SavedMeanwhile`, :class:`desk.config.checking.Unfit`, :class:`HeyiError` where nothing changed.
        """
        return await self._store(name, tidy(text), base, who, why, address, None)

    async def restore(self, name: str, number: int, *, base: int, who: str, why: str, address: str = "") -> int:
        """A new version with the content of an old one, byte for byte."""
        _, text = await self.content(name, number)
        return await self._store(name, text, base, who, why, address, number)

    async def _store(
        self, name: str, text: str, base: int, who: str, why: str, address: str, restores: int | None
    ) -> int:  # fmt: skip
        self._known(name)
        if not why.strip():
            raise HeyiError("请填写修改原因")
        async with self._saving:
            newest, before = await self.content(name)
            if newest != base:
                raise SavedMeanwhile(newest)
            if text == before:
                raise HeyiError("内容没有变化，无需保存")
            await asyncio.to_thread(checked, self.folder, {name: text}, self._fit)
            return await whole(self._keep(name, text, newest, before, who, why, address, restores))

    async def _keep(
        self, name: str, text: str, newest: int, before: str, who: str, why: str, address: str, restores: int | None
    ) -> int:  # fmt: skip
        """A checked text as the version after ``newest``, which holds ``before``."""
        now, former, number = self._clock.now(), self._changed_file(name), newest + 1
        try:
            async with self._database.work() as work:
                if newest == 0 and await self._row(work.session, name, 0) is None:
                    work.session.add(self._made(name, 0, before, "", now, "", "", None))
                made = self._made(name, number, text, _hash(before), now, who, why.strip()[:200], restores)
                work.session.add(made)
                what = "config_saved" if restores is None else "config_restored"
                told = f"{name} {number}" + (f" = {restores}" if restores is not None else "")
                note(work.session, at=now, who=who, what=what, address=address, detail=f"{told} {why.strip()}")
                await work.session.flush()
                await asyncio.to_thread(self.folder.write, name, text.encode())
        except IntegrityError as error:
            # Another process was quicker, and has written its file; of ours nothing was written.
            raise SavedMeanwhile(number) from error
        except BaseException:
            self._put_back(name, former)
            raise
        log.info("a file of the city was changed", file=name, number=number, by=who)
        return number

    async def restore_started(self, name: str | None, *, who: str, why: str) -> dict[str, int]:
        """What heyi last started with put back, as new versions: of one file, or of all that were changed since or are
        left out of a start. File and number of the version that it has again; where that very version no longer fits,
        the city's own. Raises :class:`HeyiError` where there is nothing to put back.
        """
        async with self._saving:
            standings, started = await self.standings(), self._started()
            if name is not None and name not in standings:
                raise UnknownFile(f"{name} was never changed", hint=", ".join(sorted(standings)) or "no file was")
            left_out = (await asyncio.to_thread(opening, self.folder, self._fit)).left_out
            found: dict[str, tuple[int, int, str, str]] = {}
            for file in standings:
                newest, before = await self.content(file)
                good = min(started.get(file, 0), newest)
                if good == newest and file in left_out:
                    good = 0
                _, text = await self.content(file, good)
                if name in (None, file) and text != before:
                    found[file] = (good, newest, before, text)
            if not found:
                raise HeyiError(f"{name or 'every file'} is as it was when heyi last started")
            await asyncio.to_thread(checked, self.folder, {file: each[3] for file, each in found.items()}, self._fit)
            for file, (good, newest, before, text) in found.items():
                await whole(self._keep(file, text, newest, before, who, why, "", good))
            return {file: each[0] for file, each in found.items()}

    # --- at the start

    async def lay_out(self) -> None:
        """Make the folder of changed files what the database has; what it has not is set aside, and told."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(ConfigVersion).where(ConfigVersion.city == self._city).order_by(ConfigVersion.number)
            )
            newest = {row.file: row.content for row in rows}
        for name, content in newest.items():
            if self._changed_file(name) != content.encode():
                self.folder.write(name, content.encode())
                log.warning("a changed file of the city was written anew from its versions", file=name)
        for name in self.folder.changes():
            if name not in newest and self.folder.changed is not None:
                path = self.folder.changed / name
                path.replace(path.with_name(f".{path.name}.aside"))
                log.error("a changed file of the city is in no version and was set aside", file=name)
        self._opened = self._hashes()

    async def note_started(self, left_out: Collection[str] = ()) -> None:
        """heyi is open with the changed files as they were at its start, but for those that it left out."""
        started = dict(self._started())
        for name, found in self._opened.items():
            numbers = select(func.max(ConfigVersion.number)).where(
                ConfigVersion.city == self._city, ConfigVersion.file == name, ConfigVersion.hash == found
            )
            async with self._database.read() as session:
                number = await session.scalar(numbers)
            if number is not None and name not in left_out:
                started[name] = number
        if started and self.folder.changed is not None:
            await asyncio.to_thread(self.folder.write, _STARTED, json.dumps(started, indent=1).encode())

    async def changed_since_start(self) -> list[str]:
        """Files with versions with which heyi was not open yet."""
        started = self._started()
        return sorted(
            name
            for name, standing in (await self.standings()).items()
            if standing.newest is not None and standing.newest.number > started.get(name, 0)
        )

    # --- inside

    def _started(self) -> Mapping[str, int]:
        """Numbers of the versions that heyi last opened with; a file that is not there opened as it came."""
        try:
            kept = json.loads(self._changed_file(_STARTED) or b"{}")
            return {str(name): int(number) for name, number in kept.items()}
        except (ValueError, AttributeError, TypeError):
            log.error("what heyi last started with cannot be read", file=_STARTED)
            return {}

    def _known(self, name: str) -> None:
        if kind_of(name) is None:
            raise UnknownFile("没有这个配置文件")

    def _of(self, name: str) -> Select[ConfigVersion]:
        return select(ConfigVersion).where(ConfigVersion.city == self._city, ConfigVersion.file == name)

    async def _row(self, session: AsyncSession, name: str, number: int | None) -> ConfigVersion | None:
        query = self._of(name)
        if number is not None:
            query = query.where(ConfigVersion.number == number)
        found: ConfigVersion | None = await session.scalar(query.order_by(ConfigVersion.number.desc()).limit(1))
        return found

    def _made(
        self, name: str, number: int, content: str, parent: str, at: datetime, who: str, why: str,
        restores: int | None,
    ) -> ConfigVersion:  # fmt: skip
        return ConfigVersion(
            city=self._city, file=name, number=number, content=content, hash=_hash(content), parent=parent, who=who,
            at=at, why=why, restores=restores,
        )  # fmt: skip

    def _changed_file(self, name: str) -> bytes | None:
        if self.folder.changed is None:
            return None
        try:
            return (self.folder.changed / name).read_bytes()
        except FileNotFoundError:
            return None

    def _put_back(self, name: str, former: bytes | None) -> None:
        """Whatever came between: the folder says what it said before."""
        if self.folder.changed is None:
            return
        if former is None:
            (self.folder.changed / name).unlink(missing_ok=True)
        elif self._changed_file(name) != former:
            self.folder.write(name, former)

    def _hashes(self) -> Mapping[str, str]:
        names = set(self.folder.changes())
        return {name: _hash(_read(effective(self.folder, name))) for name in names}


async def whole(work: Coroutine[None, None, T]) -> T:
    """``work`` done whole, though whoever awaits it is cancelled: row and file are both new, or neither.

    A thread that writes cannot be stopped: what was put back under it would be written over.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _version(row: ConfigVersion) -> Version:
    return Version(row.number, row.who, row.at, row.why, row.restores)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
