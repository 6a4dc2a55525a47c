"""The story of a call: every stored fact about it, in order and in words. Pure but for one query."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit import AuditEntry
from core.database import StoredEvent
from desk.access import masking
from desk.views import OUTCOMES, Views
from switchboard.priority import REASON_NAMES

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """One sentence of the story."""

    at: datetime
    text: str
    #: ``call``, ``desk``, ``watch`` or ``ticket``: what it is about.
    about: str


_ARRIVED = {
    "in": "{caller} 拨打 {line}",
    "back": "系统回呼 {caller}（{line}）",
    "out": "{agent}呼出 {caller}",
    "internal": "{agent}呼叫坐席 {caller}",
}
_RINGS = {
    "agent": "{agent}振铃",
    "link": "请{agent}加入通话，振铃",
    "consult": "咨询{agent}，振铃",
    "supervisor": "{agent}振铃",
    "rejoin": "{agent}刷新页面后重新振铃",
}
_JOINED = {
    "agent": "{agent}进入通话",
    "link": "{agent}加入通话",
    "consult": "{agent}接受咨询，来电人等待",
    "supervisor": "{agent}进入通话",
    "rejoin": "{agent}刷新页面后回到通话",
}
_PASSED = {
    "blind": "{agent}盲转至 {target}",
    "attended": "{agent}咨询后转接至 {target}",
    "line": "{agent}转至热线 {target}",
    "group": "{agent}转至 {target}",
    "queue": "{agent}转回排队 {target}",
}
_WATCHED = {"listen": "{agent}监听", "whisper": "{agent}耳语", "barge": "{agent}强插"}
_BY = {"caller": "来电人挂机", "agent": "坐席挂机", "system": "系统结束"}
_LEFT = {"desk": "{agent}离开通话", "supervisor": "{agent}结束监听", "outside": "外线离开通话"}
#: What supervisors did, as the audit has it, with the reason that they gave; of "watch" the mode.
_AUDITED = {
    "listen": "监听 {desk}（{who}）：{why}",
    "whisper": "耳语 {desk}（{who}）：{why}",
    "barge": "强插 {desk}（{who}）：{why}",
    "take_over": "接管 {desk}（{who}）：{why}",
    "hangup": "{who} 挂断通话",
    "recording": "{who} 调听录音",
    "correct": "{who} 更正实录：{detail}",
    "push": "{who} 提前排队：{detail}",
    "push_back": "{who} 取消提前：{detail}",
    "kept_cancel": "{who} 取消保留位置：{detail}",
}


class Teller:
    """Puts facts into one language; ``hidden``: without callers' numbers and those of outside lines."""

    def __init__(self, views: Views, names: Mapping[str, str], *, hidden: bool = False) -> None:
        self._views, self._names, self._hidden = views, names, hidden
        self._words: dict[str, tuple[str, Callable[[Body], str]]] = {
            "CallArrived": ("call", lambda b: self._say(_ARRIVED[b["direction"]], b)),
            "CallQueued": ("call", lambda b: self._say("进入排队：{queue}，优先级 {priority}", b)),
            "CallMoved": ("call", lambda b: self._say("改排：{queue}，优先级 {priority}", b)),
            "CallKept": ("call", lambda b: self._say("来电人按键保留位次，挂机等候回呼", b)),
            "CallLocated": ("call", lambda b: self._say("收到位置：北纬 {latitude}，东经 {longitude}", b)),
            "CallRinging": ("desk", lambda b: self._say(_RINGS[b.get("role", "agent")], b)),
            "CallRingEnded": ("desk", lambda b: self._say("{agent}停止振铃，没有接听", b)),
            "CallAnswered": ("call", lambda b: self._say("{agent}接听，等待 {waited} 秒", b)),
            "DeskJoined": ("desk", lambda b: self._say(_JOINED[b.get("role", "agent")], b)),
            "CallHandedOver": ("desk", lambda b: self._say("通话由{agent}继续", b)),
            "CallHeld": ("desk", lambda b: self._say("{agent}保持通话" if b["held"] else "{agent}恢复通话", b)),
            "CallTransferred": ("desk", self._passed),
            "CallSupervised": ("watch", lambda b: self._say(_WATCHED.get(b["mode"], "{agent}进入通话"), b)),
            "CallerPressed": ("call", lambda b: self._say("来电人按键 {digit}", b)),
            "KeyPressed": ("call", lambda b: self._say("来电人按键 {digit}" if b["digit"] else "来电人没有按键", b)),
            "LegEnded": ("desk", self._left),
            "CallUrged": ("call", lambda b: self._say("来电人按键转紧急", b)),
            "ConversationEnded": ("desk", lambda b: self._say("坐席挂机，来电人评价服务", b)),
            "CallEnded": ("call", self._ended),
            "HelpAsked": ("watch", lambda b: self._say("{agent}求助", b)),
            "HelpGiven": ("watch", lambda b: self._say("{by} 回应{agent}的求助", b)),
            "CallTriaged": ("call", lambda b: self._say("研判为紧急，提前接听", b) if b["raised"] else ""),
            "CallRanked": ("call", self._ranked),
            "TicketDrafted": ("ticket", lambda b: self._say("开立受理单 {number}", b)),
            "TicketMoved": ("ticket", self._moved),
        }

    def told(self, kind: str, at: datetime, body: Body) -> Told | None:
        """The fact in words; None for those that are no step of the story."""
        about, words = self._words.get(kind, ("", None))
        if words is None:
            return None
        text = words(masking.record(body) if self._hidden else body)
        return Told(at, text, about) if text else None

    def audited(self, entry: AuditEntry) -> Told | None:
        what, detail = entry.what, entry.detail
        if what == "watch":
            what, _, detail = detail.partition(" ")
        source = _AUDITED.get(what)
        if source is None:
            return None
        desk, _, why = detail.partition(" ")
        who = self._names.get(entry.who, entry.who)
        return Told(entry.at, self._views.text(source).format(who=who, detail=detail, desk=desk, why=why), "watch")

    def _say(self, source: str, body: Body, **more: str) -> str:
        views = self._views
        values = {name: str(value) for name, value in body.items()}
        if "agent" in values:
            values["agent"] = self._desk(values["agent"])
        if "line" in values:
            values["line"] = f"{body['line']} {views.line_name(str(body['line']))}"
        if "queue" in values:
            values["queue"] = views.queue_name(str(body["queue"]))
        if "waited_s" in body:
            values["waited"] = f"{body['waited_s']:.1f}"
        if values.get("caller") == "":
            values["caller"] = views.text("未知号码")
        return views.text(source).format_map({**values, **more})

    def _desk(self, extension: str) -> str:
        return f"{extension} {self._views.desk_name(extension)} " if extension else self._views.text("坐席 ")

    def _passed(self, body: Body) -> str:
        said = self._say(_PASSED.get(body["kind"], "{agent}转接至 {target}"), body)
        return f"{said}：{body['reason']}" if body.get("reason") else said

    def _ranked(self, body: Body) -> str:
        reasons = self._views.text("、").join(self._views.text(REASON_NAMES[reason]) for reason in body["reasons"])
        return self._say("优先级改为 {priority}：{reasons}", body, reasons=reasons)

    def _left(self, body: Body) -> str:
        if body["kind"] not in _LEFT or not (body["joined"] or body["kind"] == "supervisor"):
            return ""
        return self._say(_LEFT[body["kind"]], {"agent": body["extension"]})

    def _ended(self, body: Body) -> str:
        views = self._views
        outcome = views.text(OUTCOMES.get(str(body["outcome"]), str(body["outcome"])))
        by = views.text(_BY.get(str(body["by"]), ""))
        return self._say("通话结束：{outcome}，{by}，通话 {talked} 秒", {}, outcome=outcome, by=by,
                         talked=f"{body['talked_s']:.0f}")  # fmt: skip

    def _moved(self, body: Body) -> str:
        name = self._views.step_name(body.get("flow", ""), body.get("step_after", ""), body["after"])
        return self._say("工单 {number}：{state}", body, state=name)


async def story(
    session: AsyncSession, views: Views, call_id: str, names: Mapping[str, str], *, watching: bool, hidden: bool
) -> list[Told]:
    """All facts of this call. ``names``: of the logins. ``watching``: with what supervisors did, for those who may
    know it. ``hidden``: without numbers."""
    teller = Teller(views, names, hidden=hidden)
    facts = await session.scalars(
        select(StoredEvent).where(StoredEvent.call_id == call_id).order_by(StoredEvent.at, StoredEvent.seq)
    )
    found: list[Told | None] = []
    answered_by = ""
    for fact in facts:
        body = json.loads(fact.body)
        # The answer and the desk that joins by it are one moment.
        if fact.type == "CallAnswered":
            answered_by = body["agent_channel"]
        if fact.type == "DeskJoined" and body["agent_channel"] == answered_by:
            continue
        found.append(teller.told(fact.type, fact.at, body))
    if watching:
        entries = await session.scalars(select(AuditEntry).where(AuditEntry.call_id == call_id).order_by(AuditEntry.id))
        found += [teller.audited(entry) for entry in entries]
    told = [one for one in found if one is not None and (watching or one.about != "watch")]
    return sorted(told, key=lambda one: one.at)
