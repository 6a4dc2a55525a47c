"""The judgement of a call from everything heard so far. Pure: the same turns give the same verdict."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from core.city import Category, City, Line
from core.phones import normal
from triage.categories import STRONG, Categories, Sign
from triage.facts import where
from triage.facts.gather import facts
from triage.hearing import Heard, Hearing
from triage.learn.features import Features, features
from triage.learn.model import Array, Model, Opinion, logistic, logit, softmax
from triage.places import Gazetteer
from triage.rules import Hit, RuleSet
from triage.turns import Turn as Turn
from triage.verdict import Candidate, Outcome, Reason, Verdict

#: Without a model: from this probability on the words alone raise a call; from REVIEW on a person looks again. With
#: one its own thresholds hold, see docs/triage.md.
EMERGENCY, REVIEW = 0.5, 0.25
#: Beside a model rules this sure raise a call whatever it says; those from EMERGENCY on where it holds an emergency for
#: likelier than not; all others ask a person. Shares of false alarms: docs/triage.md.
_SURE, _AGREES = 0.95, 0.5
#: A call in which nothing speaks for an emergency.
_BASE = 0.02
#: What is left of a rule's weight where a guard reaches it, and the most that all guarded hits make together: below
#: EMERGENCY, so that they alone never raise a call.
_GUARDED, _GUARDED_MOST = 0.4, 0.4
#: Points of a rule of weight 1 for its first category; a strong category word has 3.
_RULE_POINTS = 6.0
#: Points for a category whose department's line was dialled.
_LINE_POINTS = 1.0
#: However long a caller talks of one thing, an emergency that follows must still show.
_MOST_BY_WORDS = 9.0
#: Callers say first what they want; what comes later is mostly answers. Weight of the n-th utterance, and the least.
_FADING, _FADED = 0.75, 0.2
#: Softmax temperature of the candidates' points.
_SHARPNESS = 1.5
_MOST_REASONS = 8
#: Callers tell one thing in several breaths: besides each utterance by itself, so many are judged as one.
_TOGETHER = 2
#: How far the dialled line speaks for its department's categories, in the model's log probability; an emergency line
#: also for all emergencies.
_LINE_LEAN, _EMERGENCY_LINE_LEAN = 0.5, 1.0
#: How much surer of an emergency the model must be while the caller speaks, in log odds. On the 260 development
#: utterances in parts of four characters 3 of 150 others alarm then, as by whole ones, in place of 17; an emergency is
#: known when 45 % of it has been said in place of 34 %.
_UNFINISHED = 1.5
_YES = re.compile(r"^[\s，。啊哦喂]*(?:是|对|有|嗯|恩|没错|在|要)(?!没有|不是)[^没不]{0,8}$")


@dataclass(frozen=True)
class _Judged:
    """One utterance, with the model's opinion; kept, so that a partial costs only itself."""

    heard: Heard
    features: Features | None
    opinion: Opinion | None


@dataclass(frozen=True)
class _Window:
    """Some of the caller's words judged together, with the chance of an emergency where they stand in the call."""

    judged: _Judged
    opinion: Opinion
    p: float


class Judge:
    """Judges the calls of one city. Utterances already seen come from a cache."""

    def __init__(
        self,
        city: City,
        rules: RuleSet | None = None,
        categories: Categories | None = None,
        gazetteer: Gazetteer | None = None,
        model: Model | None = None,
        cache: int = 4096,
    ) -> None:
        """Without ``model`` rules and category words judge alone."""
        self.city = city
        self.model = model
        #: The thresholds of the words alone.
        self.emergency, self.review = (model.emergency, model.review) if model else (EMERGENCY, REVIEW)
        self._hearing = Hearing(city, rules, categories, gazetteer)
        self.rules = self._hearing.rules
        self.categories = self._hearing.categories
        self.gazetteer = self._hearing.gazetteer
        self._groups = {c.code: c for g in city.taxonomy for c in g.categories}
        self._emergency = {c.code for g in city.taxonomy if g.emergency for c in g.categories}
        self._of_department: dict[str, list[Category]] = defaultdict(list)
        for category in self._groups.values():
            self._of_department[category.department].append(category)
        self._heard = lru_cache(maxsize=cache)(self._judged)
        self._words = lru_cache(maxsize=cache)(self._loud)
        self._lean = lru_cache(maxsize=len(city.lines) + 1)(self._leaning)

    def judge(self, line_number: str, turns: Sequence[Turn], caller: str = "") -> Verdict:
        """The verdict on a call to ``line_number`` after ``turns``, oldest first; an unknown line is a service line.

        ``caller``: the number called from as the exchange gave it, which helps to hear the one that is said.

        A call to an emergency line stays an emergency, whatever is said; ``suggest_transfer`` may be set. Any other
        call can only be raised.
        """
        line = self.city.line(line_number)
        on_emergency_line = line is not None and line.kind == "emergency"
        heard = [(turn, self._heard(turn.text).heard) for turn in turns]
        callers = [h for turn, h in heard if turn.leg == "caller"]
        windows = self._windows([turn for turn in turns if turn.leg == "caller"])

        hits = _best(h for h in _counted(heard) if on_emergency_line or not h.rule.emergency_line_only)
        by_rules = _probability(hits)
        p = self._combined(by_rules, windows)
        outcome = self._outcome(on_emergency_line, p, by_rules, hits)

        signs = _distinct(
            replace(sign, points=sign.points * _weight(order)) for order, h in enumerate(callers) for sign in h.signs
        )
        points = self._points(hits, signs, line)
        learned = self._learned(windows, line)
        candidates = learned or self._candidates(points, p, line)
        code = candidates[0].code if candidates else ""
        category = self._groups.get(code)

        places = where.places(turns, [h.mentions for _, h in heard], self.gazetteer)
        told = facts(turns, places, normal(caller, self.city.profile.area_code))
        natures: dict[str, float] = defaultdict(float)
        for order, h in enumerate(callers):
            for nature, value in h.natures:
                natures[nature] += value * _weight(order)
        nature = "求助" if code in self._emergency else self._nature(windows, natures, code)
        service_points = max((v for c, v in points.items() if c not in self._emergency), default=0.0)
        return Verdict(
            outcome=outcome,
            p_emergency=round(p, 4),
            candidates=candidates,
            nature=nature,
            department=category.department if category else (line.department if line else ""),
            assist=category.assist if category else (),
            places=places,
            phone=told.value("phone"),
            facts=told,
            reasons=_reasons(
                on_emergency_line, hits, [s for s in signs if s.code == code], self._deciding(windows, p, code)
            ),
            suggest_transfer=on_emergency_line and p < self.review and service_points >= 3.0 and not hits,
        )

    def _judged(self, text: str) -> _Judged:
        heard = self._hearing.hear(text)
        seen = features(heard) if self.model else None
        return _Judged(heard, seen, self.model.opinion(seen) if self.model and seen else None)

    def _windows(self, said: Sequence[Turn]) -> list[_Window]:
        """What the model says of each of the caller's utterances, and of each with the ones just before it.

        A further utterance adds windows and takes none away. After the first that says something callers mostly answer.
        Of an utterance that is still being said the model, which knows whole ones, must be surer.
        """
        made: list[_Window] = []
        opening = len(said)
        for at in range(len(said) if self.model else 0):
            for back in range(min(_TOGETHER, at + 1)):
                judged = self._heard("，".join(turn.text for turn in said[at - back : at + 1]))
                if judged.opinion is not None:
                    opening = min(opening, at)
                    later = at - back > opening
                    p = judged.opinion.p_later if later else judged.opinion.p_emergency
                    if said[at].partial:
                        p = logistic(logit(p) - _UNFINISHED)
                    made.append(_Window(judged, judged.opinion, p))
        return made

    def _combined(self, by_rules: float, windows: Sequence[_Window]) -> float:
        """Probability by the words: the model's most alarming window, raised by rules that are sure."""
        if not windows:
            return by_rules
        learned = max(window.p for window in windows)
        if by_rules >= _SURE:
            learned = max(learned, by_rules)
        elif by_rules >= EMERGENCY and learned >= _AGREES:
            learned = max(learned, self.emergency)
        return max(_BASE, min(0.999, learned))

    def _outcome(self, on_emergency_line: bool, p: float, by_rules: float, hits: Sequence[Hit]) -> Outcome:
        if on_emergency_line or p >= self.emergency:
            return "emergency"
        return "review" if p >= self.review or by_rules >= REVIEW or any(hit.guard for hit in hits) else "service"

    def _learned(self, windows: Sequence[_Window], line: Line | None) -> tuple[Candidate, ...]:
        """The two likeliest codes of the city by the model and the line; none without a model or words."""
        if self.model is None or not windows:
            return ()
        # Later windows fade, as later utterances do.
        fading = np.array([_weight(order) for order in range(len(windows))])
        likely = np.log(np.stack([window.opinion.codes for window in windows]) + 1e-9)
        leaning = fading @ likely / fading.sum() + self._lean(line.number if line else "")
        best = np.argsort(-leaning, kind="stable")[:2]
        shares = softmax(leaning)[best]
        return tuple(
            Candidate(code=self.model.codes[at], probability=round(float(share), 4))
            for at, share in zip(best.tolist(), shares, strict=True)
            if share > 0
        )

    def _leaning(self, line_number: str) -> Array:
        """How far the dialled line speaks for each of the model's codes; nothing speaks for one that the city lacks."""
        line = self.city.line(line_number)
        lean = np.full(len(self.model.codes) if self.model else 0, -np.inf)
        for at, code in enumerate(self.model.codes if self.model else ()):
            category = self._groups.get(code)
            if category is None:
                continue
            lean[at] = 0.0
            if line is not None:
                lean[at] += _LINE_LEAN if category.department == line.department else 0.0
                lean[at] += _EMERGENCY_LINE_LEAN if line.kind == "emergency" and code in self._emergency else 0.0
        return lean

    def _nature(self, windows: Sequence[_Window], points: dict[str, float], code: str) -> str:
        if self.model is None or not windows or not self.model.natures:
            return self.categories.nature(points, code)
        shares = sum(_weight(order) * window.opinion.natures for order, window in enumerate(windows))
        return self.model.natures[int(np.argmax(shares))]

    def _deciding(self, windows: Sequence[_Window], p: float, code: str) -> list[Reason]:
        """The words that spoke most for the model's judgement."""
        if self.model is None or not windows:
            return []
        reasons = []
        if p >= self.review:
            loudest = max(windows, key=lambda w: w.p)
            for words in self._words(loudest.judged.heard.text):
                reasons.append(Reason(rule="model.emergency", words=words, says="emergency"))
        if code in self.model.codes:
            says: Literal["emergency", "service"] = "emergency" if code in self._emergency else "service"
            for words in self._words(windows[0].judged.heard.text, code):
                reasons.append(Reason(rule=f"model.{code}", words=words, says=says))
        return reasons

    def _loud(self, text: str, code: str | None = None) -> list[str]:
        """The words of an utterance that speak most for a code, or for an emergency."""
        judged = self._heard(text)
        if self.model is None or judged.features is None:
            return []
        return [text[start:end] for start, end in self.model.words(judged.features, code)]

    def _points(self, hits: Sequence[Hit], signs: Sequence[Sign], line: Line | None) -> dict[str, float]:
        points: dict[str, float] = defaultdict(float)
        for hit in hits:
            for rank, code in enumerate(hit.rule.codes):
                worth = _RULE_POINTS * hit.rule.weight * hit.rule.specific / (1 + rank)
                points[code] += worth * 0.25 if hit.guard else worth
        damped = 0.5 if line is not None and line.kind == "emergency" else 1.0
        by_words: dict[str, float] = defaultdict(float)
        for sign in signs:
            # A patient's 声音 or 学生 is no complaint: on emergency lines only strong words keep their points.
            by_words[sign.code] += sign.points * (1.0 if sign.points >= STRONG else damped)
        for code, value in by_words.items():
            points[code] += min(value, _MOST_BY_WORDS)
        if line is not None:
            for category in self._of_department[line.department]:
                if points.get(category.code):
                    points[category.code] += _LINE_POINTS
                elif line.kind == "emergency" and "其他" in category.name:
                    # Nothing fits better on 120: still a patient.
                    points[category.code] += _LINE_POINTS / 2
        return {code: value for code, value in points.items() if code in self._groups and value > 0}

    def _candidates(self, points: dict[str, float], p: float, line: Line | None) -> tuple[Candidate, ...]:
        """The two likeliest categories; how far the words speak for an emergency tips between the kinds."""
        lean = max(-3.0, min(3.0, math.log(p / (1 - p))))
        if line is not None and line.kind == "emergency":
            lean = max(0.0, lean + 1.0)
        worth = {c: v + (lean if c in self._emergency else 0.0) for c, v in points.items()}
        total = sum(math.exp(v / _SHARPNESS) for v in worth.values())
        best = sorted(worth, key=lambda c: (-worth[c], c))[:2]
        return tuple(Candidate(code=c, probability=round(math.exp(worth[c] / _SHARPNESS) / total, 4)) for c in best)


def _counted(heard: Sequence[tuple[Turn, Heard]]) -> Iterable[Hit]:
    """The caller's hits, and those of the call taker's question that the caller then affirmed (有人受伤吗？——有)."""
    asked: tuple[Hit, ...] = ()
    for turn, h in heard:
        if turn.leg == "agent":
            asked = h.hits
        else:
            if asked and _YES.match(turn.text):
                yield from asked
            yield from h.hits
            asked = ()


def _best(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """One hit for each rule over the whole call, one that counts in full before a guarded one; strongest first."""
    best: dict[str, Hit] = {}
    for hit in hits:
        known = best.get(hit.rule.name)
        if known is None or (known.guard and not hit.guard):
            best[hit.rule.name] = hit
    return tuple(sorted(best.values(), key=lambda h: (bool(h.guard), -h.rule.weight, h.rule.name)))


def _probability(hits: Sequence[Hit]) -> float:
    """Noisy-or of the rules' weights: each further sign can only raise it."""
    none = guarded = 1.0
    for hit in hits:
        if hit.guard:
            guarded *= 1 - _GUARDED * hit.rule.weight
        else:
            none *= 1 - hit.rule.weight
    none *= max(guarded, 1 - _GUARDED_MOST)
    return max(_BASE, min(0.999, 1 - none))


def _weight(order: int) -> float:
    return max(_FADED, _FADING**order)


def _distinct(signs: Iterable[Sign]) -> tuple[Sign, ...]:
    """The same words count once, however often the caller repeats them."""
    first: dict[tuple[str, str], Sign] = {}
    for sign in signs:
        first.setdefault((sign.code, sign.words), sign)
    return tuple(first.values())


def _reasons(
    on_emergency_line: bool, hits: Sequence[Hit], signs: Sequence[Sign], learned: Sequence[Reason]
) -> tuple[Reason, ...]:
    reasons = [Reason(rule="line", words="", says="emergency")] if on_emergency_line else []
    for hit in hits:
        if hit.guard:
            reasons.append(Reason(rule=hit.rule.name, words=hit.words, says="guard"))
            reasons.append(Reason(rule=f"guard.{hit.guard}", words=hit.guard_words, says="guard"))
        else:
            reasons.append(Reason(rule=hit.rule.name, words=hit.words, says="emergency"))
    for sign in sorted(signs, key=lambda s: -s.points)[:3]:
        reasons.append(Reason(rule=f"category.{sign.code}", words=sign.words, says="service"))
    reasons += learned
    return tuple(dict.fromkeys(reasons))[:_MOST_REASONS]
