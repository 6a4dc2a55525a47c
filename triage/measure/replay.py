"""A labelled call heard again as the listener hears it: the judge is asked at every partial utterance. Pure.

An alert stays, whatever is heard after it, so the first one is what counts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

from triage.judge import Judge
from triage.measure.calls import Dialogue
from triage.turns import Turn
from triage.verdict import Outcome, Verdict

#: Live recognition looks at what is being said once a second; people say about so many characters in it.
PARTIAL = 4
_RANK: dict[Outcome, int] = {"service": 0, "review": 1, "emergency": 2}


@dataclass(frozen=True)
class Alert:
    """When the caller's words first made an emergency of the call."""

    #: Index of the turn.
    turn: int
    #: The caller's utterances and characters heard until then, the unfinished one included.
    utterances: int
    characters: int
    #: Utterances after the one in which a person knows (0: in that one), and characters from its beginning; negative
    #: where the alert came before it.
    utterances_late: int
    characters_late: int


@dataclass(frozen=True)
class Replayed:
    """One call, heard to its end."""

    dialogue: Dialogue
    alert: Alert | None
    #: True where the words alarm although only whole utterances are judged, without their beginnings.
    by_finals: bool
    #: By policy, the line included; never lowered.
    outcome: Outcome
    #: The highest probability by words after each turn.
    p_by_turn: tuple[float, ...]
    #: After each turn, the last one at the end of the call; at least one.
    verdicts: tuple[Verdict, ...]
    #: Milliseconds that each judgement of a partial or final took.
    took_ms: tuple[float, ...]

    @property
    def verdict(self) -> Verdict:
        """At the end of the call."""
        return self.verdicts[-1]


def replay(dialogue: Dialogue, judge: Judge, clock: Callable[[], float] = perf_counter) -> Replayed:
    """Hear ``dialogue`` in partials of :data:`PARTIAL` characters."""
    alert: Alert | None = None
    outcome: Outcome = "service"
    most = most_final = 0.0
    took: list[float] = []
    by_turn: list[float] = []
    verdicts: list[Verdict] = []
    for at, turn in enumerate(dialogue.turns):
        before = dialogue.turns[:at]
        for part in _parts(turn):
            start = clock()
            verdict = judge.judge(dialogue.line, [*before, part])
            took.append(1000 * (clock() - start))
            outcome = max(outcome, verdict.outcome, key=_RANK.__getitem__)
            most = max(most, verdict.p_emergency)
            if alert is None and verdict.p_emergency >= judge.emergency:
                alert = _alert(dialogue, at, part)
        # The last part is the whole utterance.
        verdicts.append(verdict)
        most_final = max(most_final, verdict.p_emergency)
        by_turn.append(most)
    return Replayed(
        dialogue, alert, most_final >= judge.emergency, outcome, tuple(by_turn), tuple(verdicts), tuple(took)
    )  # fmt: skip


def _parts(turn: Turn) -> Iterator[Turn]:
    """What the listener is given of an utterance: for the caller's its beginnings, then the whole."""
    if turn.leg == "caller":
        for end in range(PARTIAL, len(turn.text), PARTIAL):
            yield Turn(turn.leg, turn.text[:end], turn.utterance_id, partial=True)
    yield turn


def _alert(dialogue: Dialogue, at: int, part: Turn) -> Alert:
    said = [(i, len(turn.text)) for i, turn in enumerate(dialogue.turns) if turn.leg == "caller"]
    heard = [size for i, size in said if i < at] + ([len(part.text)] if part.leg == "caller" else [])
    known = dialogue.known_from
    return Alert(
        turn=at,
        utterances=len(heard),
        characters=sum(heard),
        utterances_late=len(heard) - sum(i <= known for i, _ in said),
        characters_late=sum(heard) - sum(size for i, size in said if i < known),
    )
