"""Calls exported as evidence from the tables, the chain of what was handed out, and the commands on a site."""

import asyncio
import hashlib
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from review_support import AGENT1, CHIEF, DAY, NOW, POOR, R1, R2, R3, QualityRoom, call
from sqlalchemy import delete, select, update
from typer.testing import CliRunner

from asr.record.transcripts import Utterance
from core.audit import AuditEntry
from core.database import Database
from core.errors import HeyiError, NotAllowed
from desk.access.users import UserRow
from heyi import cli
from quality.packages.collect import Packages, chain_faults
from quality.packages.verify import verify
from quality.reviews.tables import EvidencePackage, QualityDraw, Review
from telephony.ledger import CallRow
from telephony.recordings.sealer import Recording

AUDIO = b"RIFF" + bytes(2000)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[QualityRoom]:
    made = QualityRoom(f"sqlite+aiosqlite:///{tmp_path}/heyi.db")
    await made.database.create_all()
    yield made
    await made.database.close()


@pytest.fixture
async def packages(room: QualityRoom, tmp_path: Path) -> Packages:
    """A site with twelve calls, the first one with everything."""
    await room.drawn()
    (tmp_path / "rec").mkdir()
    (tmp_path / "rec" / "hy1-1.wav").write_bytes(AUDIO)
    sealed = {"bytes": len(AUDIO), "seconds": 1.0, "sealed_at": NOW}
    await room.put(
        Recording(file="hy1-1.wav", call_id="hy1-1", kind="stereo", sha256=hashlib.sha256(AUDIO).hexdigest(), **sealed),
        Recording(file="hy1-1-agent.wav", call_id="hy1-1", kind="agent", sha256="0" * 64, deleted_at=NOW, **sealed),
        Utterance(id="u1", call_id="hy1-1", leg="caller", source="record", start_s=61.5, end_s=63, text="喂，你好",
                  raw="", confidence=1.0, names=[], at=NOW),
        AuditEntry(at=NOW, who="chief", what="recording", call_id="hy1-1", detail="质检"),
    )  # fmt: skip
    return Packages(room.database, room.clock, tmp_path / "rec", "试验市")


async def test_a_package_holds_everything_and_is_whole(room: QualityRoom, packages: Packages, tmp_path: Path) -> None:
    async with room.database.read() as session:
        review = (await session.scalars(select(Review).where(Review.copy == 0).order_by(Review.call_id))).all()
    if all(one.call_id != "hy1-1" for one in review):
        async with room.database.work() as work:
            await work.session.execute(update(Review).where(Review.id == review[0].id).values(call_id="hy1-1"))
    one = next((r for r in review if r.call_id == "hy1-1"), review[0])
    who = next(person for person in (R1, R2, R3) if person.login == one.reviewer)
    await room.reviews.begin(one.id, who)
    await room.reviews.score(one.id, who, POOR)
    row = await packages.export("hy1-1", tmp_path / "a.zip", CHIEF, "行政复议")
    report = verify(tmp_path / "a.zip", row.fingerprint)
    assert report.ok
    assert (report.about["call"], report.about["why"], report.about["previous"]) == ("hy1-1", "行政复议", "")
    with zipfile.ZipFile(tmp_path / "a.zip") as source:
        names = set(source.namelist())
        assert source.read("audio/2-stereo.wav") == AUDIO
        assert source.read("transcript.txt").decode() == "[01:01.5] 来电人：喂，你好\n"
        assert [entry["what"] for entry in json.loads(source.read("audit.json"))] == ["recording"]
        assert json.loads(source.read("ticket.json"))["ticket"]["number"] == "T-1"
        (kept,) = [r for r in json.loads(source.read("reviews.json")) if r["scores"]]
    assert {"about.txt", "call.json", "recordings.json", "verdict.json"} <= names
    assert not any("agent" in name for name in names)
    assert kept["scores"][0]["tenths"] == 240
    assert kept["scorecards"][kept["scores"][0]["card"]]["version"] == 1
    async with room.database.read() as session:
        entry = (await session.scalars(select(AuditEntry).where(AuditEntry.what == "package"))).one()
    assert (entry.who, entry.call_id, entry.detail) == ("chief", "hy1-1", "1 行政复议")


async def test_each_package_names_the_one_before(room: QualityRoom, packages: Packages, tmp_path: Path) -> None:
    first = await packages.export("hy1-1", tmp_path / "1.zip", CHIEF, "甲")
    second = await packages.export("hy1-2", tmp_path / "2.zip", CHIEF, "乙")
    assert verify(tmp_path / "2.zip").about["previous"] == first.fingerprint == second.previous
    rows, wrong = await packages.chain()
    assert ([row.number for row in rows], wrong) == ([1, 2], [])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (update(EvidencePackage).where(EvidencePackage.number == 1).values(by="别人"), "package 1: its row says"),
        (update(EvidencePackage).where(EvidencePackage.number == 1).values(manifest="{}"), "1: its manifest was"),
        (update(EvidencePackage).where(EvidencePackage.number == 1).values(fingerprint="0" * 64), "package 2 does not"),
        (delete(EvidencePackage).where(EvidencePackage.number == 1), "package 1 is missing"),
    ],
)  # fmt: skip
async def test_a_broken_chain_is_told(
    room: QualityRoom, packages: Packages, tmp_path: Path, change: Any, told: str
) -> None:
    await packages.export("hy1-1", tmp_path / "1.zip", CHIEF, "甲")
    await packages.export("hy1-2", tmp_path / "2.zip", CHIEF, "乙")
    async with room.database.work() as work:
        await work.session.execute(change)
    rows, wrong = await packages.chain()
    assert any(told in fault for fault in wrong)
    assert chain_faults(rows) == wrong


async def test_what_is_not_exported(room: QualityRoom, packages: Packages, tmp_path: Path) -> None:
    target = tmp_path / "x.zip"
    for who in (AGENT1, R1):
        with pytest.raises(NotAllowed, match="只有班长"):
            await packages.export("hy1-1", target, who, "看看")
    with pytest.raises(HeyiError, match="请填写导出事由"):
        await packages.export("hy1-1", target, CHIEF, " ")
    with pytest.raises(HeyiError, match="没有这通电话"):
        await packages.export("hy1-99", target, CHIEF, "因")
    async with room.database.work() as work:
        await work.session.execute(update(CallRow).where(CallRow.id == "hy1-2").values(ended_at=None))
    with pytest.raises(HeyiError, match="尚未结束"):
        await packages.export("hy1-2", target, CHIEF, "因")
    (tmp_path / "rec" / "hy1-1.wav").write_bytes(AUDIO[:-1] + b"\1")
    with pytest.raises(HeyiError, match="与封存时不一致"):
        await packages.export("hy1-1", target, CHIEF, "因")
    (tmp_path / "rec" / "hy1-1.wav").unlink()
    with pytest.raises(HeyiError, match="No such file"):
        await packages.export("hy1-1", target, CHIEF, "因")
    assert not target.exists()
    assert (await packages.chain())[0] == []


# --- commands -----------------------------------------------------------------------------------------------------


def _run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, list(arguments))
    if isinstance(done.exception, HeyiError):
        return 1, str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


async def _site(database: Database) -> None:
    await database.upgrade()
    async with database.work() as work:
        for number in range(1, 13):
            rows = call(number)
            for row in rows:
                work.session.add(row)
        for login in ("r1", "r2"):
            work.session.add(UserRow(login=login, name=login, role="reviewer", password_hash="x"))
        work.session.add(UserRow(login="lin", name="lin", role="supervisor", password_hash="x"))


def test_the_commands_on_a_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEYI_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    import_site(tmp_path)
    day = DAY.isoformat()
    code, said = _run("quality", "draw", "--date", day, "--shift", "day", "--dry-run")
    assert code == 0 and "of 12 calls" in said and "(not kept)" in said
    for nobody in ((), ("--by", "r1"), ("--by", "stranger")):
        code, said = _run("quality", "draw", "--date", day, "--shift", "day", *nobody)
        assert code == 1 and "must name a supervisor" in said
    assert _run("quality", "draw", "--date", day, "--shift", "day", "--by", "lin")[0] == 0
    code, said = _run("quality", "draw", "--date", day, "--shift", "day", "--by", "lin")
    assert code == 1 and "已经抽过样" in said
    draw = _draw_id(tmp_path)
    code, said = _run("quality", "prove", draw)
    assert code == 0 and "the same calls come" in said
    code, said = _run("quality", "draws")
    assert draw in said and "lin" in said
    assert "not used yet" in _run("quality", "scorecards")[1]
    package = tmp_path / "call.zip"
    code, said = _run("quality", "package", "hy1-1", "--out", str(package), "--why", "复议", "--by", "lin")
    assert code == 0
    told = "".join(said.strip().splitlines()[-1].split())
    assert verify(package).fingerprint == told
    assert _run("quality", "packages")[0] == 0
    # Another machine: neither data nor city.
    monkeypatch.setenv("HEYI_DATA", str(tmp_path / "nothing"))
    monkeypatch.setenv("HEYI_CITY", str(tmp_path / "nowhere"))
    assert _run("verify", str(package), "--fingerprint", told)[0] == 0
    assert _run("verify", str(package), "--fingerprint", "0" * 64)[0] == 1
    package.write_bytes(package.read_bytes().replace(b"T-1", b"T-7", 1))
    code, said = _run("verify", str(package))
    assert code == 1 and "ticket.json: changed" in said
    assert not (tmp_path / "nothing").exists()


def import_site(folder: Path) -> None:
    async def make() -> None:
        room = QualityRoom(f"sqlite+aiosqlite:///{folder}/heyi.db")
        try:
            await _site(room.database)
        finally:
            await room.database.close()

    _asyncio(make())


def _draw_id(folder: Path) -> str:
    async def ask() -> str:
        room = QualityRoom(f"sqlite+aiosqlite:///{folder}/heyi.db")
        try:
            async with room.database.read() as session:
                return (await session.scalars(select(QualityDraw.id))).one()
        finally:
            await room.database.close()

    return str(_asyncio(ask()))


def _asyncio(work: Any) -> Any:
    return asyncio.run(work)
