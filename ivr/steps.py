"""What happens at each step of a flow: the state of one caller's walk, and what each input does to it. Pure.

Which input does what in which state, and the rules above all flows: :mod:`ivr.session`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from core.city_ivr import (
    EMERGENCY,
    ENTERED,
    PERSON,
    AskStep,
    BranchStep,
    CallBackStep,
    Choice,
    HangUpStep,
    IvrFlow,
    LookUpStep,
    QueueStep,
    RecordStep,
    SayStep,
    Step,
    TransferStep,
    filled,
    slots,
)
from core.speaking import Language, seconds
from ivr.choosing import chosen, plain
from ivr.signals import (
    CallBack,
    Ending,
    HangUp,
    Heard,
    Input,
    Judged,
    Key,
    Listen,
    LookedUp,
    LookUp,
    Note,
    Output,
    Play,
    Queue,
    Record,
    Recorded,
    TimeUp,
    Transfer,
)

State = Literal["new", "saying", "asking", "listening", "judging", "looking", "recording", "connecting", "ended"]
#: Seconds that are waited for a judgement of finished words: triage takes far less, and a person is better than none.
JUDGE_S = 2.0
#: Seconds of pause after which a speaker, or somebody entering figures, is taken to have finished.
PAUSE_S = 4.0
#: Whoever speaks is listened to for at most so long before it is judged.
SPEECH_S = 20.0
#: A sound may take longer than its estimate by this factor and these seconds before it counts as stuck.
_STUCK, _STUCK_S = 1.5, 3.0
#: Less voice than this is no message.
_LEAST_VOICE_S = 0.5
#: Steps without a word or key of the caller after which a flow goes round.
_ROUND = 30


class Steps:
    """Where the caller is, and what is known. The handlers return what is to be done."""

    def __init__(
        self,
        flows: Mapping[str, IvrFlow],
        key: str,
        known: Mapping[str, str],
        *,
        at: str | None = None,
        language: Language | None = None,
    ) -> None:
        """``known``: the variables that the flow's use promises (:data:`core.city_ivr.ALWAYS`, ``KNOWN_AT``).

        ``at``: another step than the first to begin at.
        """
        self._flows = flows
        self._first = flows[key]
        self._flow = self._first
        self._step: Step = self._first.steps[0]
        self._at = at
        self.language: Language = language or self._first.languages[0]
        heard = {"words": "", "outcome": "", "category": "", "p": "0"}
        self.known: dict[str, str] = {**heard, **known, "language": self.language}
        self.state: State = "new"
        #: The number of the output that is waited for.
        self.waits_for = 0
        self._began: datetime | None = None
        self._now: datetime | None = None
        self._entered: datetime | None = None
        self._again_for: tuple[str, ...] = ()
        self._round = 0
        self._figures = ""
        self._speaks_since: datetime | None = None
        self._words: list[str] = []

    @property
    def where(self) -> tuple[str, str]:
        """Keys of the flow and of the step in which the caller is."""
        return self._flow.key, self._step.key

    # --- beginning and end --------------------------------------------------------------------------------------

    def _start(self, what: Input, now: datetime) -> tuple[Output, ...]:
        self._began = now
        return self._enter(self._at or self._flow.steps[0].key, now)

    def _gone(self, what: Input, now: datetime) -> tuple[Output, ...]:
        self.state = "ended"
        return self._note("hung up", now) if self._entered else ()

    def _ignore(self, what: Input, now: datetime) -> tuple[Output, ...]:
        return ()

    def _emergency(self, why: str, now: datetime) -> tuple[Output, ...]:
        return self._end(Queue(group="emergency", emergency=True, known=dict(self.known)), why, now)

    def _give_up(self, why: str, now: datetime) -> tuple[Output, ...]:
        """A person, without any further word; where nobody asked for anything, the end."""
        known = dict(self.known)
        return self._end(HangUp(known) if self._first.lets_go else Queue(known=known), why, now)

    def _end(self, last: Ending | Transfer, why: str, now: datetime) -> tuple[Output, ...]:
        self.state = "ended"
        return (last, *(self._note(why, now) if self._entered else ()))

    def _over(self, now: datetime) -> bool:
        return self._began is not None and now - self._began >= timedelta(seconds=self._first.limit_s)

    def _within(self, limit_s: float, now: datetime) -> float:
        """A limit that does not go beyond the whole call's."""
        began = self._began or now
        return round(min(limit_s, max(0.0, self._first.limit_s - (now - began).total_seconds())), 2)

    # --- from step to step --------------------------------------------------------------------------------------

    def _go(self, target: str, why: str, now: datetime) -> tuple[Output, ...]:
        """Leave this step for ``target``."""
        note = self._note(why, now)
        if target.startswith("/"):
            flow = self._flows.get(target[1:])
            if flow is None:
                return (*self._give_up("no such flow", now)[:1], *note)
            self._flow, target = flow, flow.steps[0].key
        outputs = self._enter(target, now)
        # What ends the call comes first, so that nothing stands before it.
        return (*outputs, *note) if outputs and isinstance(outputs[0], Ending | Transfer) else (*note, *outputs)

    def _out(self, why: str, now: datetime) -> tuple[Output, ...]:
        return self._go(self._step.out or self._flow.out, why, now)

    def _enter(self, key: str, now: datetime) -> tuple[Output, ...]:
        self._round += 1
        step = self._flow.step(key)
        self._entered = now
        if step is None:
            return self._give_up("no such step", now)
        self._step, self._again_for, self._figures = step, (), ""
        self._words, self._speaks_since = [], None
        if self._round > _ROUND:
            return self._give_up("goes round", now)
        if step.prompt:
            return self._say(step.prompt, now)
        return self._act(now)

    def _say(self, name: str, now: datetime) -> tuple[Output, ...]:
        self.state = "asking" if isinstance(self._step, AskStep) else "saying"
        prompt = self._flow.prompts.get(name)
        template = prompt.text(self.language) if prompt else ""
        if prompt is None or not template:
            return self._asked(now) if self.state == "asking" else self._act(now)
        text = filled(template, self.known)
        recorded = prompt.nan if self.language == "nan" and prompt.nan else f"{self._flow.key}/{name}"
        stuck_s = self._within(seconds(text, self.language) * _STUCK + _STUCK_S, now)
        language = self.language if getattr(prompt, self.language) else ("zh" if prompt.zh else "en")
        return (Play(self._next(), recorded, text, language, bool(slots(template)), stuck_s),)

    def _said(self, what: Input, now: datetime) -> tuple[Output, ...]:
        return self._act(now)

    def _act(self, now: datetime) -> tuple[Output, ...]:
        """What a step does once its prompt was said."""
        known = dict(self.known)
        match self._step:
            case SayStep(next=after):
                return self._go(after, "said", now)
            case AskStep():
                return self._asked(now)
            case BranchStep(when=when, otherwise=otherwise):
                case = next((case for case in when if case.holds(known)), None)
                return self._go(case.next if case else otherwise, case.on if case else "otherwise", now)
            case LookUpStep(name=name, arguments=arguments, limit_s=limit_s):
                self.state = "looking"
                given = {key: filled(text, known) for key, text in arguments.items()}
                return (LookUp(self._next(), name, given, self._within(limit_s, now)),)
            case RecordStep(limit_s=limit_s, silence_s=silence_s):
                self.state = "recording"
                return (Record(self._next(), self._within(limit_s, now), silence_s),)
            case QueueStep(group=group, line=line, priority=priority, keep=keep):
                return self._end(Queue(group, line, priority, keep, known=known), "queue", now)
            case TransferStep(group=group, line=line, party=party, ring_s=ring_s):
                whom = known.get(party, "") if party else ""
                if party and not whom:
                    return self._failed(TimeUp(0), now)
                transfer = Transfer(self._next(), group, line, whom, self._within(ring_s, now), known)
                if not party:
                    return self._end(transfer, "transfer", now)
                self.state = "connecting"
                return (transfer,)
            case CallBackStep():
                return self._end(CallBack(known), "call back", now)
            case HangUpStep():
                return self._end(HangUp(known), "hang up", now)

    def _next(self) -> int:
        self.waits_for += 1
        return self.waits_for

    def _note(self, why: str, now: datetime) -> tuple[Output, ...]:
        return (Note(self._flow.key, self._step.key, self._entered or now, now, why, self._again_for),)

    # --- keys ---------------------------------------------------------------------------------------------------

    def _key(self, what: Input, now: datetime) -> tuple[Output, ...]:
        """A key as the answer to a question; it stops the prompt."""
        assert isinstance(what, Key) and isinstance(self._step, AskStep)  # noqa: S101  the table's
        digits = self._step.digits
        if digits is None:
            choice = next((choice for choice in self._step.choices if choice.key and choice.key == what.digit), None)
            if choice is not None:
                return self._choose(choice, f"key {what.digit}", now)
            return self._any_key(what, now) or self._again("wrong key", now)
        if what.digit == EMERGENCY[1]:
            return self._emergency(f"key {what.digit}", now)
        if what.digit == ENTERED:
            return self._entered_figures("#", now) if self._figures else self._out("key #", now)
        if not what.digit.isdecimal():
            return ()
        self._figures += what.digit
        if len(self._figures) >= digits.most:
            return self._entered_figures("figures", now)
        return self._listen(PAUSE_S, now)

    def _entered_figures(self, why: str, now: datetime) -> tuple[Output, ...]:
        digits = self._step.digits if isinstance(self._step, AskStep) else None
        if digits is None or len(self._figures) < digits.least:
            self._figures = ""
            return self._again("too few figures", now)
        self.known[digits.into] = self._figures
        return self._go(digits.next, why, now)

    def _any_key(self, what: Input, now: datetime) -> tuple[Output, ...]:
        """The keys that mean the same everywhere; nothing for all others."""
        assert isinstance(what, Key)  # noqa: S101
        if what.digit in EMERGENCY:
            return self._emergency(f"key {what.digit}", now)
        return self._out(f"key {PERSON}", now) if what.digit == PERSON else ()

    def _early_key(self, what: Input, now: datetime) -> tuple[Output, ...]:
        """A key during a sentence: the answer to the question that follows, where it is one."""
        assert isinstance(what, Key)  # noqa: S101
        if outputs := self._any_key(what, now):
            return outputs
        after = self._flow.step(self._step.next) if isinstance(self._step, SayStep) else None
        if not isinstance(after, AskStep):
            return ()
        figures = after.digits is not None and what.digit.isdecimal()
        if not figures and all(choice.key != what.digit for choice in after.choices):
            return ()
        note = self._note(f"key {what.digit}", now)
        self._enter(after.key, now)
        return (*note, *self._key(what, now))

    def _choose(self, choice: Choice, why: str, now: datetime) -> tuple[Output, ...]:
        self.known.update(choice.sets)
        if choice.language is not None:
            self.language = choice.language
            self.known["language"] = choice.language
        return self._go(choice.next, why, now)

    # --- listening ----------------------------------------------------------------------------------------------

    def _listen(self, limit_s: float, now: datetime) -> tuple[Output, ...]:
        self.state = "listening"
        speech = isinstance(self._step, AskStep) and self._step.speech
        return (Listen(self._next(), self._within(limit_s, now), speech),)

    def _ask(self, what: Input, now: datetime) -> tuple[Output, ...]:
        return self._asked(now)

    def _asked(self, now: datetime) -> tuple[Output, ...]:
        return self._listen(self._step.limit_s if isinstance(self._step, AskStep) else PAUSE_S, now)

    def _silence(self, what: Input, now: datetime) -> tuple[Output, ...]:
        if self._figures:
            return self._entered_figures("pause", now)
        if self._words:
            return self._spoken(now)
        return self._again("silence", now)

    def _again(self, why: str, now: datetime) -> tuple[Output, ...]:
        """Put the question once more, or go on without an answer."""
        assert isinstance(self._step, AskStep)  # noqa: S101
        step = self._step
        self._words, self._speaks_since = [], None
        if len(self._again_for) < step.retries:
            self._again_for = (*self._again_for, why)
            return self._say(step.again or step.prompt, now)
        target = step.on_silence if why == "silence" else step.on_wrong
        return self._go(target or step.out or self._flow.out, why, now)

    def _heard(self, what: Input, now: datetime) -> tuple[Output, ...]:
        """Words, while asking or listening. Unfinished ones only keep the caller from being taken for silent."""
        assert isinstance(what, Heard) and isinstance(self._step, AskStep)  # noqa: S101
        if not self._step.speech or not plain(what.text) or (self.state == "asking" and not what.final):
            return ()
        self._speaks_since = self._speaks_since or now
        if now - self._speaks_since >= timedelta(seconds=SPEECH_S):
            self._words.append(what.text)
            return self._spoken(now)
        if not what.final:
            return self._listen(PAUSE_S, now)
        self._words.append(what.text)
        return self._spoken(now)

    def _spoken(self, now: datetime) -> tuple[Output, ...]:
        """The caller has finished: a choice by its words, else what triage makes of it."""
        assert isinstance(self._step, AskStep)  # noqa: S101
        text = "，".join(self._words)
        self.known["words"] = text
        if not self._step.heard:
            choice = chosen(text, self._step.choices)
            return self._choose(choice, "words", now) if choice else self._again("not understood", now)
        # Free speech is judged even where it holds the words of a choice: 停电了，人困在电梯里.
        self.state = "judging"
        return (Listen(self._next(), self._within(JUDGE_S, now), True),)

    def _more_words(self, what: Input, now: datetime) -> tuple[Output, ...]:
        """The caller goes on while the first words are being judged."""
        assert isinstance(what, Heard)  # noqa: S101
        too_long = self._speaks_since is not None and now - self._speaks_since >= timedelta(seconds=SPEECH_S)
        return self._heard(what, now) if what.final and not too_long else ()

    def _unjudged(self, what: Input, now: datetime) -> tuple[Output, ...]:
        """No judgement came: what was judged before, if anything, has to do."""
        return self._understood("not judged", now)

    def _understood(self, why: str, now: datetime) -> tuple[Output, ...]:
        """The way of finished words: a choice, but not where the judgement asks for a person to look."""
        assert isinstance(self._step, AskStep)  # noqa: S101
        choice = chosen(self.known["words"], self._step.choices) if self.known["outcome"] != "review" else None
        return self._choose(choice, "words", now) if choice else self._go(self._step.heard, why, now)

    def _judged(self, what: Input, now: datetime) -> tuple[Output, ...]:
        assert isinstance(what, Judged)  # noqa: S101
        self.known.update(outcome=what.outcome, category=what.category, p=f"{what.p:.2f}")
        if what.outcome == "emergency":
            return self._emergency("emergency", now)
        return self._understood("heard", now) if self.state == "judging" else ()

    # --- looking up, recording, connecting ----------------------------------------------------------------------

    def _found(self, what: Input, now: datetime) -> tuple[Output, ...]:
        assert isinstance(what, LookedUp) and isinstance(self._step, LookUpStep)  # noqa: S101
        target = self._step.results.get(what.result or "")
        if target is None:
            return self._failed(what, now)
        self.known.update(what.values)
        return self._go(target, what.result or "", now)

    def _recorded(self, what: Input, now: datetime) -> tuple[Output, ...]:
        assert isinstance(what, Recorded) and isinstance(self._step, RecordStep)  # noqa: S101
        if not what.name:
            return self._failed(what, now)
        if what.seconds < _LEAST_VOICE_S:
            return self._go(self._step.on_silence or self._step.out or self._flow.out, "silence", now)
        self.known[self._step.into] = what.name
        return self._go(self._step.next, "recorded", now)

    def _failed(self, what: Input, now: datetime) -> tuple[Output, ...]:
        target = getattr(self._step, "on_failure", "")
        return self._go(target or self._step.out or self._flow.out, "failed", now)
