"""What one look draws besides its warnings: words, clusters, hours, repeat callers. Pure; JSON types."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from core.city_analysis import CityAnalysis
from ticketing.analysis.clusters import clusters, heat, repeats
from ticketing.analysis.facts import Fact
from ticketing.analysis.words import hot_words

#: Days of the heat by hour and weekday, and of the repeat callers.
HEAT_DAYS, REPEAT_DAYS = 28, 30
_MOST = 40


def picture(
    facts: Sequence[Fact], until: datetime, setting: CityAnalysis, watched: Callable[[Fact], bool]
) -> dict[str, Any]:
    """``until``: end of the look, in the city's zone. Facts reach back as far as the look does."""

    def since(days: float) -> datetime:
        return until - timedelta(days=days)

    days = setting.days
    now = [fact for fact in facts if since(days) <= fact.at < until and watched(fact)]
    before = [fact for fact in facts if since(2 * days) <= fact.at < since(days) and watched(fact)]
    # The days that are shown are no past of their own.
    reach = max((until - facts[0].at).total_seconds() / 86400 - days, 1.0) if facts else 1.0
    past = [fact for fact in facts if fact.at < since(days) and watched(fact)]
    lately = [fact for fact in facts if since(REPEAT_DAYS) <= fact.at < until]
    return {
        "days": days,
        "since": since(days).isoformat(),
        "before": since(2 * days).isoformat(),
        "until": until.isoformat(),
        "tickets": len(now),
        "words": [[hot.word, hot.count, hot.before, round(hot.g2, 1)] for hot in hot_words(now, before)],
        "clusters": [
            {
                "group": c.group, "town": c.town, "community": c.community, "middle": c.middle,
                "radius_m": round(c.radius_m), "ids": c.ids, "callers": c.callers, "usual": round(c.usual, 2),
                "words": c.words,
            }
            for c in clusters(now, past, reach / days, near_m=setting.near_m, near=setting.near)[:_MOST]
        ],
        "heat_since": since(HEAT_DAYS).isoformat(),
        "heat": heat([fact for fact in facts if since(HEAT_DAYS) <= fact.at < until]),
        "repeat_days": REPEAT_DAYS,
        "repeats": [
            {
                "ids": r.ids, "caller": r.caller, "code": r.code, "same": r.same, "open": r.open,
                "unsatisfied": r.unsatisfied,
            }
            for r in repeats(lately, setting.repeats)[:_MOST]
        ],
    }  # fmt: skip
