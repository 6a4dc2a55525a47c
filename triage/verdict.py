"""What triage says of a call, and the event that carries it."""

from dataclasses import dataclass, replace
from typing import Literal

from core.events import Event
from telephony.events import Leg

Outcome = Literal["emergency", "review", "service"]


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Words that decided, and the rule that they met."""

    #: Name of the rule, e.g. ``fire.smoke`` or ``line`` (the number that was dialled).
    rule: str
    #: The words as heard; empty for a reason that is not in the words.
    words: str
    #: What the rule speaks for: ``emergency``, ``service`` or ``guard``.
    says: Literal["emergency", "service", "guard"]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A category and its share among the candidates, 0..1."""

    code: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place that was named."""

    #: Official name: town + community + rest (``池店镇华洲村``).
    canonical: str
    town: str
    community: str
    #: The words that it came from, as heard.
    mention: str
    #: 0..1, likeness in sound.
    score: float
    #: Where it lies as seen from the place, where that was said: ``对面``, ``往官田方向``, ``与泉安路交叉口``.
    relative: str = ""
    #: The utterance that named it, by its order in the call (-1: unknown) and by its id (empty where it has none).
    turn: int = -1
    utterance_id: str = ""
    leg: Leg = "caller"
    #: The call taker read it back, and the caller agreed.
    confirmed: bool = False
    #: Towns that have a community of this name, where none of them was said: the call taker asks.
    towns: tuple[str, ...] = ()
    #: Degrees north and east (WGS 84), where the city's files know them.
    point: tuple[float, float] | None = None
    #: How many metres from there the place meant may lie: a village is wide.
    point_m: float = 0.0

    @property
    def full(self) -> str:
        """Official name and where from there: what stands on a ticket."""
        return self.canonical + self.relative


#: ``relative`` is a place that no gazetteer holds (湘味小炒旁边); ``hurt`` and ``trapped`` count people.
FactKind = Literal["relative", "phone", "name", "hurt", "trapped", "vehicle", "plate", "sum", "time"]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing that was told, and where."""

    kind: FactKind
    #: Digits of a telephone number, a count of people, yuan; else the words, put right.
    value: str
    #: The words as heard, and the utterance they stand in (empty where it has no id).
    words: str
    utterance_id: str = ""
    leg: Leg = "caller"
    #: The call taker read it back, and the caller agreed.
    confirmed: bool = False
    #: The value is a least one: 好几个, 有人, 三十多.
    least: bool = False


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All facts beside the places, at most one of phone, name, hurt and trapped; in the order told."""

    items: tuple[Fact, ...] = ()
    #: What the call taker reads back to have it confirmed, empty when nothing is open; and the same in English.
    read_back: str = ""
    read_back_en: str = ""

    def all(self, kind: FactKind) -> tuple[Fact, ...]:
        return tuple(fact for fact in self.items if fact.kind == kind)

    def value(self, kind: FactKind) -> str:
        """Value of the first fact of ``kind``, or empty."""
        return next((fact.value for fact in self.items if fact.kind == kind), "")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Judgement of everything heard so far."""

    outcome: Outcome
    #: Probability of an emergency from the words alone, 0..1.
    p_emergency: float
    #: Best first; at most two are shown.
    candidates: tuple[Candidate, ...]
    #: 咨询 求助 投诉 举报 建议 表扬 其他
    nature: str
    #: Key of the main department, and of those that assist.
    department: str
    assist: tuple[str, ...]
    places: tuple[Place, ...]
    #: Telephone number said by the caller, digits only, or empty.
    phone: str
    reasons: tuple[Reason, ...]
    #: True where an emergency line's caller seems to have a service matter (a suggestion, never a downgrade).
    suggest_transfer: bool = False
    facts: Facts = Facts()

    @property
    def code(self) -> str:
        return self.candidates[0].code if self.candidates else ""

    @property
    def place(self) -> str:
        return self.places[0].canonical if self.places else ""


def wordless(verdict: Verdict) -> Verdict:
    """The judgement without what the caller said: for whoever may not read all of the call."""
    reasons = tuple(replace(reason, words="") for reason in verdict.reasons)
    return replace(verdict, places=(), phone="", reasons=reasons, facts=Facts())


@dataclass(frozen=True, kw_only=True)
class CallTriaged(Event):
    """A call's verdict became known or changed."""

    verdict: Verdict
    #: True when this verdict raised the call to an emergency.
    raised: bool = False
