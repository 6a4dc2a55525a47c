"""How the call went in time: overlaps, silence, speed, holds. Everything is ``na`` where nobody knows the times."""

import re
from dataclasses import dataclass
from itertools import pairwise

from quality.call import Turn
from quality.checks.dialogue import Dialogue
from quality.checks.findings import Checked, Finding

#: Characters a minute; a clear pace of Mandarin on the telephone lies well between.
SLOW, FAST = 120, 320
#: Shorter turns have no pace.
_LEAST_CHARS = 12
#: The call taker begins so long before the caller has ended, in seconds, and what he says is no backchannel.
_OVER, _BACKCHANNEL = 0.8, 4
_MOST_OVERLAPS = 3
#: Silence in one piece without a word that the caller should wait, in seconds.
_SILENT, _SILENT_ASKED = 15.0, 60.0
_LONG_HOLD = 60.0
#: Both at once for so long a share of the talk.
_BOTH = 0.15
_HAN = re.compile(r"[一-鿿A-Za-z0-9]")


@dataclass(frozen=True)
class _Timed:
    index: int
    turn: Turn
    start: float
    end: float


def _timed(dialogue: Dialogue) -> list[_Timed]:
    return [
        _Timed(i, turn, turn.start_s, max(turn.end_s, turn.start_s))
        for i, turn in enumerate(dialogue.call.turns)
        if turn.start_s is not None and turn.end_s is not None
    ]


def interruptions(dialogue: Dialogue) -> Checked:
    """The call taker begins while the caller speaks, and goes on."""
    timed = _timed(dialogue)
    if not timed:
        return Checked("na")
    found: list[Finding] = []
    callers = [t for t in timed if t.turn.who == "caller"]
    for own in (t for t in timed if t.turn.who == "agent" and len(_HAN.findall(t.turn.text)) > _BACKCHANNEL):
        cut = next((c for c in callers if c.start < own.start < c.end - _OVER and own.end > c.end), None)
        if cut is not None:
            found.append(
                dialogue.finding(
                    "interruptions", "minor", "来电人说话时插话", turn=own.index, second=round(own.start, 2)
                )
            )
    return Checked("fail" if len(found) >= _MOST_OVERLAPS else "pass", tuple(found))


def talking_over(dialogue: Dialogue) -> Checked:
    """Both speak at once for no more than a small share of the talk."""
    timed = _timed(dialogue)
    measured = dialogue.call.audio.overlap if dialogue.call.audio else None
    if not timed and measured is None:
        return Checked("na")
    share = measured
    if share is None:
        talk = sum(t.end - t.start for t in timed)
        both = sum(
            max(0.0, min(a.end, b.end) - max(a.start, b.start))
            for a in timed if a.turn.who == "agent"
            for b in timed if b.turn.who != "agent"
        )  # fmt: skip
        share = both / talk if talk > 0 else 0.0
    if share <= _BOTH:
        return Checked("pass")
    return Checked("fail", (dialogue.finding("talking_over", "note", f"双方同时说话占 {share:.0%}"),))


def silence(dialogue: Dialogue) -> Checked:
    """No long gap in which nobody speaks, unless the caller was asked to wait or the call was on hold."""
    timed = sorted(_timed(dialogue), key=lambda t: t.start)
    if len(timed) < 2:
        return Checked("na")
    found = []
    said_until, before = timed[0].end, timed[0]
    for last, following in pairwise(timed):
        if last.end >= said_until:
            said_until, before = last.end, last
        gap = following.start - said_until
        held = sum(max(0.0, min(h.end_s, following.start) - max(h.start_s, said_until)) for h in dialogue.call.holds)
        asked = before.turn.who == "agent" and dialogue.rules["hold_asked"](dialogue.texts[before.index])
        if gap - held > (_SILENT_ASKED if asked else _SILENT):
            found.append(
                dialogue.finding(
                    "silence", "minor", f"冷场 {gap - held:.0f} 秒", turn=before.index, second=round(said_until, 2)
                )
            )
    return Checked("fail" if found else "pass", tuple(found))


def speed(dialogue: Dialogue) -> Checked:
    """The call taker's pace over all longer turns, in characters a minute."""
    chars = seconds = 0.0
    for own in _timed(dialogue):
        size = len(_HAN.findall(own.turn.text))
        if own.turn.who == "agent" and size >= _LEAST_CHARS and own.end > own.start:
            chars += size
            seconds += own.end - own.start
    if not seconds:
        return Checked("na")
    pace = chars / seconds * 60
    if SLOW <= pace <= FAST:
        return Checked("pass")
    reason = f"语速每分钟 {pace:.0f} 字，{'偏快' if pace > FAST else '偏慢'}"
    return Checked("fail", (dialogue.finding("speed", "note", reason),))


def holds(dialogue: Dialogue) -> Checked:
    """The caller is told before music begins, and not left with it for long."""
    if not dialogue.call.holds:
        return Checked("na")
    timed = _timed(dialogue)
    found = []
    for hold in dialogue.call.holds:
        last = max(
            (t for t in timed if t.turn.who == "agent" and t.start <= hold.start_s + 1),
            key=lambda t: t.start,
            default=None,
        )
        if timed and (last is None or not dialogue.rules["hold_asked"](dialogue.texts[last.index])):
            found.append(dialogue.finding("holds", "minor", "让来电人等候前没有说明", second=hold.start_s))
        if hold.end_s - hold.start_s > _LONG_HOLD:
            long = f"让来电人等候 {hold.end_s - hold.start_s:.0f} 秒"
            found.append(dialogue.finding("holds", "minor", long, second=hold.start_s))
    return Checked("fail" if found else "pass", tuple(found))
