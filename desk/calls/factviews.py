"""How the screens show what the caller told: names in the reader's language, values with their units, the words."""

from collections.abc import Callable
from typing import Any

from triage.facts.readback import grouped
from triage.verdict import Fact, FactKind, Place, Verdict

_NAMES: dict[FactKind, str] = {
    "relative": "位置",
    "phone": "电话",
    "name": "姓名",
    "hurt": "受伤",
    "trapped": "被困",
    "vehicle": "车辆",
    "plate": "车牌",
    "sum": "金额",
    "time": "时间",
}
#: Fields of a ticket that hold a fact as it is; all others are added to what it is about.
_FIELDS: dict[FactKind, str] = {"phone": "contact_phone", "name": "contact_name"}
#: Places beside the best that are worth a look.
_PLACES = 2

Text = Callable[[str], str]


def fact_views(verdict: Verdict, text: Text) -> list[dict[str, Any]]:
    """Places first, then the facts in the order told; ``text`` translates."""
    return [
        *(_place(place, text) for place in verdict.places[:_PLACES]),
        *(_fact(fact, text) for fact in verdict.facts.items),
    ]


def read_back_view(verdict: Verdict) -> dict[str, str]:
    """What the call taker says to the caller, always in Chinese, and its English for who reads that better."""
    return {"zh": verdict.facts.read_back, "en": verdict.facts.read_back_en}


def _place(place: Place, text: Text) -> dict[str, Any]:
    where = place.full
    if len(place.towns) > 1:
        where += text("（{towns}，待问明）").format(towns=text("、").join(place.towns))
    return {
        "kind": "place",
        "name": text("地点"),
        "value": where,
        "words": place.mention,
        "utterance_id": place.utterance_id,
        "leg": place.leg,
        "confirmed": place.confirmed,
        "point": list(place.point) if place.point else None,
        "takes": [{"field": "place", "value": place.full}],
    }


def _fact(fact: Fact, text: Text) -> dict[str, Any]:
    return {
        "kind": fact.kind,
        "name": text(_NAMES[fact.kind]),
        "value": _value(fact, text),
        "words": fact.words,
        "utterance_id": fact.utterance_id,
        "leg": fact.leg,
        "confirmed": fact.confirmed,
        "point": None,
        "takes": [_taken(fact)],
    }


def _taken(fact: Fact) -> dict[str, Any]:
    """What becomes of a ticket's field when the fact is taken into it; tickets are written in Chinese."""
    if fact.kind in _FIELDS:
        return {"field": _FIELDS[fact.kind], "value": fact.value}
    if fact.kind == "relative":
        return {"field": "place", "value": fact.value, "adds": True}
    return {"field": "summary", "value": _NAMES[fact.kind] + _value(fact, str).replace(" ", ""), "adds": True}


def _value(fact: Fact, text: Text) -> str:
    if fact.kind == "phone":
        return grouped(fact.value)
    if fact.kind in ("hurt", "trapped"):
        if fact.value == "0":
            return text("无")
        return text("至少 {count} 人" if fact.least else "{count} 人").format(count=fact.value)
    if fact.kind == "sum":
        return text("{sum} 元以上" if fact.least else "{sum} 元").format(sum=fact.value)
    return fact.value
