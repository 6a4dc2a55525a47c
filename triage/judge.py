"""The judgement of a call from everything heard so far. Pure: the same turns give the same verdict."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from core.city import City, Line
from telephony.events import Leg
from triage.categories import STRONG, Categories, Sign, load_categories
from triage.facts import callers_phone
from triage.places import Gazetteer, Mention
from triage.rules import Hit, RuleSet, load_rules
from triage.verdict import Candidate, Outcome, Place, Reason, Verdict

#: From this probability on the words alone raise a call; from REVIEW on a person looks again. Chosen on the
#: development utterances, see docs/triage.md.
EMERGENCY, REVIEW = 0.5, 0.25
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
_YES = re.compile(r"^[\s，。啊哦喂]*(?:是|对|有|嗯|恩|没错|在|要)(?!没有|不是)[^没不]{0,8}$")


@dataclass(frozen=True)
class Turn:
    """One utterance of one side."""

    leg: Leg
    text: str


@dataclass(frozen=True)
class _Heard:
    """What one utterance holds; kept, so that a partial costs only itself."""

    hits: tuple[Hit, ...]
    signs: tuple[Sign, ...]
    natures: tuple[tuple[str, float], ...]
    mentions: tuple[Mention, ...]


class Judge:
    """Judges the calls of one city. Utterances already seen come from a cache."""

    def __init__(
        self,
        city: City,
        rules: RuleSet | None = None,
        categories: Categories | None = None,
        gazetteer: Gazetteer | None = None,
        cache: int = 4096,
    ) -> None:
        self.city = city
        self.rules = rules or load_rules()
        self.categories = categories or load_categories()
        self.gazetteer = gazetteer or Gazetteer(city)
        self._groups = {c.code: c for g in city.taxonomy for c in g.categories}
        self._emergency = {c.code for g in city.taxonomy if g.emergency for c in g.categories}
        self._heard = lru_cache(maxsize=cache)(self._hear)

    def judge(self, line_number: str, turns: Sequence[Turn]) -> Verdict:
        """The verdict on a call to ``line_number`` after ``turns``, oldest first; an unknown line is a service line.

        A call to an emergency line stays an emergency, whatever is said; ``suggest_transfer`` may be set. Any other
        call can only be raised.
        """
        line = self.city.line(line_number)
        on_emergency_line = line is not None and line.kind == "emergency"
        heard = [(turn, self._heard(turn.text)) for turn in turns]
        callers = [h for turn, h in heard if turn.leg == "caller"]

        hits = _best(h for h in _counted(heard) if on_emergency_line or not h.rule.emergency_line_only)
        p = _probability(hits)
        outcome = _outcome(on_emergency_line, p, hits)

        signs = _distinct(
            replace(sign, points=sign.points * _weight(order)) for order, h in enumerate(callers) for sign in h.signs
        )
        points = self._points(hits, signs, line)
        candidates = self._candidates(points, p, line)
        code = candidates[0].code if candidates else ""
        category = self._groups.get(code)

        natures: dict[str, float] = defaultdict(float)
        for order, h in enumerate(callers):
            for nature, value in h.natures:
                natures[nature] += value * _weight(order)
        nature = "求助" if code in self._emergency else self.categories.nature(natures, code)
        service_points = max((v for c, v in points.items() if c not in self._emergency), default=0.0)
        return Verdict(
            outcome=outcome,
            p_emergency=round(p, 4),
            candidates=candidates,
            nature=nature,
            department=category.department if category else (line.department if line else ""),
            assist=category.assist if category else (),
            places=self._places(heard),
            phone=self._phone(turns),
            reasons=_reasons(on_emergency_line, hits, [s for s in signs if s.code == code]),
            suggest_transfer=on_emergency_line and p < REVIEW and service_points >= 3.0 and not hits,
        )

    def _hear(self, text: str) -> _Heard:
        mentions = self.gazetteer.mentions(text)
        names = [(m.start, m.end) for m in mentions if m.end - m.start >= 3]

        def outside(start: int, end: int) -> bool:
            """Not a part of a place's name: 火烧桥村 does not burn."""
            return not any(s <= start and end <= e for s, e in names)

        return _Heard(
            hits=tuple(h for h in self.rules.match(text) if outside(h.start, h.end)),
            signs=tuple(s for s in self.categories.signs(text) if outside(s.start, s.end)),
            natures=tuple(self.categories.natures(text).items()),
            mentions=mentions,
        )

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
            for code, category in self._groups.items():
                if category.department == line.department and points.get(code):
                    points[code] += _LINE_POINTS
                elif line.kind == "emergency" and category.department == line.department and "其他" in category.name:
                    # Nothing fits better on 120: still a patient.
                    points[code] += _LINE_POINTS / 2
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

    def _places(self, heard: Sequence[tuple[Turn, _Heard]]) -> tuple[Place, ...]:
        """The caller's places; the call taker's reading back only where the caller named none."""
        mentions = [h.mentions for turn, h in heard if turn.leg == "caller"]
        places = self.gazetteer.resolve(mentions)
        return places or self.gazetteer.resolve([h.mentions for turn, h in heard if turn.leg == "agent"])

    @staticmethod
    def _phone(turns: Sequence[Turn]) -> str:
        said = callers_phone([turn.text for turn in turns if turn.leg == "caller"])
        return said or callers_phone([turn.text for turn in turns if turn.leg == "agent"])


def _counted(heard: Sequence[tuple[Turn, _Heard]]) -> Iterable[Hit]:
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


def _outcome(on_emergency_line: bool, p: float, hits: Sequence[Hit]) -> Outcome:
    if on_emergency_line or p >= EMERGENCY:
        return "emergency"
    return "review" if p >= REVIEW or any(hit.guard for hit in hits) else "service"


def _weight(order: int) -> float:
    return max(_FADED, _FADING**order)


def _distinct(signs: Iterable[Sign]) -> tuple[Sign, ...]:
    """The same words count once, however often the caller repeats them."""
    first: dict[tuple[str, str], Sign] = {}
    for sign in signs:
        first.setdefault((sign.code, sign.words), sign)
    return tuple(first.values())


def _reasons(on_emergency_line: bool, hits: Sequence[Hit], signs: Sequence[Sign]) -> tuple[Reason, ...]:
    reasons = [Reason(rule="line", words="", says="emergency")] if on_emergency_line else []
    for hit in hits:
        if hit.guard:
            reasons.append(Reason(rule=hit.rule.name, words=hit.words, says="guard"))
            reasons.append(Reason(rule=f"guard.{hit.guard}", words=hit.guard_words, says="guard"))
        else:
            reasons.append(Reason(rule=hit.rule.name, words=hit.words, says="emergency"))
    for sign in sorted(signs, key=lambda s: -s.points)[:3]:
        reasons.append(Reason(rule=f"category.{sign.code}", words=sign.words, says="service"))
    return tuple(dict.fromkeys(reasons))[:_MOST_REASONS]
