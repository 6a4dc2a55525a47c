"""Calls to be reviewed, with sound, transcripts and what the checks found, for tests of the review page."""

import wave
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from core.city import City, Person
from core.city_scorecards import Scorecard
from core.clock import ManualClock, SystemClock
from desk.access.users import Users
from quality.reviews.tables import QualityDraw, Review
from quality.sampling.assign import Reviewer
from quality.tables import CallChecks, CallFinding
from tests.desk_fakes import CITY, NOISE, PASSWORD, Stage, make_stage
from tests.transcript_scene import GAP_S, transcribed, with_real_books
from ticketing.actor import Actor
from triage.verdict import Reason

LEAD = Actor("lin", "supervisor")
CARD = Scorecard.model_validate({
    "key": "service", "version": 1, "name": "便民服务通话评分表", "name_en": "Service call", "kind": "service",
    "pass_mark": 80,
    "sections": [
        {"name": "服务规范", "name_en": "Courtesy", "items": [
            {"key": "greeting", "name": "开头语规范，报热线名称", "name_en": "Greets and names the line", "weight": 20,
             "check": "greeting", "guide": "接通后主动问好，报出热线名称或工号。", "guide_en": "Greets at once."},
            {"key": "voice", "name": "语音清晰，语速适中", "name_en": "Clear voice, fitting pace", "kind": "scale",
             "weight": 20, "guide": "5 分自然清楚；0 分听不清。", "guide_en": "5: natural and clear."},
            {"key": "comfort", "name": "情绪安抚到位", "name_en": "Calms the caller", "weight": 20, "may_skip": True,
             "check": "comfort"}]},
        {"name": "业务受理", "name_en": "Taking the matter", "items": [
            {"key": "address", "name": "事发地点问清并复述核对", "name_en": "Place asked and read back", "weight": 40,
             "check": "address"},
            {"key": "conduct", "name": "无辱骂、推诿等禁止行为", "name_en": "No abuse, nothing shifted away",
             "auto_fail": True}]},
    ],
})  # fmt: skip
PEOPLE = (
    Person(login="zhijian", name="郑质检", role="reviewer", password=PASSWORD),
    Person(login="zhijian2", name="方质检", role="reviewer", password=PASSWORD),
)
REVIEWED: City = CITY.model_copy(update={"scorecards": (CARD,), "people": (*CITY.people, *PEOPLE)})
SAID = (
    ("agent", "您好，12345热线，请问有什么可以帮您？"),
    ("caller", "我们小区对面工地的噪音很大，晚上两点还在打桩，没法睡觉"),
    ("agent", "请问是哪个镇？具体在什么位置？"),
    ("caller", "在池店镇华洲村，靠近小学那边"),
    ("agent", "好的，您的联系电话是多少？"),
    ("caller", "13800001234，我叫林小明，身份证要吗"),
    ("agent", "不用身份证。池店镇华洲村小学附近，对吧？"),
    ("caller", "对，你们快点来，我老婆都要被吵得跳楼了"),
    ("agent", "这个我们也没办法，你找城管去。"),
    ("caller", "你这是什么态度"),
    ("agent", "我给您登记转办，请您保持电话畅通，再见。"),
)
#: Frames a second.
RATE = 8000


async def review_stage(folder: Path, clock: ManualClock | SystemClock) -> Stage:
    """A city with reviewers and a scorecard, whose ledger and transcripts are those of the database."""
    stage = with_real_books(await make_stage(folder, clock))
    stage.services = replace(stage.services, city=REVIEWED)
    await Users(stage.services.database).seed_people(REVIEWED)
    return stage


async def reviewed(
    stage: Stage, call_id: str, *reviewers: str, at: datetime | None = None, said: tuple[tuple[str, str], ...] = SAID
) -> list[str]:
    """An ended call of desk 1001 (``wang``) that was drawn; its reviews, given out to these reviewers."""
    services = stage.services
    begin = at or services.clock.now() - timedelta(days=1)
    await transcribed(stage, call_id, *said, at=begin, seconds=GAP_S * len(said) + 6)
    stage.city.verdicts[call_id] = replace(NOISE, reasons=(Reason(rule="harm", words="跳楼", says="emergency"),))
    speak(services.settings.recordings / f"{call_id}.wav", said)
    places = {n: f"{call_id}-u{n}" for n in range(len(said))}
    async with services.database.work() as work:
        draw = QualityDraw(
            day=begin.date(), shift=call_id, at=begin, by="lin", plan_version=1, plan_hash="", population_hash="",
            seal="", body="{}",
        )  # fmt: skip
        work.session.add_all([
            draw,
            CallChecks(call_id=call_id, at=begin, rules=1, answers={"greeting": "pass", "address": "pass",
                       "comfort": "fail", "polite": "fail"}, violations=["推诿", "未安抚"]),
        ])  # fmt: skip
        await work.session.flush()
        for check, label, severity, n, words, reason in (
            ("comfort", "未安抚", "major", 7, "跳楼", "来电人说到伤害自己，没有一句安抚的话"),
            ("wording", "推诿", "grave", 8, "你找城管去", "把来电人推给别的部门"),
        ):
            work.session.add(
                CallFinding(call_id=call_id, check=check, label=label, severity=severity, rule="", reason=reason,
                            utterance_id=places.get(n, ""), start=0, end=0, words=words, second=n * GAP_S)
            )  # fmt: skip
        rows = [
            Review(draw_id=draw.id, call_id=call_id, copy=copy, agent="wang", others=[], kind="service", why="risk",
                   state="drawn", reviewer="", created_at=begin, version=1)
            for copy in range(len(reviewers))
        ]  # fmt: skip
        work.session.add_all(rows)
    for row, reviewer in zip(rows, reviewers, strict=True):
        await services.reviews.assign(row.id, Reviewer(reviewer), LEAD)
    return [row.id for row in rows]


def speak(file: Path, said: tuple[tuple[str, str], ...]) -> None:
    """Something like speech while each utterance is said, on its own side; a hum of the line besides."""
    rng = np.random.default_rng(7)
    frames = np.zeros((int(RATE * (GAP_S * len(said) + 6)), 2))
    for number, (leg, text) in enumerate(said):
        begin, length = int(number * GAP_S * RATE), int(min(0.18 * len(text), 3.2) * RATE)
        syllables = np.abs(np.sin(np.arange(length) * np.pi * 4.5 / RATE)) ** 2
        frames[begin : begin + length, 0 if leg == "caller" else 1] += (
            7000 * syllables * rng.standard_normal(length) / 2
        )
    frames += rng.standard_normal(frames.shape) * 20
    with wave.open(str(file), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(np.clip(frames, -32768, 32767).astype("<i2").tobytes())


#: A Friday morning in the city.
MORNING = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
