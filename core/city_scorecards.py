"""``scorecards.yaml``: what reviewers score a call by. Arithmetic: :mod:`quality.scorecards.score`."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from core.cityfaults import Faults, File, quote
from core.citytypes import Data, Key, KeyOrNone, MaybeText, Text

CardKind = Literal["service", "emergency"]


class ScoreItem(Data):
    """One thing that a reviewer answers."""

    key: Key
    name: Text
    name_en: Text
    #: ``yes_no``: all of its weight or nothing; ``scale``: 0 to ``top``, in proportion.
    kind: Literal["yes_no", "scale"] = "yes_no"
    #: Of 100; 0 only where the item counts by failing alone.
    weight: Annotated[int, Field(ge=0, le=100)] = 0
    top: Annotated[int, Field(ge=2, le=10)] = 5
    #: 一票否决: a "no" makes the whole call 0.
    auto_fail: bool = False
    #: Whether it may not apply to a call.
    may_skip: bool = False
    #: Name of the automatic check that answers it beforehand; empty: only a person can.
    check: KeyOrNone = ""
    #: When the answer is yes, or what each end of the scale means.
    guide: MaybeText = ""
    guide_en: MaybeText = ""


class ScoreSection(Data):
    """Items that belong together."""

    name: Text
    name_en: Text
    items: Annotated[tuple[ScoreItem, ...], Field(min_length=1)]


class Scorecard(Data):
    """One card in one version. Whoever changes anything gives it the next ``version``: scores name theirs."""

    key: Key
    version: Annotated[int, Field(ge=1)]
    name: Text
    name_en: Text
    #: Which calls it is for.
    kind: CardKind
    #: Points from which a call has passed.
    pass_mark: Annotated[int, Field(ge=0, le=100)] = 80
    sections: Annotated[tuple[ScoreSection, ...], Field(min_length=1)]

    def items(self) -> Iterator[ScoreItem]:
        """All items, in their order."""
        for section in self.sections:
            yield from section.items


def check_scorecards(file: File[Scorecard], faults: Faults) -> None:
    """Note what no single item shows: keys that stand twice, weights that are not 100, items that do nothing."""
    keys: dict[str, int] = {}
    kinds: dict[str, int] = {}
    for card, node in file.records:
        for seen, name, value in ((keys, "key", card.key), (kinds, "kind", card.kind)):
            line = node.get(name).line
            if value in seen:
                faults.add(file.path, line, f"{name} {quote(value)} stands on line {seen[value]} too, expected once")
            seen.setdefault(value, line)
        items: dict[str, int] = {}
        checks: dict[str, int] = {}
        for section, part in zip(card.sections, node.get("sections").items(), strict=True):
            for item, entry in zip(section.items, part.get("items").items(), strict=True):
                line = entry.line
                if item.key in items:
                    text = f"item {quote(item.key)} stands on line {items[item.key]} too, expected once"
                    faults.add(file.path, line, text)
                items.setdefault(item.key, line)
                if item.check and item.check in checks:
                    text = f"check {quote(item.check)} answers line {checks[item.check]} too, expected one item"
                    faults.add(file.path, line, text)
                checks.setdefault(item.check, line)
                for text in _item_faults(item):
                    faults.add(file.path, line, text)
        total = sum(item.weight for item in card.items())
        if total != 100:
            faults.add(file.path, node.get("sections").line, f"the weights of {card.key} sum to {total}, expected 100")


def _item_faults(item: ScoreItem) -> Iterator[str]:
    scale = item.kind == "scale"
    if scale and item.auto_fail:
        yield f"item {quote(item.key)} is a scale, expected auto_fail on yes_no alone"
    if scale and item.check:
        yield f"item {quote(item.key)} is a scale, expected check on yes_no alone"
    if not scale and "top" in item.model_fields_set:
        yield f"item {quote(item.key)} is yes_no, expected top on a scale alone"
    if item.weight == 0 and not item.auto_fail:
        yield f"item {quote(item.key)} weighs 0, expected a weight or auto_fail"
