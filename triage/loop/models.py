"""Proposed models, the one in use and the ones before it: what is kept of them, and how people decide."""

import asyncio
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit import note
from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError
from core.events import Event
from core.settings import Settings
from triage.learn.model import Model, load_model
from triage.learn.shelf import own_path
from triage.loop.gate import Answer, Answered, Comparison
from triage.loop.states import step
from triage.loop.tables import ModelProposal, ModelUse, ProposalCase


@dataclass(frozen=True, kw_only=True)
class ModelChanged(Event):
    """Another model is in use; the running process takes it up."""

    version: str
    by: str


@dataclass(frozen=True, kw_only=True)
class By:
    """Who decides, and from which address."""

    login: str
    address: str = ""


def version_of(model: Model) -> str:
    """The hash of what was learned from, and of what came out: the same before and after a file."""
    learned = hashlib.sha256(model.weights.astype("float16").tobytes() + model.bias.tobytes())
    return f"{model.about['data']}-{learned.hexdigest()[:6]}"


def kept_path(settings: Settings, version: str) -> Path:
    """Where a model lies that was proposed or in use."""
    return settings.data / "triage" / "models" / f"{version}.npz"


class Models:
    """Every change is one unit of work with its entry in the audit."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    async def begin(self, model: Model, rules: int) -> str:
        """Note at the start which model judges from now on, and keep it, for the way back; its version."""
        version = version_of(model)
        path = kept_path(self._settings, version)
        if not path.exists():
            await asyncio.to_thread(model.save, path)
        async with self._database.work() as work:
            last = await in_use(work.session)
            if last is None or (last.version, last.rules) != (version, rules):
                work.session.add(ModelUse(at=self._clock.now(), version=version, rules=rules, how="start"))
        return version

    async def propose(
        self, model: Model, base: Model, rules: int, *, labels: int, aside: int, compared: Comparison
    ) -> ModelProposal:
        """Keep a trained model with its comparison to ``base``; one that the gate refused is only told of."""
        version = version_of(model)
        if not compared.refused:
            await asyncio.to_thread(model.save, kept_path(self._settings, version))
        now = self._clock.now()
        async with self._database.work() as work:
            for older in await work.session.scalars(select(ModelProposal).where(ModelProposal.state == "proposed")):
                older.state, older.decided_at = step(older.state, "supersede"), now
            made = ModelProposal(
                at=now, version=version, base=version_of(base), rules=rules, lines=int(model.about["lines"]),
                labels=labels, aside=aside, threshold_before=base.emergency, threshold=model.emergency,
                state="refused" if compared.refused else "proposed", figures=compared.plain(),
            )  # fmt: skip
            work.session.add(made)
            await work.session.flush()
            named = {(f.source, name) for f in compared.refused for name in f.refused}
            work.session.add_all(
                _row(made.id, place, a, (a.case.source, a.case.name) in named)
                for place, a in enumerate(compared.differing)
            )
        return made

    async def promote(self, proposal_id: int, by: By, reason: str) -> ModelProposal:
        """Make a proposed model the one in use. Conflict where it was decided or compared with another model."""
        said = _said(reason)
        async with self._database.read() as session:
            seen = await _proposal(session, proposal_id)
        step(seen.state, "promote")
        await self._readable(seen.version)
        async with self._database.work() as work:
            proposal = await _proposal(work.session, proposal_id)
            after = step(proposal.state, "promote")
            last = await in_use(work.session)
            if last is not None and last.version != proposal.base:
                raise Conflict("对照的是以前的模型，请重新训练后再采用")
            self._decide(work, proposal, after, by, said)
            await self._take_up(work, proposal.version, proposal.rules, "promoted", by, said)
            return proposal

    async def reject(self, proposal_id: int, by: By, reason: str) -> ModelProposal:
        """Decide against a proposed model."""
        said = _said(reason)
        async with self._database.work() as work:
            proposal = await _proposal(work.session, proposal_id)
            self._decide(work, proposal, step(proposal.state, "reject"), by, said)
            note(work.session, at=self._clock.now(), who=by.login, what="model_reject", address=by.address,
                 detail=f"{proposal.version}: {said}")  # fmt: skip
            return proposal

    async def back(self, version: str, by: By, reason: str) -> None:
        """Take up again the model that was in use before; ``version`` is what the person saw of it."""
        said = _said(reason)
        async with self._database.read() as session:
            seen = await former_use(session)
        if seen is None:
            raise Conflict("没有可以退回的模型")
        await self._readable(seen.version)
        async with self._database.work() as work:
            former = await former_use(work.session)
            if former is None or former.version != version:
                raise Conflict("使用中的模型刚刚变了，请刷新后再试")
            await self._take_up(work, version, former.rules, "back", by, said)

    def _decide(self, work: Work, proposal: ModelProposal, state: str, by: By, reason: str) -> None:
        proposal.state, proposal.decided_at = state, self._clock.now()
        proposal.who, proposal.reason = by.login, reason

    async def _readable(self, version: str) -> None:
        """Raises where the model's file is lost or damaged. Takes a second, so not while others wait to write."""
        await asyncio.to_thread(load_model, kept_path(self._settings, version))

    async def _take_up(self, work: Work, version: str, rules: int, how: str, by: By, reason: str) -> None:
        """The file last: where it cannot be written, nothing is kept of the decision."""
        now = self._clock.now()
        work.session.add(ModelUse(at=now, version=version, rules=rules, how=how, who=by.login, reason=reason))
        note(work.session, at=now, who=by.login, what=f"model_{how}", address=by.address, detail=f"{version}: {reason}")
        work.record(ModelChanged(at=now, version=version, by=by.login))
        await work.session.flush()
        await asyncio.to_thread(_replace, kept_path(self._settings, version), own_path(self._settings))


async def in_use(session: AsyncSession) -> ModelUse | None:
    """The model in use; None before heyi first started with one."""
    return await session.scalar(select(ModelUse).order_by(ModelUse.id.desc()).limit(1))


async def former_use(session: AsyncSession) -> ModelUse | None:
    """The last use of another model than the one in use."""
    last = await in_use(session)
    if last is None:
        return None
    other = select(ModelUse).where(ModelUse.version != last.version).order_by(ModelUse.id.desc()).limit(1)
    return await session.scalar(other)


async def uses(session: AsyncSession, limit: int = 20) -> Sequence[ModelUse]:
    """The newest first."""
    return (await session.scalars(select(ModelUse).order_by(ModelUse.id.desc()).limit(limit))).all()


async def proposals(session: AsyncSession, limit: int = 20) -> Sequence[ModelProposal]:
    """The newest first."""
    return (await session.scalars(select(ModelProposal).order_by(ModelProposal.id.desc()).limit(limit))).all()


async def cases_of(session: AsyncSession, proposal_id: int) -> Sequence[ProposalCase]:
    """The cases that differ, what got worse first."""
    query = select(ProposalCase).where(ProposalCase.proposal_id == proposal_id).order_by(ProposalCase.place)
    return (await session.scalars(query)).all()


async def _proposal(session: AsyncSession, proposal_id: int) -> ModelProposal:
    found = await session.get(ModelProposal, proposal_id)
    if found is None:
        raise HeyiError("没有这个候选模型")
    return found


def _said(reason: str) -> str:
    if not reason.strip():
        raise HeyiError("请写明理由")
    return reason.strip()[:500]


def _replace(source: Path, target: Path) -> None:
    part = target.with_suffix(".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        part.replace(target)
    except OSError as error:
        raise HeyiError("模型文件无法写入", hint=str(error)) from error


def _row(proposal_id: int, place: int, answered: Answered, refused: bool) -> ProposalCase:
    case = answered.case
    right = {"emergency": case.emergency, "code": case.code, "nature": case.nature, "least": case.least or ""}
    return ProposalCase(
        proposal_id=proposal_id, place=place, name=case.name, source=case.source, line=case.line, text=case.text,
        became=answered.became or "other", refused=refused, right=right, before=_plain(answered.before),
        after=_plain(answered.after),
    )  # fmt: skip


def _plain(given: Answer) -> dict[str, object]:
    return asdict(given) | {"codes": list(given.codes)}
