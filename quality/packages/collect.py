"""Gathers a call with everything that is known of it, packs it, and keeps which package was handed out."""

import asyncio
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from asr.record import transcripts
from core.audit import AuditEntry, note
from core.clock import Clock
from core.database import Base, Database, StoredEvent
from core.errors import Conflict, HeyiError, NotAllowed
from quality.listening.tables import PrivatePart
from quality.packages.form import fingerprint
from quality.packages.make import make
from quality.reviews.service import history, scores
from quality.reviews.tables import EvidencePackage, Review
from quality.scorecards.versions import ScorecardVersion
from telephony import ledger
from telephony.ledger import LegRow
from telephony.recordings.sealer import Recording, of_call
from ticketing.actor import Actor
from ticketing.repository import TicketRepository
from triage.store import StoredVerdict

_SPEAKERS = {"caller": "来电人", "agent": "话务员"}
_ABOUT = """本文件包为一通电话的证据材料，由合一热线系统导出。
核验：有合一系统的机器上运行 heyi verify 文件包.zip；没有的，解压后运行 sha256sum -c SHA256SUMS。
核验通过，只说明包内文件自导出后未被改动；是否就是热线交付的那一份，须将核验得出的指纹与热线另行告知的指纹比对。
录音、实录是原始内容，未作遮蔽；private.json 列出其中标为隐私的部分。含个人信息，依法使用，不得外传。

Evidence of one telephone call, exported by heyi. To check it: heyi verify PACKAGE.zip, or unpack it and run
sha256sum -c SHA256SUMS. That only says that its files are as they were exported. Whether it is the package that the
hotline handed out, the fingerprint says: compare it with the one that the hotline told you by another way.
Recordings and transcript are the originals, nothing is left out; private.json says which parts are marked as private.
"""


class Packages:
    """The evidence packages of one site. ``recordings``: the folder of the sealed files."""

    def __init__(self, database: Database, clock: Clock, recordings: Path, site: str) -> None:
        self._database, self._clock, self._recordings, self._site = database, clock, recordings, site

    async def export(
        self, call_id: str, target: Path, by: Actor, why: str, told: Callable[[int], None] = lambda _: None
    ) -> EvidencePackage:
        """Write the package of an ended call to ``target`` and keep that it was handed out, and why.

        :class:`NotAllowed` for other roles than the supervisor's, :class:`HeyiError` where the call goes on, is not
        known, or a recording is not what was sealed.
        """
        if by.role != "supervisor":
            raise NotAllowed("只有班长可以导出证据包")
        if not why.strip():
            raise HeyiError("请填写导出事由")
        now = self._clock.now()
        async with self._database.read() as session:
            files, sealed = await self._files(session, call_id)
            last = await session.scalar(select(EvidencePackage).order_by(EvidencePackage.number.desc()).limit(1))
        number = last.number + 1 if last else 1
        about = {
            "number": number, "call": call_id, "made_at": now.isoformat(), "made_by": by.login, "why": why.strip(),
            "site": self._site, "host": platform.node(), "previous": last.fingerprint if last else "",
        }  # fmt: skip
        raw = await asyncio.to_thread(make, target, about, files, told)
        packed = {one["name"]: one["sha256"] for one in json.loads(raw)["files"]}
        unlike = [name for name, sha in sealed.items() if packed[name] != sha]
        if unlike:
            await asyncio.to_thread(target.unlink)
            raise HeyiError("录音与封存时不一致，不能作为证据导出", hint=f"{unlike[0]}；heyi recordings verify 可查")
        row = EvidencePackage(
            number=number, call_id=call_id, at=now, by=by.login, why=why.strip(), fingerprint=fingerprint(raw),
            previous=last.fingerprint if last else "", manifest=raw.decode(),
        )  # fmt: skip
        try:
            async with self._database.work() as work:
                work.session.add(row)
                note(
                    work.session,
                    at=now,
                    who=by.login,
                    what="package",
                    call_id=call_id,
                    detail=f"{number} {why.strip()}",
                )
        except IntegrityError as error:
            await asyncio.to_thread(target.unlink)
            raise Conflict("刚刚有人导出了另一个证据包，请重试") from error
        return row

    async def chain(self) -> tuple[Sequence[EvidencePackage], list[str]]:
        """Every package that was handed out, and what is wrong with the chain of them."""
        async with self._database.read() as session:
            rows = (await session.scalars(select(EvidencePackage).order_by(EvidencePackage.number))).all()
        return rows, chain_faults(rows)

    async def _files(self, session: AsyncSession, call_id: str) -> tuple[dict[str, bytes | Path], dict[str, str]]:
        """The files of the package, and the SHA-256 with which each recording among them was sealed."""
        call = await ledger.call(session, call_id)
        if call is None:
            raise HeyiError("没有这通电话", hint=call_id[:80])
        if call.ended_at is None:
            raise HeyiError("通话尚未结束，不能导出", hint=call_id)
        files: dict[str, bytes | Path] = {"about.txt": _ABOUT.encode()}
        files["call.json"] = _json({
            "call": _row(call),
            "legs": [_row(one) for one in await _all(session, LegRow, LegRow.call_id == call_id, LegRow.started_at)],
            "events": await _events(session, call_id),
        })  # fmt: skip
        rows = await of_call(session, call_id)
        audio = self._audio(rows)
        files["recordings.json"] = _json([_row(one) for one in rows])
        files |= {name: self._recordings / row.file for name, row in audio.items()}
        said = await transcripts.of_call(session, call_id)
        files["transcript.json"] = _json([_row(one) for one in said])
        files["transcript.txt"] = "".join(
            f"[{int(at // 60):02d}:{at % 60:04.1f}] {_SPEAKERS.get(one.leg, one.leg)}：{one.text}\n"
            for one in said
            for at in [transcripts.second_of(one, call)]
        ).encode()
        verdict = await session.get(StoredVerdict, call_id)
        files["verdict.json"] = _json(None if verdict is None else {**_row(verdict), "body": json.loads(verdict.body)})
        ticket = await TicketRepository(session).by_call(call_id)
        if ticket is not None:
            steps = await TicketRepository(session).history(ticket.id)
            files["ticket.json"] = _json({"ticket": _row(ticket), "history": [_row(one) for one in steps]})
        marked = await _all(session, PrivatePart, PrivatePart.call_id == call_id, PrivatePart.id)
        files["private.json"] = _json([_row(one) for one in marked])
        files["reviews.json"] = _json(await _reviews(session, call_id))
        heard = await _all(session, AuditEntry, AuditEntry.call_id == call_id, AuditEntry.id)
        files["audit.json"] = _json([_row(one) for one in heard])
        return files, {name: row.sha256 for name, row in audio.items()}

    def _audio(self, rows: Sequence[Recording]) -> dict[str, Recording]:
        """The recordings that are still there, by their names in the package."""
        found: dict[str, Recording] = {}
        for number, row in enumerate(rows, 1):
            if row.deleted_at is not None or (row.sealed_at is not None and not row.sha256):
                continue  # its time was over, or there never was a file: recordings.json says which
            if not row.sha256:
                raise HeyiError("录音尚未封存，请稍后再导出", hint=row.file)
            found[f"audio/{number}-{row.kind}.wav"] = row
        return found


def chain_faults(rows: Sequence[EvidencePackage]) -> list[str]:
    """What is wrong with the packages that were handed out, one line each. Pure."""
    found: list[str] = []
    before = ""
    for place, row in enumerate(rows, 1):
        told = json.loads(row.manifest)
        if row.number != place:
            found.append(f"package {place} is missing")
        if fingerprint(row.manifest.encode()) != row.fingerprint:
            found.append(f"package {row.number}: its manifest was changed")
        if row.previous != before or told.get("previous") != before:
            found.append(f"package {row.number} does not follow the one before it")
        if (told.get("call"), told.get("made_by"), told.get("number")) != (row.call_id, row.by, row.number):
            found.append(f"package {row.number}: its row says something else than its manifest")
        before = row.fingerprint
        if row.number != place:
            break
    return found


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, default=_plain) + "\n").encode()


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _row(row: Base) -> dict[str, Any]:
    """All of a row's columns."""
    return {column.key: getattr(row, column.key) for column in inspect(type(row)).column_attrs}


async def _all(session: AsyncSession, table: type[Any], where: Any, order: Any) -> Sequence[Any]:
    return (await session.scalars(select(table).where(where).order_by(order))).all()


async def _events(session: AsyncSession, call_id: str) -> list[Mapping[str, Any]]:
    found = await _all(session, StoredEvent, StoredEvent.call_id == call_id, StoredEvent.seq)
    return [{"seq": one.seq, **json.loads(one.body)} for one in found]


async def _reviews(session: AsyncSession, call_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for review in await _all(session, Review, Review.call_id == call_id, Review.id):
        given = await scores(session, review.id)
        cards = {one.card: await session.get(ScorecardVersion, one.card) for one in given}
        found.append({
            "review": _row(review), "history": [_row(one) for one in await history(session, review.id)],
            "scores": [_row(one) for one in given],
            "scorecards": {key: json.loads(card.body) for key, card in cards.items() if card is not None},
        })  # fmt: skip
    return found
