"""A call's turns as the checks read them: both sides apart, quotations masked, questions and their answers."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from quality.call import Call, Turn
from quality.checks.findings import Finding, Severity
from quality.checks.rulebook import Phrase, Rulebook
from triage.words import plain

#: What somebody repeats of another: an apology for a colleague's words is no insult.
_QUOTED = re.compile(r"[“\"‘「『][^”\"’」』]{1,60}[”\"’」』]")
#: Into a line on which nobody is left; who is still being asked something is not left.
_CALLING = re.compile(r"(?:喂[？?！!，,。… —]*){2,}")
#: The caller ends the call himself: 行吧。（挂断）
_HUNG_UP = re.compile(
    r"^(?!.*(?:喂|—|没(?:说|讲|问)完|我还|等[等下一]|怎么))[^（(]*[（(](?:挂断|挂机|挂了)(?:电话)?[）)]$"
)
_ASKING = re.compile(r"[？?]$|联系电话|什么|哪[里个]")
#: Stage directions of written transcripts: （挂断）, （哭）.
_ASIDE = re.compile(r"[（(][^）)]{1,20}[）)]")


def own_words(text: str) -> str:
    """``text`` as the rules spell it, with quotations blanked: positions stay."""
    return _QUOTED.sub(lambda m: "　" * len(m[0]), plain(text))


@dataclass(frozen=True)
class Dialogue:
    """One call with its rules. Indices are those of ``call.turns``."""

    call: Call
    rules: Rulebook

    @cached_property
    def texts(self) -> tuple[str, ...]:
        return tuple(own_words(turn.text) for turn in self.call.turns)

    @cached_property
    def agent(self) -> tuple[int, ...]:
        return tuple(i for i, turn in enumerate(self.call.turns) if turn.who == "agent")

    @cached_property
    def caller(self) -> tuple[int, ...]:
        return tuple(i for i, turn in enumerate(self.call.turns) if turn.who == "caller")

    def says(self, name: str, turns: Iterable[int]) -> bool:
        """Some of ``turns`` says what the phrase ``name`` stands for."""
        phrase = self.rules[name]
        return any(phrase(self.texts[i]) for i in turns)

    def where(self, phrase: Phrase, turns: Iterable[int]) -> Iterator[tuple[int, int, int]]:
        """(turn, start, end) of each place in ``turns`` where ``phrase`` is said."""
        for i in turns:
            for start, end in phrase.find(self.texts[i]):
                yield i, start, end

    def before(self, turn: int) -> str:
        """What the other side said just before, empty at the beginning."""
        return self.texts[turn - 1] if turn > 0 and self.call.turns[turn - 1].who == "caller" else ""

    def answer_to(self, turn: int) -> str | None:
        """The caller's words after an agent's turn, ``None`` where the call ends with it."""
        after = turn + 1
        while after < len(self.texts) and self.call.turns[after].who == "agent":
            after += 1
        return self.texts[after] if after < len(self.texts) and self.call.turns[after].who == "caller" else None

    def denied(self, turn: int) -> bool:
        """The caller contradicts what was said in ``turn``."""
        answer = self.answer_to(turn)
        return answer is not None and self.rules["denies"](answer)

    def agreed(self, turn: int) -> bool:
        """The caller agrees to what was said in ``turn``."""
        answer = self.answer_to(turn)
        return answer is not None and self.rules["agrees"](answer) and not self.rules["denies"](answer)

    @cached_property
    def caller_left(self) -> bool:
        """The call ended because the caller went away in the middle of it."""
        if not self.caller or not self.call.turns:
            return False
        if self.put_down:
            return False
        last = len(self.texts) - 1
        if self.call.turns[last].who != "caller":
            # A transcript may write the hanging up into the call taker's last turn.
            return bool(re.search(r"[（(](?:来电人|市民|群众|对方)[^）)]{0,6}挂", self.texts[last]))
        return self.rules["caller_left"](self.texts[last]) or (
            self.call.ended_by == "caller" and self.rules["unfinished"](self.texts[last])
        )

    @cached_property
    def put_down(self) -> bool:
        """The call taker broke off, and the caller still speaks into the line."""
        if not self.agent or not self.caller or self.caller[-1] < self.agent[-1]:
            return False
        last = self.agent[-1]
        after = [i for i in self.caller if i > last]
        if _HUNG_UP.search(self.texts[after[-1]]):
            return False
        if any(_CALLING.search(self.texts[i]) for i in after) and not _ASKING.search(self.texts[last]):
            return True
        if self.says("cut_off", after):
            return True
        return self.says("dismisses", self.agent[-1:]) and self.says("left_behind", after[-1:])

    @cached_property
    def spoken(self) -> int:
        """Characters that both sides said, stage directions left out."""
        return sum(len(_ASIDE.sub("", text)) for text in self.texts)

    def finding(
        self, check: str, severity: Severity, reason: str, *, label: str = "", rule: str = "",
        turn: int = -1, start: int = 0, end: int | None = None, second: float | None = None,
    ) -> Finding:  # fmt: skip
        """A finding in ``turn`` (none: -1), of the whole turn where no ``end`` is given."""
        if turn < 0:
            return Finding(check=check, severity=severity, reason=reason, label=label, rule=rule, second=second)
        of: Turn = self.call.turns[turn]
        end = len(of.text) if end is None else min(end, len(of.text))
        start = min(start, end)
        return Finding(
            check=check, severity=severity, reason=reason, label=label, rule=rule, turn=turn, start=start, end=end,
            words=of.text[start:end], second=second if second is not None else second_in(of, start),
        )  # fmt: skip


def second_in(turn: Turn, at: int) -> float | None:
    """When the character ``at`` of a turn was said: by its words, else in proportion to the text."""
    if turn.start_s is None or turn.end_s is None:
        return None
    seen = 0
    for word in turn.words:
        if seen + len(word.text) > at:
            return round(word.start_s, 2)
        seen += len(word.text)
    share = at / len(turn.text) if turn.text else 0.0
    return round(turn.start_s + (turn.end_s - turn.start_s) * share, 2)
