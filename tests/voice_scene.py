"""Callers who walk a city's flows by chance: the journal's rows of a day, made by the session engine itself."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.city_ivr import LOOK_UPS, IvrFlow
from core.speaking import seconds
from ivr.journal import Ended, How, Journal
from ivr.session import Session
from ivr.signals import (
    CallBack,
    HangUp,
    Heard,
    HungUp,
    Input,
    Judged,
    Key,
    Listen,
    LookedUp,
    LookUp,
    Note,
    Output,
    Play,
    Played,
    Queue,
    Record,
    Recorded,
    Started,
    TimeUp,
    Transfer,
    TransferFailed,
)


@dataclass
class Walked:
    """One caller's session."""

    notes: list[Note] = field(default_factory=list)
    end: Ended | None = None


def walk(flows: Mapping[str, IvrFlow], key: str, chance: random.Random, now: datetime) -> Walked:
    """From the beginning to any end."""
    session = Session(flows, key, {"city": "晋江市", "line_name": "便民热线", "caller": "known", "matter": "路灯不亮"})
    made, began = Walked(), now
    outputs = session.handle(Started(), now)
    how: How = "caller"
    while True:
        made.notes += [output for output in outputs if isinstance(output, Note)]
        last = next((o for o in outputs if isinstance(o, Queue | CallBack | HangUp)), None)
        if last is not None or session.state == "ended":
            how = _how(last, how)
            break
        waiting = next((o for o in reversed(outputs) if not isinstance(o, Note)), None)
        asked = flows[session.where[0]].step(session.where[1])
        if isinstance(waiting, Listen) and getattr(asked, "digits", None) is not None and chance.random() < 0.9:
            took, what = 0.4, Key(chance.choice("0123456789" if chance.random() < 0.95 else "#"))
        else:
            took, what = _next(waiting, session, chance)
        if isinstance(waiting, Transfer) and chance.random() < 0.5:
            how = "party"
            now += timedelta(seconds=9)
            made.notes += [o for o in session.handle(HungUp(), now) if isinstance(o, Note)]
            break
        now += timedelta(seconds=took)
        outputs = session.handle(what, now)
    made.end = Ended(key, began, now, how)
    return made


def _how(last: Output | None, how: How) -> How:
    match last:
        case Queue(emergency=True):
            return "emergency"
        case Queue(keep=True):
            return "keep"
        case Queue(group=group):
            return "group" if group else "queue"
        case CallBack():
            return "callback"
        case HangUp():
            return "hangup"
        case _:
            return how


def _next(waiting: Output | None, session: Session, chance: random.Random) -> tuple[float, Input]:
    """Seconds, and what the caller or the machine does then."""
    if chance.random() < 0.02:
        return chance.uniform(0.5, 6), HungUp()
    match waiting:
        case Play(of=of, text=text, language=language):
            if chance.random() < 0.25:
                return chance.uniform(1, 4), Key(chance.choice("0123456789"[: 9 if chance.random() < 0.95 else 10]))
            return seconds(text, language), Played(of)
        case Listen(of=of, limit_s=limit_s, speech=speech):
            if session.state == "judging":
                return 0.4, Judged(chance.choice(["service", "service", "service", "review"]), "S101", 0.8)
            if speech and chance.random() < 0.5:
                return chance.uniform(1, 3), Heard(
                    chance.choice(["家里停水了", "路灯不亮", "查进度", "嗯", "谢谢再见"])
                )
            if chance.random() < 0.4:
                return chance.uniform(0.5, 3), Key(chance.choice("01234#"))
            return limit_s, TimeUp(of)
        case LookUp(of=of, name=name):
            kind = LOOK_UPS[name].results
            result = chance.choice([*kind, None]) if chance.random() < 0.3 else next(iter(kind))
            return 0.2, LookedUp(of, result, {value: "三" for value in kind.get(result or "", ())})
        case Record(of=of):
            return 8, Recorded(of, "x", chance.choice([0.0, 6.0]))
        case Transfer(of=of, ring_s=ring_s):
            return ring_s, TransferFailed(of)
        case _:
            return 1, HungUp()


def fill(journal: Journal, flows: Mapping[str, IvrFlow], count: int, start: datetime, seed: int = 1) -> list[Walked]:
    """Calls of some minutes' distance, most by the default flow."""
    chance = random.Random(seed)  # noqa: S311
    made = []
    for number in range(count):
        key = chance.choices(["welcome", "waiting", "robot-callback", "satisfaction"], [10, 3, 2, 2])[0]
        walked = walk(flows, key, chance, start + timedelta(seconds=97 * number))
        for note in walked.notes:
            journal.note(f"v-{number}", note)
        assert walked.end is not None
        journal.ended(f"v-{number}", walked.end)
        made.append(walked)
    return made
