"""Which articles are proposed while a caller speaks. Pure.

Service calls come first: of an emergency only what its verdict's own categories need is shown (first aid, gas,
lifts), nothing else; a service call is never answered with first aid.
"""

from collections.abc import Sequence
from datetime import date

from core.city import City
from ticketing.knowledge.content import Content
from ticketing.knowledge.index import Found, Index
from triage.verdict import Verdict

#: Share of one way to ask that was said, with what the verdict's categories add; measured, see docs/knowledge.md.
BAR = 0.6
#: Weight of what was said of it: natural logarithm of how seldom callers say such words.
LEAST = 8.0
#: The verdict's first category, its others, and every other one.
_FIRST, _OTHER, _STRANGE = 0.35, 0.15, -0.25
LIMIT = 3


def propose(index: Index, city: City, said: Sequence[str], verdict: Verdict | None, day: date) -> list[Found]:
    """At most three articles for what the caller has ``said`` (oldest first) under this verdict, the best first."""
    candidates = [c.code for c in verdict.candidates] if verdict else []
    boost = {code: _FIRST if at == 0 else _OTHER for at, code in reversed(list(enumerate(candidates)))}
    town = next((place.town for place in verdict.places if place.town), "") if verdict else ""
    urgent = verdict is not None and verdict.outcome == "emergency"
    unsure = verdict is not None and verdict.outcome == "review"

    def takes(content: Content) -> bool:
        first_aid = bool(content.codes) and all(city.is_emergency(code) for code in content.codes)
        if urgent:
            return any(city.is_emergency(code) and code in boost for code in content.codes)
        return unsure or not first_aid

    return index.propose(
        "，".join(said), day, bar=BAR, least=LEAST, limit=LIMIT, boost=boost, otherwise=_STRANGE if candidates else 0.0,
        town=town, takes=takes,
    )  # fmt: skip
