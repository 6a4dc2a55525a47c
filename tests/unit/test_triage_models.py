"""Models that are proposed, promoted, taken back, and judged by."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from asr.events import UtteranceHeard
from core.audit import AuditEntry
from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from core.errors import Conflict, HeyiError
from core.settings import Settings
from telephony.events import CallArrived
from tests.loop_scene import case, model, says
from tests.unit.triage_support import small_city
from triage.judge import Judge, Turn
from triage.learn.model import Model, load_model
from triage.learn.shelf import own_path
from triage.listener import TriageListener
from triage.loop.gate import Answered, compare
from triage.loop.models import (
    By,
    ModelChanged,
    Models,
    cases_of,
    former_use,
    in_use,
    kept_path,
    proposals,
    version_of,
)
from triage.loop.states import EDGES, step
from triage.loop.switch import ModelSwitch
from triage.verdict import CallTriaged, Verdict

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
LIN = By(login="lin", address="10.0.0.8")


ALARM = says(alarmed=True, outcome="emergency", p_emergency=0.9)
SEEN = "巷子里嗡嗡作响的蓝光"


class Site:
    """A database with a bus, a folder and a clock."""

    def __init__(self, folder: Path) -> None:
        self.bus = Bus()
        self.database = Database(f"sqlite+aiosqlite:///{folder / 'heyi.db'}", self.bus)
        self.settings = Settings(data=folder, cache=folder)
        self.clock = ManualClock(NOW)
        self.models = Models(self.database, self.settings, self.clock)

    async def proposed(self, *rows: Answered, base: Model | None = None) -> int:
        made = await self.models.propose(model(True), base or model(), 1, labels=1, aside=0, compared=compare(rows))
        return made.id

    async def state(self, number: int) -> str:
        async with self.database.read() as session:
            return next(p.state for p in await proposals(session) if p.id == number)

    async def versions(self) -> tuple[str, str]:
        """In use, and before."""
        async with self.database.read() as session:
            now, former = await in_use(session), await former_use(session)
        return now.version if now else "", former.version if former else ""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    await made.database.create_all()
    yield made
    await made.bus.close()
    await made.database.close()


GAINED = Answered(case(1, emergency=True, turns=(Turn("caller", SEEN),)), says(), ALARM)
LOST = Answered(case(2, emergency=True), ALARM, says())


def test_a_version_is_the_same_before_and_after_a_file(tmp_path: Path) -> None:
    model().save(tmp_path / "m.npz")
    assert version_of(load_model(tmp_path / "m.npz")) == version_of(model()) != version_of(model(True))


async def test_a_promoted_model_judges_at_once_and_after_a_restart_and_there_is_a_way_back(site: Site) -> None:
    old, new = version_of(model()), version_of(model(True))
    judges = [Judge(small_city(), model=model())]
    ModelSwitch(site.bus, small_city(), site.settings, judges[0], judges.append)
    await site.models.begin(model(), rules=1)
    assert await site.models.begin(model(), rules=1) == old  # a restart with the same model is no news
    number = await site.proposed(GAINED)
    assert await site.versions() == (old, "")

    await site.models.promote(number, LIN, "新增的火灾说法都对")
    await site.bus.drain()
    assert await site.versions() == (new, old)
    assert version_of(load_model(own_path(site.settings))) == new
    verdicts = [j.judge("12345", [Turn("caller", SEEN)]) for j in judges]
    assert [v.outcome for v in verdicts] != ["emergency", "emergency"] and verdicts[1].outcome == "emergency"
    assert judges[1].gazetteer is judges[0].gazetteer

    await site.models.back(old, LIN, "误报多")
    await site.bus.drain()
    assert await site.versions() == (old, new)
    again = judges[2].judge("12345", [Turn("caller", SEEN)])
    # A file keeps half the digits of the weights.
    assert again.p_emergency == pytest.approx(verdicts[0].p_emergency, abs=0.01)
    assert (again.outcome, again.code) == (verdicts[0].outcome, verdicts[0].code)
    assert version_of(load_model(own_path(site.settings))) == old
    async with site.database.read() as session:
        trail = [(row.who, row.what, row.address, row.detail) for row in await session.scalars(select(AuditEntry))]
    assert trail == [
        ("lin", "model_promoted", "10.0.0.8", f"{new}: 新增的火灾说法都对"),
        ("lin", "model_back", "10.0.0.8", f"{old}: 误报多"),
    ]


async def test_what_the_gate_refused_nobody_can_promote(site: Site) -> None:
    await site.models.begin(model(), rules=1)
    number = await site.proposed(LOST, GAINED, replace(LOST, case=replace(LOST.case, name="h3")))
    assert await site.state(number) == "refused"
    assert not kept_path(site.settings, version_of(model(True))).exists()
    async with site.database.read() as session:
        kept = [(c.name, c.became, c.refused) for c in await cases_of(session, number)]
    assert kept == [("h2", "worse", True), ("h3", "worse", True), ("h1", "better", False)]
    with pytest.raises(Conflict):
        await site.models.promote(number, LIN, "我就要")
    assert (await site.versions())[0] == version_of(model())


async def test_only_the_newest_waits_and_each_is_decided_once(site: Site) -> None:
    await site.models.begin(model(), rules=1)
    first, second = await site.proposed(GAINED), await site.proposed(GAINED)
    assert (await site.state(first), await site.state(second)) == ("superseded", "proposed")
    with pytest.raises(HeyiError, match="请写明理由"):
        await site.models.reject(second, LIN, "  ")
    await site.models.reject(second, LIN, "样本太少")
    for decide in (site.models.promote, site.models.reject):
        with pytest.raises(Conflict):
            await decide(second, LIN, "再来")
    assert (await site.versions())[0] == version_of(model())


async def test_a_comparison_with_another_model_than_the_one_in_use_is_worth_nothing(site: Site) -> None:
    await site.models.begin(model(), rules=1)
    number = await site.proposed(GAINED, base=model(True))
    with pytest.raises(Conflict, match="请重新训练"):
        await site.models.promote(number, LIN, "好")
    assert await site.state(number) == "proposed"


async def test_a_lost_file_leaves_everything_as_it_was(site: Site) -> None:
    await site.models.begin(model(), rules=1)
    number = await site.proposed(GAINED)
    kept_path(site.settings, version_of(model(True))).unlink()
    with pytest.raises(HeyiError):
        await site.models.promote(number, LIN, "好")
    assert await site.state(number) == "proposed"
    assert await site.versions() == (version_of(model()), "")
    assert not own_path(site.settings).exists()


async def test_back_goes_to_what_the_person_saw_or_nowhere(site: Site) -> None:
    await site.models.begin(model(), rules=1)
    with pytest.raises(Conflict, match="没有可以退回的模型"):
        await site.models.back("x", LIN, "退")
    await site.models.promote(await site.proposed(GAINED), LIN, "好")
    with pytest.raises(Conflict, match="刚刚变了"):
        await site.models.back("x", LIN, "退")


async def test_a_call_under_way_is_judged_by_the_promoted_model(site: Site) -> None:
    async def nothing(session: object, call_id: str) -> list[Any]:
        return []

    judge = Judge(small_city(), model=model())
    listener = TriageListener(site.bus, site.database, small_city(), site.clock, nothing, judge)
    ModelSwitch(site.bus, small_city(), site.settings, judge, listener.use)
    told: list[Verdict] = []
    site.bus.listen(lambda event: told.append(event.verdict) if isinstance(event, CallTriaged) else None)
    await site.models.begin(model(), rules=1)
    number = await site.proposed(GAINED)
    site.bus.publish(CallArrived(at=NOW, call_id="c1", line="12345", caller="138"))

    def heard(uid: str, text: str) -> UtteranceHeard:
        return UtteranceHeard(at=NOW, call_id="c1", utterance_id=uid, leg="caller", text=text, raw=text, start_s=0,
                              end_s=1, confidence=1)  # fmt: skip

    site.bus.publish(heard("u1", SEEN))
    await site.bus.drain()
    before = told[-1]
    await site.models.promote(number, LIN, "好")
    await site.bus.drain()
    site.bus.publish(heard("u2", "你们快点"))
    await site.bus.drain()
    assert before.outcome != "emergency" and told[-1].outcome == "emergency"


async def test_a_model_that_cannot_be_read_leaves_the_one_before(site: Site) -> None:
    judges: list[Judge] = []
    ModelSwitch(site.bus, small_city(), site.settings, Judge(small_city(), model=model()), judges.append)
    site.bus.publish(ModelChanged(at=NOW, version="gone", by="lin"))
    await site.bus.drain()
    assert judges == []


def _pairs() -> Iterator[tuple[str, str]]:
    for before in ("proposed", "refused", "promoted", "rejected", "superseded"):
        for taken in ("promote", "reject", "supersede"):
            yield before, taken


@pytest.mark.parametrize(("before", "taken"), list(_pairs()))
def test_only_the_tables_steps_exist(before: str, taken: str) -> None:
    known = {(edge.before, edge.step): edge.after for edge in EDGES}
    if (before, taken) in known:
        assert step(before, taken) == known[before, taken]  # type: ignore[index,arg-type]
    else:
        with pytest.raises(Conflict):
            step(before, taken)  # type: ignore[arg-type]
