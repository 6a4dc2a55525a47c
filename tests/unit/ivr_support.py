"""A caller in a test: drives a session through time, and every way that a flow can go for somebody who does nothing."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.city_ivr import LOOK_UPS, IvrFlow
from core.city_ivrpaths import prompt_seconds
from ivr.session import Session
from ivr.signals import (
    CallBack,
    HangUp,
    Input,
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

BEGAN = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def flow(**values: object) -> IvrFlow:
    usual = {"key": "test", "name": "试", "name_en": "Test", "use": {"lines": ["12345"]}, "out": "person"}
    return IvrFlow.model_validate({**usual, **values})


@dataclass
class Caller:
    """One call: the session, the time, all outputs so far."""

    session: Session
    now: datetime
    outputs: list[Output]

    @classmethod
    def starts(cls, flows: Mapping[str, IvrFlow], key: str, *, at: str | None = None, **known: str) -> "Caller":
        caller = cls(Session(flows, key, known, at=at), BEGAN, [])
        caller.gives(Started())
        return caller

    def gives(self, *inputs: Input, after: float = 0.0) -> tuple[Output, ...]:
        """The outputs of the last input."""
        self.now += timedelta(seconds=after)
        last: tuple[Output, ...] = ()
        for one in inputs:
            last = self.session.handle(one, self.now)
            self.outputs += last
        return last

    def presses(self, digits: str) -> tuple[Output, ...]:
        return self.gives(*(Key(digit) for digit in digits))

    @property
    def waits(self) -> Play | Listen | LookUp | Record | Transfer | None:
        """What the session waits for; None when it has ended."""
        if self.session.state == "ended":
            return None
        of = self.session.waits_for
        return next(o for o in reversed(self.outputs) if getattr(o, "of", None) == of)  # type: ignore[return-value]

    def said(self) -> list[str]:
        return [o.text for o in self.outputs if isinstance(o, Play)]

    def hears_out(self) -> None:
        """Listens to all that is said until something else is wanted."""
        while isinstance(self.waits, Play):
            self.gives(Played(self.waits.of))

    @property
    def ended(self) -> Queue | CallBack | HangUp | Transfer | None:
        found: list[Queue | CallBack | HangUp | Transfer] = [
            o for o in self.outputs if isinstance(o, Queue | CallBack | HangUp)
        ]
        found += [o for o in self.outputs if isinstance(o, Transfer) and not o.party]
        assert len(found) <= 1, found
        return found[0] if found else None

    def notes(self) -> list[tuple[str, str]]:
        return [(note.step, note.why) for note in self.outputs if isinstance(note, Note)]

    # --- nobody says anything -----------------------------------------------------------------------------------

    def idle(self, flows: Mapping[str, IvrFlow], *, answered: bool = False) -> Iterator[tuple["Caller", float]]:
        """Each way on while the caller does nothing, as copies with the seconds that it took.

        ``answered``: without the limits of look-ups, which fail in the same way as a look-up that says so.
        """
        wait = self.waits
        spent: float = 0.0
        inputs: list[Input] = []
        if isinstance(wait, Play):
            name, _, prompt = wait.sound.partition("/")
            spent = max(prompt_seconds(flows[name].prompts[prompt], language) for language in flows[name].languages)
            inputs = [Played(wait.of)]
        elif isinstance(wait, Listen):
            spent, inputs = wait.limit_s, [TimeUp(wait.of)]
        elif isinstance(wait, LookUp):
            spent = wait.limit_s
            inputs = [LookedUp(wait.of, result) for result in (None, *LOOK_UPS[wait.name].results)]
            inputs += [] if answered else [TimeUp(wait.of)]
        elif isinstance(wait, Record):
            spent, inputs = wait.silence_s, [Recorded(wait.of, "nothing.wav", 0.0)]
        elif isinstance(wait, Transfer):
            inputs = [TransferFailed(wait.of)]
        for one in inputs:
            way = self.copied()
            way.gives(one, after=spent)
            yield way, spent

    def copied(self) -> "Caller":
        """The same call, going on by itself. Copies share the flows, which never change."""
        session = copy.copy(self.session)
        session.known, session._words = dict(session.known), list(session._words)
        return Caller(session, self.now, list(self.outputs))

    def left(self, before: int) -> bool:
        """Whether a step was left since there were so many outputs."""
        return any(isinstance(output, Note) for output in self.outputs[before:])
