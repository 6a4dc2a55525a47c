"""What triage says of a call, and the event that carries it."""

from dataclasses import dataclass
from typing import Literal

from core.events import Event

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
    #: The words that it came from.
    mention: str
    #: 0..1, likeness in sound.
    score: float


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

    @property
    def code(self) -> str:
        return self.candidates[0].code if self.candidates else ""

    @property
    def place(self) -> str:
        return self.places[0].canonical if self.places else ""


@dataclass(frozen=True, kw_only=True)
class CallTriaged(Event):
    """A call's verdict became known or changed."""

    verdict: Verdict
    #: True when this verdict raised the call to an emergency.
    raised: bool = False
