"""What written rules do not list: sentences that sound like those that people marked.

Rules say why, and are surer; but rudeness has no end of wordings, nor has fear. Five models (:mod:`.scorer`) are
fitted to the lists of :mod:`.examples` and kept in the cache by the hash of all of it.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from quality.checks.dialogue import own_words
from quality.checks.examples import (
    LEAST,
    SENTENCE,
    Example,
    agent_examples,
    caller_examples,
    comfort_examples,
    reply_examples,
    wish_examples,
)
from quality.checks.scorer import CONSTANTS, Scorer, fit

#: Raised when the same sentences give another model than before.
LEARNER = 2
#: Violations that are learned.
RUDE, SHIFTED, PROMISED, LEAKED, PRIVATE = "态度生硬", "推诿", "违规承诺", "泄露个人信息", "违规索要私人联系方式"
UNRECORDED = "未记录诉求"
LABELS = (RUDE, SHIFTED, PROMISED, LEAKED, PRIVATE, UNRECORDED, "诱导评价", "贬损他人")
#: Violations that callers answer in ways of their own (真的吗？ 那我到底找谁？), and what such an answer weighs
#: beside the sentence itself; who gives no such answer says the contrary.
REPLIES = {PROMISED: 0.5, LEAKED: 0.5, SHIFTED: 0.75, PRIVATE: 0.25}
_NO_REPLY = -0.7
_DISTRESS, _COMFORT, _WISH = "情绪激动", "安抚", "咨询"
#: Margins (-1 to 1), with what the answer weighs, from which a sentence counts, by cross-validation (docs/quality.md).
THRESHOLDS = {
    "态度生硬": -0.1, "推诿": -0.5, "违规承诺": -0.3, "泄露个人信息": -0.6, "违规索要私人联系方式": -0.35,
    UNRECORDED: -0.2, "诱导评价": -0.2, "贬损他人": -0.4, _WISH: 0.0,
}  # fmt: skip
#: Told in passing, in a few clauses of a long sentence: these are read by clauses too. Manner is in the whole of it.
_IN_PASSING = frozenset({PROMISED, LEAKED, PRIVATE, UNRECORDED})
#: Characters of neighbouring clauses that are read together.
_LEAST_CLAUSES, _MOST_CLAUSES = 10, 28
_CLAUSE = re.compile(r"[^，,、：:]+[，,、：:]*")
#: What a rule of these finds does not count below such a margin, with what the answer weighs: the words are the same
#: (我保证不透露), the sentence is another.
DOUBTED = {PROMISED: -0.6, LEAKED: -0.8, PRIVATE: -0.75, RUDE: -0.5}
#: A few characters say little by themselves: a sentence so short must be surer by so much.
SHORT, _SURER = 9, 0.2
#: The second of a call's sentences, counted from the likest.
_PAIR = 2
#: What a second sentence of a call adds to the first, of manner and of shifting-off: it is seldom said once. A call's
#: second sentence is usually about so far from one.
_SECOND, _USUAL = 0.5, -0.6
#: Sentences of a caller from this margin on add such a share to what his most desperate one tells.
_FEARFUL, _ADDED = -0.5, 0.2
_STRAIGHT: Mapping[str, float] = {}


@dataclass(frozen=True)
class Learned:
    """``agent`` knows :data:`LABELS`, ``comfort`` what consoles, ``caller`` who is in distress, ``wish`` who asks."""

    agent: Scorer
    comfort: Scorer
    caller: Scorer
    wish: Scorer
    reply: Scorer
    #: Hash of the sentences that it was fitted to.
    version: str = ""

    def found(self, text: str, lean: Mapping[str, float] = _STRAIGHT) -> list[tuple[str, int, int]]:
        """(violation, start, end) of each sentence of a call taker's ``text`` that counts as one; for what is in
        ``lean`` so much less is enough (what the caller says makes it likely). Without the caller's answer
        (:meth:`answered`) it is as if he gave none to any of it."""
        return list(_over(self.agent, text, {**self.answered(()), **lean}, _SURER))

    def doubts(self, label: str, text: str, start: int, end: int, lean: Mapping[str, float] = _STRAIGHT) -> bool:
        """``text[start:end]``, which a rule holds for ``label``, stands in sentences that sound like nothing of it."""
        if label not in DOUBTED:
            return False
        at = self.agent.labels.index(label)
        around = [m[0] for m in _sentences(text) if m.start() < end and start < m.end()]
        parts = [part for one in around for part in (one, *(_parts(one) if label in _IN_PASSING else ()))]
        most = max((float(self.agent.margins(part)[at]) for part in parts), default=0.0)
        return bool(parts) and most + lean.get(label, 0.0) < DOUBTED[label]

    def again(self, texts: Iterable[str]) -> dict[str, float]:
        """How much more or less likely impoliteness and shifting-off are in a call of whose call taker's ``texts`` a
        second sentence sounds like it, too."""
        margins = np.array([self.agent.margins(m[0]) for text in texts for m in _sentences(text)])
        if len(margins) < _PAIR:
            return {}
        second = dict(zip(self.agent.labels, map(float, np.sort(margins, axis=0)[-_PAIR]), strict=True))
        return {of: _SECOND * (max(second[of], -1.0) - _USUAL) for of in (RUDE, SHIFTED)}

    def despair(self, caller: Iterable[str], agent: Iterable[str]) -> tuple[float, str]:
        """What the most desperate of the caller's sentences and the others together tell, less what the call taker
        says that consoles most; and that sentence, empty where he says nothing. Margins: about 1 is despair alone."""
        said = [m[0] for text in caller for m in _sentences(text)]
        heard = [float(self.caller.margins(one)[0]) for one in said]
        told = [float(self.comfort.margins(m[0])[0]) for text in agent for m in _sentences(text)]
        most = max(heard, default=-1.0)
        added = _ADDED * sum(max(margin - _FEARFUL, 0.0) for margin in heard)
        return most + added - max(told, default=-1.0), said[heard.index(most)] if said else ""

    def answered(self, replies: Iterable[str]) -> dict[str, float]:
        """How much more or less likely each of :data:`REPLIES` is for what the caller answers."""
        parts = [m[0] for text in replies for m in SENTENCE.finditer(own_words(text)) if len(m[0]) >= LEAST]
        margins = [self.reply.margins(part) for part in parts]
        most = dict(zip(self.reply.labels, map(float, np.max(margins, axis=0)), strict=True)) if margins else {}
        return {of: weight * max(most.get(of, _NO_REPLY), _NO_REPLY) for of, weight in REPLIES.items()}

    def asks(self, text: str) -> bool:
        """A caller who begins like this wants to know something, and reports nothing."""
        return len(text) >= LEAST and float(self.wish.margins(text)[0]) >= THRESHOLDS[_WISH]


def _sentences(text: str) -> Iterator[re.Match[str]]:
    return (m for m in SENTENCE.finditer(own_words(text)) if len(m[0]) >= LEAST)


def _parts(sentence: str) -> Iterator[str]:
    """Runs of neighbouring clauses of a longer sentence."""
    clauses = _CLAUSE.findall(sentence)
    for first in range(len(clauses)) if len(clauses) > 2 else ():
        for last in range(first + 1, len(clauses) + 1):
            part = "".join(clauses[first:last])
            if len(part) > _MOST_CLAUSES:
                break
            if len(part) >= _LEAST_CLAUSES:
                yield part


def _over(
    scorer: Scorer, text: str, lean: Mapping[str, float] = _STRAIGHT, surer: float = 0.0
) -> Iterator[tuple[str, int, int]]:
    for match in _sentences(text):
        least = surer if len(match[0]) <= SHORT else 0.0
        margins = dict(zip(scorer.labels, map(float, scorer.margins(match[0])), strict=True))
        for part in _parts(match[0]) if _IN_PASSING & margins.keys() else ():
            for of, m in zip(scorer.labels, map(float, scorer.margins(part)), strict=True):
                if of in _IN_PASSING:
                    margins[of] = max(margins[of], m)
        # One sentence is one thing: a shifting-off that is curt too is named as what it is more.
        most, label = max((m - THRESHOLDS[of] + lean.get(of, 0.0) - least, of) for of, m in margins.items())
        if most >= 0:
            yield label, match.start(), match.end()


#: The models, with what each knows.
_MODELS = {"agent": LABELS, "comfort": (_COMFORT,), "caller": (_DISTRESS,), "wish": (_WISH,), "reply": tuple(REPLIES)}


def examples() -> dict[str, list[Example]]:
    """What each model is fitted to; HeyiError names file and line of a fault."""
    return {
        "agent": agent_examples(), "comfort": comfort_examples(), "caller": caller_examples(),
        "wish": wish_examples(), "reply": reply_examples(),
    }  # fmt: skip


def learn(given: dict[str, list[Example]], version: str = "") -> Learned:
    """The models of ``given``, by name."""
    return Learned(**{name: fit(given[name], labels) for name, labels in _MODELS.items()}, version=version)


def ensure(cache: Path) -> Learned:
    """The models of what is there now, from ``cache`` or fitted (some seconds) and kept there."""
    given = examples()
    told = json.dumps([LEARNER, CONSTANTS, _MODELS, {n: [astuple(e)[:2] for e in of] for n, of in given.items()}])
    version = hashlib.sha256(told.encode()).hexdigest()[:16]
    path = cache / f"manner-{version}.npz"
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as stored:
                return Learned(**{name: _read(stored, name) for name in _MODELS}, version=version)
        except (OSError, ValueError, KeyError):
            path.unlink(missing_ok=True)
    made = learn(given, version)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    arrays = {f"{name}_{key}": value for name in _MODELS for key, value in _arrays(getattr(made, name))}
    np.savez_compressed(part, allow_pickle=False, **arrays)
    part.replace(path)
    return made


def _arrays(scorer: Scorer) -> Iterator[tuple[str, np.ndarray]]:
    yield "grams", np.array(list(scorer.grams))
    yield "rarity", scorer.rarity
    yield "weights", scorer.weights
    yield "bias", scorer.bias


def _read(stored: "np.lib.npyio.NpzFile", name: str) -> Scorer:
    grams = {str(gram): at for at, gram in enumerate(stored[f"{name}_grams"])}
    rarity, weights, bias = (stored[f"{name}_{key}"] for key in ("rarity", "weights", "bias"))
    return Scorer(_MODELS[name], grams, rarity, weights, bias)
