"""One call of the demonstration from the first ring to the closed ticket, played by whoever has a part in it.

Nobody here reaches into heyi: callers and robot call takers speak SIP and RTP, everything else goes through the desk's
API with the rights of the person who would do it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.errors import HeyiError
from heyi.demo.desk_client import DeskClient
from heyi.demo.script import Dialogue
from telephony.phone import Phone, PhoneCall

#: Longest time for any one wait: a person at the desk may take it.
PATIENCE_S = 600
#: After the caller hung up, the last words are still being recognised.
_SETTLED_S = 2.5
#: Longest wait for a category.
_LATE_S = 20.0
#: Between two steps of a department, so that each is seen in the table.
_STEP_S = 0.5
#: So long a caller listens to the voice before answering into it.
_LISTENS_S = 1.5
#: Frames of 20 ms with a voice that are a question at least.
_QUESTION = 100


@dataclass
class Act:
    """What is known of one call so far; the table shows it and the summary is made from it."""

    dialogue: Dialogue
    audio: list[bytes]
    stage: str = "拨号"
    error: str = ""
    call_id: str = ""
    #: The desk's view of the call (transcript, verdict, ticket), as read last.
    seen: dict[str, Any] = field(default_factory=dict)
    #: The ticket with history and callbacks, once it is closed.
    ticket: dict[str, Any] = field(default_factory=dict)
    #: The robot's side of the call, where a robot took it.
    robot: "asyncio.Future[tuple[str, PhoneCall]]" = field(default_factory=asyncio.Future)
    #: Set once a person at a desk talks to the caller.
    person: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False

    @property
    def ticket_state(self) -> str:
        return str((self.seen.get("ticket") or {}).get("state", ""))


@dataclass
class Stage:
    """What the acts share."""

    trunk: Phone
    supervisor: DeskClient
    #: The signed-in call taker of a robot desk, and the signed-in staff of a department.
    robot_login: Callable[[str], "asyncio.Future[DeskClient]"]
    department_login: Callable[[str], "asyncio.Future[DeskClient]"]
    #: Lines whose callers meet a voice before a person.
    voiced: frozenset[str] = frozenset()


async def play(act: Act, stage: Stage) -> None:
    """From dialling to the closed ticket. A failure is kept in ``act.error``; the other acts go on."""
    try:
        taker = await _talk(act, stage)
        if taker:
            await _file(act, await stage.robot_login(taker))
        await _until(lambda: act.ticket_state not in ("", "draft"), "工单未提交")
        await _handle(act, stage)
        await _until(lambda: act.ticket_state == "closed", "工单未结案")
        act.ticket = await stage.supervisor.get(f"/api/tickets/{act.seen['ticket']['id']}")
        act.stage = "完成"
    except HeyiError as error:
        act.error, act.stage = str(error), "失败"
    finally:
        act.over = True


async def _talk(act: Act, stage: Stage) -> str:
    """The conversation; returns the robot's extension, or an empty string where a person answered."""
    act.stage = "呼叫"
    call = await stage.trunk.call(act.dialogue.line, caller=act.dialogue.caller_number)
    try:
        if act.dialogue.line in stage.voiced:
            act.stage = "语音"
            await _meet_voice(act, call)
        act.stage = "排队"
        extension, taker = await _answered(act, call)
        act.stage = "通话"
        for turn, pcm in zip(act.dialogue.turns, act.audio, strict=True):
            await asyncio.sleep(max(turn.gap_s, 0.0))
            if call.ended.is_set():
                break
            if turn.who == "C":
                await call.play(pcm)
            elif taker is not None:
                await taker.play(pcm)
            else:
                await _listen(call)
        await asyncio.sleep(0.6)
    finally:
        await call.hang_up()
    act.stage = "挂机"
    return extension


async def _meet_voice(act: Act, call: PhoneCall) -> None:
    """Say what it is about, or press 0."""
    await asyncio.sleep(_LISTENS_S)
    said = [pcm for turn, pcm in zip(act.dialogue.turns, act.audio, strict=True) if turn.who == "C"]
    if act.dialogue.voice == "say" and said:
        await call.play(said[0])
    else:
        call.press("0")


async def _answered(act: Act, call: PhoneCall) -> tuple[str, PhoneCall | None]:
    def settled() -> bool:
        return act.robot.done() or act.person.is_set() or call.ended.is_set()

    await _until(settled, "无人接听")
    if act.robot.done():
        return act.robot.result()
    if act.person.is_set():
        return "", None
    raise HeyiError("来电在排队时断开")


async def _listen(call: PhoneCall) -> None:
    """Let a person finish: until something was said and then nothing for 1.5 s, at most 15 s."""
    audio = call.audio
    quiet, heard = 0.0, False
    for _ in range(150):
        before = audio.voiced if audio is not None else 0
        await asyncio.sleep(0.1)
        spoke = audio is not None and audio.voiced > before
        heard = heard or spoke
        quiet = 0.0 if spoke else quiet + 0.1
        if call.ended.is_set() or (heard and quiet >= 1.5):
            return


async def _file(act: Act, taker: DeskClient) -> None:
    """The robot does what a call taker does in wrap-up: waits for the last words, then files what the form holds."""
    await _until(lambda: bool(act.call_id), "找不到来电")
    heard, quiet, waited = -1, 0.0, 0.0
    # On a busy machine the words come late: like a person it gives them a while, then files what there is.
    while quiet < _SETTLED_S or (waited < _LATE_S and not (act.seen.get("ticket") or {}).get("code")):
        await asyncio.sleep(0.25)
        waited += 0.25
        now = len(act.seen.get("transcript", ()))
        quiet = 0.0 if now != heard else quiet + 0.25
        heard = now
    drafts = await taker.get("/api/tickets", call_id=act.call_id)
    if not drafts:
        raise HeyiError("没有工单草稿")
    await taker.post(f"/api/tickets/{drafts[0]['id']}/submit")
    act.stage = "派遣"


async def _handle(act: Act, stage: Stage) -> None:
    """The department takes the ticket, works and reports."""
    ticket = act.seen["ticket"]
    staff = await stage.department_login(ticket["department"])
    for action in ("accept", "depart", "arrive", "handle"):
        # What the ticket's flow offers now; a person signed in for the department may have been quicker.
        if action in (await staff.get(f"/api/tickets/{ticket['id']}"))["actions"]:
            await staff.post(f"/api/tickets/{ticket['id']}/{action}")
            await asyncio.sleep(_STEP_S)
    act.stage = "处置"
    await asyncio.sleep(_STEP_S)
    if act.ticket_state in ("dispatched", "handling"):
        await staff.post(f"/api/tickets/{ticket['id']}/report", {"result": "已到现场处理完毕，情况已告知来电人。"})
    act.stage = "回访"


async def citizen(call: PhoneCall) -> None:
    """Somebody who is called back: answers, hears each question out, presses 1."""
    await asyncio.sleep(1.0)
    await call.answer()
    audio = call.audio
    quiet, answered = 0.0, 0
    while not call.ended.is_set() and audio is not None:
        before = audio.voiced
        await asyncio.sleep(0.1)
        quiet = 0.0 if audio.voiced > before else quiet + 0.1
        if audio.voiced > answered + _QUESTION and quiet > 0.8:
            call.press("1")
            answered = audio.voiced
    await call.ended.wait()


async def _until(condition: Callable[[], bool], otherwise: str) -> None:
    for _ in range(PATIENCE_S * 5):
        if condition():
            return
        await asyncio.sleep(0.2)
    raise HeyiError(otherwise)
