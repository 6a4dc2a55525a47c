"""One caller's walk through a flow. Pure: inputs in, outputs out, the time as an argument.

:data:`TABLE` says what every input means in every state. Above it stand four rules that no flow can change:

* words that are judged an emergency, and the emergency keys, bring the caller to the emergency desks at once;
* 0 brings the caller to a person;
* after the flow's limit the caller is with a person, whatever was pressed;
* what cannot go on (a step that is not there, steps that go round) is a way to a person, never an error.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from ivr.signals import (
    Heard,
    HungUp,
    Input,
    Judged,
    Key,
    LookedUp,
    Output,
    Played,
    Recorded,
    Started,
    TimeUp,
    TransferFailed,
)
from ivr.steps import State, Steps

_KEYS = frozenset("0123456789*#")


class Session(Steps):
    """One for each call; ``handle`` takes one input and returns what is to be done."""

    def handle(self, what: Input, now: datetime) -> tuple[Output, ...]:
        """What is to be done after ``what`` at ``now``; nothing where it means nothing in this state."""
        # A clock that was set back must not give anybody more time.
        self._now = now = max(now, self._now or now)
        if isinstance(what, Played | LookedUp | Recorded | TransferFailed | TimeUp) and what.of != self.waits_for:
            return ()
        if isinstance(what, Key) and what.digit not in _KEYS:
            return ()
        if isinstance(what, Key | Heard):
            self._round = 0
        if self.state not in ("new", "ended") and self._over(now) and not _is_last_word(what):
            return self._give_up("limit", now)
        return TABLE[self.state, type(what)](self, what, now)


def _is_last_word(what: Input) -> bool:
    """What counts even after the limit."""
    return isinstance(what, HungUp) or (isinstance(what, Judged) and what.outcome == "emergency")


Handler = Callable[[Session, Input, datetime], tuple[Output, ...]]
_TALKING: tuple[State, ...] = ("saying", "asking", "listening", "judging", "looking", "recording", "connecting")
_ALL: tuple[State, ...] = ("new", *_TALKING, "ended")
_ANSWERS = (Played, TimeUp, LookedUp, Recorded, TransferFailed)
#: (states, input, what is done, why). A later row stands above an earlier one.
_ROWS: tuple[tuple[tuple[State, ...], type[Input], Handler, str], ...] = (
    *((_ALL, answer, Session._ignore, "it answers something that this state does not wait for") for answer in _ANSWERS),
    (_ALL, Started, Session._ignore, "a call starts once"),
    (_ALL, Heard, Session._ignore, "nothing was asked: triage hears it all the same, and may raise the call"),
    (("new",), Started, Session._start, "the caller hears from now on"),
    (("new", "ended"), Key, Session._ignore, "nobody was spoken to yet, or the caller is with a person"),
    (("ended",), Judged, Session._ignore, "the switchboard raises a call that waits already"),
    (("new", *_TALKING), Judged, Session._judged, "an emergency goes to its desks from everywhere"),
    (("new", *_TALKING), HungUp, Session._gone, "the caller's own end"),
    (("ended",), HungUp, Session._ignore, "it had ended"),
    (("saying",), Played, Session._said, "said"),
    (("saying",), TimeUp, Session._said, "the sound is stuck: go on without it"),
    (("saying",), Key, Session._early_key, "whoever knows the flow need not hear it out"),
    (("asking",), Played, Session._ask, "the question was put"),
    (("asking",), TimeUp, Session._ask, "the sound is stuck: listen without it"),
    (("asking", "listening", "judging"), Key, Session._key, "an answer, also into the question"),
    (("asking", "listening"), Heard, Session._heard, "an answer, also into the question"),
    (("judging",), Heard, Session._more_words, "it goes on: judged together"),
    (("listening",), TimeUp, Session._silence, "no answer, or the end of one"),
    (("judging",), TimeUp, Session._unjudged, "nobody waits for a judgement"),
    (("looking", "recording", "connecting"), Key, Session._any_key, "a person and an emergency are always at hand"),
    (("looking",), LookedUp, Session._found, "the answer"),
    (("looking",), TimeUp, Session._failed, "no answer in time is none"),
    (("recording",), Recorded, Session._recorded, "the message"),
    (("recording",), TimeUp, Session._failed, "the recorder does not answer"),
    (("connecting",), TransferFailed, Session._failed, "nobody took it"),
    (("connecting",), TimeUp, Session._failed, "nobody took it"),
)
TABLE: Mapping[tuple[State, type[Input]], Handler] = {
    (state, kind): handler for states, kind, handler, _ in _ROWS for state in states
}
