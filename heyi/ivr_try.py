"""A flow walked in the terminal: what would be said is shown, the caller's side is typed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from core.city_ivr import LOOK_UPS, IvrFlow
from core.errors import HeyiError
from core.speaking import seconds
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

#: When the call begins: only differences of time count here.
_BEGAN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_SOUNDS = (".wav", ".mp3", ".ogg", ".flac", ".m4a")
#: What is supposed of a typed answer: somebody speaks or presses so long after the question.
_ANSWER_S = 1.0


class Ears(Protocol):
    """What makes words of sounds, and a judgement of words."""

    def words(self, sound: Path) -> str: ...
    def judged(self, words: list[str]) -> Judged: ...


class Walk:
    """One call. ``lines`` are what is typed, ``show`` takes each line of the terminal."""

    def __init__(
        self,
        flows: Mapping[str, IvrFlow],
        key: str,
        known: Mapping[str, str],
        ears: Ears,
        lines: Iterable[str],
        show: Callable[[str], None],
        *,
        echo: bool = False,
    ) -> None:
        """``echo``: show each line that is taken, as a script's are."""
        self._session = Session(flows, key, known)
        self._ears = ears
        self._lines: Iterator[str] = iter(lines)
        self._show = show
        self._echo = echo
        self._now = _BEGAN
        self._waits: Output | None = None
        self._said: list[str] = []

    def run(self) -> str:
        """Walk to the end; returns how it ended: queue, emergency, call back, transfer, hang up, hung up."""
        ended = self._give(Started())
        while not ended:
            ended = self._give(*self._next())
        return ended

    def _give(self, *inputs: Input) -> str:
        for one in inputs:
            for output in self._session.handle(one, self._now):
                if ended := self._shown(output):
                    return ended
            if isinstance(one, HungUp):
                self._tell("caller hung up")
                return "hung up"
        return ""

    def _shown(self, output: Output) -> str:
        match output:
            case Play():
                self._tell(f"🔊 {output.text}" + ("" if output.language == "zh" else f"  [{output.language}]"))
            case LookUp():
                given = " ".join(f"{name}={value}" for name, value in output.arguments.items())
                self._tell(f"🔎 {output.name} {given}".rstrip())
            case Record():
                self._tell(f"⏺ records, at most {output.limit_s:g} s")
            case Transfer(party=party) if party:
                self._tell(f"☎ rings {party} for {output.ring_s:g} s")
            case Transfer():
                self._tell(f"→ transfer to {output.group or output.line}")
                return "transfer"
            case Queue():
                where = "its place" if output.keep else output.group or output.line or "the line's own"
                self._tell(f"→ queue: {where}" + (", EMERGENCY" if output.emergency else ""))
                return "emergency" if output.emergency else "queue"
            case CallBack():
                self._tell("→ keeps the place and is called back")
                return "call back"
            case HangUp():
                self._tell("→ hangs up")
                return "hang up"
        if isinstance(output, Play | Listen | LookUp | Record | Transfer):
            self._waits = output
        return ""

    def _tell(self, text: str) -> None:
        self._show(f"[{(self._now - _BEGAN).total_seconds():5.1f}] {text}")

    # --- the caller's side --------------------------------------------------------------------------------------

    def _next(self) -> list[Input]:
        wait = self._waits
        if isinstance(wait, Play):
            self._pass(seconds(wait.text, wait.language))
            return [Played(wait.of)]
        line = next(self._lines, None)
        if line is None:
            return [HungUp()]
        line = line.strip()
        if self._echo:
            self._show(f"        « {line or '(silence)'}")
        match wait:
            case LookUp():
                return self._answer(wait, line)
            case Record():
                self._pass(wait.silence_s if not line else _ANSWER_S)
                name = line.removeprefix(">").strip()
                return self._keys(line) or [Recorded(wait.of, name or "silence", 3.0 if name else 0.0)]
            case Transfer():
                self._pass(wait.ring_s)
                return self._keys(line) or [TransferFailed(wait.of)]
            case Listen():
                self._pass(wait.limit_s if not line else min(_ANSWER_S, wait.limit_s))
                return [TimeUp(wait.of)] if not line else self._keys(line) or self._speech(line)
        raise AssertionError(wait)

    def _pass(self, spent_s: float) -> None:
        self._now += timedelta(seconds=spent_s)

    def _keys(self, line: str) -> list[Input]:
        return [Key(digit) for digit in line] if line and set(line) <= set("0123456789*#") else []

    def _speech(self, line: str) -> list[Input]:
        if line.startswith(">"):
            text = line.removeprefix(">").strip()
        elif line.lower().endswith(_SOUNDS):
            text = self._ears.words(Path(line))
            self._show(f"        heard: {text or '(nothing)'}")
        else:
            raise HeyiError(f"{line!r} is nothing a caller can do", hint="keys, > words, or the path of a recording")
        self._said.append(text)
        judged = self._ears.judged(self._said)
        self._show(f"        judged: {judged.outcome} {judged.category} {judged.p:.2f}")
        return [Heard(text), judged]

    def _answer(self, wait: LookUp, line: str) -> list[Input]:
        """``found name=value …``; nothing, or ``failed``, for a look-up that fails."""
        if keys := self._keys(line):
            return keys
        result, *pairs = line.split() or ["failed"]
        results = LOOK_UPS[wait.name].results
        if result != "failed" and result not in results:
            expected = ", ".join([*results, "failed"])
            raise HeyiError(f"{wait.name} cannot answer {result!r}", hint=f"expected one of {expected}")
        values = dict(pair.partition("=")[::2] for pair in pairs)
        return [LookedUp(wait.of, None if result == "failed" else result, values)]
