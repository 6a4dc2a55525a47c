"""Labels as lines to learn from: which words of a call a ticket's label is true of. Pure."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from core.city import City
from triage.judge import Turn
from triage.learn.corpus import Example

#: One call in so many is never learned from: it stays aside, to compare models on the city's own calls.
ASIDE_OF = 5
#: As the judge does: each utterance of the caller by itself, and with the one before.
_TOGETHER = 2
#: How alarming words are to the model in use, 0..1; None for words too few to say anything of.
Alarm = Callable[[str], float | None]


@dataclass(frozen=True, kw_only=True)
class LabelledCall:
    """What was said in a call, and what a person left in its ticket."""

    call_id: str
    number: str
    line: str
    turns: tuple[Turn, ...]
    emergency: bool
    code: str
    nature: str
    #: True where a person left another emergency, code or nature than the software had said.
    corrected: bool

    @property
    def aside(self) -> bool:
        """Kept aside, whenever it is asked: decided by the call's id alone."""
        return hashlib.sha256(self.call_id.encode()).digest()[0] % ASIDE_OF == 0


def examples(
    calls: Iterable[LabelledCall], city: City, alarm: Alarm, *, unchanged: bool = False, known: Iterable[str] = ()
) -> tuple[Example, ...]:
    """Lines to learn from: of corrected calls, with ``unchanged`` of all; those kept aside are left out.

    A ticket that the person did not change may just not have been looked at: to learn from it would teach the model
    its own opinion. Tickets that contradict themselves (a service code marked urgent) teach nothing. Texts in
    ``known`` (the regression set) are never learned from.
    """
    forbidden = {_bare(text) for text in known}
    made: list[Example] = []
    for call in calls:
        if call.aside or not (call.corrected or unchanged) or not consistent(call, city):
            continue
        said = [turn.text for turn in call.turns if turn.leg == "caller"]
        for text in telling(said, alarm, emergency=call.emergency):
            if _bare(text) not in forbidden:
                made.append(Example(
                    text=text, code=call.code, nature=call.nature, emergency=call.emergency, hard=False,
                    group=f"label/{call.call_id}",
                ))  # fmt: skip
    return tuple(made)


def consistent(call: LabelledCall, city: City) -> bool:
    """True where the code is one of the city's and of the same kind as the mark of urgency."""
    return city.category(call.code) is not None and city.is_emergency(call.code) == call.emergency


def telling(said: Sequence[str], alarm: Alarm, *, emergency: bool) -> tuple[str, ...]:
    """The words of a call that its label is true of.

    Somewhere in an emergency call the emergency is told, most likely where it sounds most like one. In a service call
    nothing is an emergency: its most alarming words say so best, and its first words, what the caller wants.
    """
    rated = [(text, p) for text in windows(said) if (p := alarm(text)) is not None]
    if not rated:
        return ()
    loudest = max(rated, key=lambda r: r[1])[0]
    return (loudest,) if emergency or rated[0][0] == loudest else (rated[0][0], loudest)


def windows(said: Sequence[str]) -> tuple[str, ...]:
    """Each utterance, and each with the one before it, in the order said."""
    return tuple(
        "，".join(said[at - back : at + 1]) for at in range(len(said)) for back in range(min(_TOGETHER, at + 1))
    )


def _bare(text: str) -> str:
    return "".join(char for char in text if char.isalnum())
