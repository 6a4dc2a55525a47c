"""What one utterance holds for the judgement: rules that it meets, category words, natures, places. Pure."""

from dataclasses import dataclass

from core.city import City
from triage.categories import Categories, Sign, load_categories
from triage.places import Gazetteer, Mention
from triage.rules import Hit, RuleSet, load_rules


@dataclass(frozen=True)
class Heard:
    """What one utterance holds."""

    text: str
    hits: tuple[Hit, ...]
    signs: tuple[Sign, ...]
    natures: tuple[tuple[str, float], ...]
    mentions: tuple[Mention, ...]


class Hearing:
    """Hears for one city."""

    def __init__(
        self,
        city: City,
        rules: RuleSet | None = None,
        categories: Categories | None = None,
        gazetteer: Gazetteer | None = None,
    ) -> None:
        self.rules = rules or load_rules()
        self.categories = categories or load_categories()
        self.gazetteer = gazetteer or Gazetteer(city)

    def hear(self, text: str) -> Heard:
        """What ``text``, one utterance, holds; words inside a place's name count for nothing else."""
        mentions = self.gazetteer.mentions(text)
        names = [(m.start, m.end) for m in mentions if m.end - m.start >= 3]

        def outside(start: int, end: int) -> bool:
            """Not a part of a place's name: 火烧桥村 does not burn."""
            return not any(s <= start and end <= e for s, e in names)

        return Heard(
            text=text,
            hits=tuple(h for h in self.rules.match(text) if outside(h.start, h.end)),
            signs=tuple(s for s in self.categories.signs(text) if outside(s.start, s.end)),
            natures=tuple(self.categories.natures(text).items()),
            mentions=mentions,
        )
