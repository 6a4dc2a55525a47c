"""The leaders' figures against rows made by hand: tiles, areas, rankings."""

from datetime import datetime, timedelta
from typing import Any

from core.city_assessment import CityAssessment
from desk.leader.areas import counted, together
from desk.leader.figures import Day, Today, since_first, tiles, trend_day
from desk.leader.ranking import anybody, rankings
from switchboard.figures.board import Board, Counts, Figures, Usual
from tests.unit.analysis_support import ZONE, fact
from ticketing.analysis.opened import Opened
from ticketing.analysis.places import Spot
from ticketing.assessment.measures import Count
from ticketing.assessment.score import Row, Tables
from ticketing.callbacks.figures import Asked

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=ZONE)
BEGIN = datetime(2026, 11, 20, tzinfo=ZONE)


def kind(key: str, counts: Counts, usual: Usual) -> Figures:
    return Figures(key, 0, None, 0, counts, usual, (0, 0, 0))


def today(**more: Any) -> Today:
    emergency = kind("emergency", Counts(20, 19, (15, 18, 19), 18, 1, 80.0), Usual(8, 25.0, 0.95, 0.0, 4.0))
    service = kind("service", Counts(100, 90, (60, 72, 80), 72, 10, 900.0), Usual(8, 90.0, 0.9, 12.0, 9.0))
    given: dict[str, Any] = {
        "now": NOW, "begin": BEGIN, "board": Board((emergency, service), (), ()),
        "day": Day(Opened(40, 4), Asked(12, 6, 2)),
        "past": [Day(Opened(30, 2), Asked(10, 4, 4)), Day(Opened(50, 6), Asked(0, 0, 0)), Day(Opened(), Asked())],
        "in_hand": 80, "overdue": 20, "waiting": 3,
    }  # fmt: skip
    return Today(**{**given, **more})


def by_key(**more: Any) -> dict[str, dict[str, Any]]:
    return {tile["key"]: tile for tile in tiles(today(**more))}


def test_calls_are_both_kinds_together_beside_their_usual_values() -> None:
    found = by_key()
    assert (found["calls"]["value"], found["calls"]["usual"]) == (120, 115.0)
    assert found["calls"]["parts"] == [
        {"key": "emergency", "value": 20, "href": "/calls?from=2026-11-20&direction=in&kind=emergency"}
    ]
    assert (found["gone"]["value"], found["gone"]["usual"], found["gone"]["bad"]) == (11, 12.0, True)


def test_a_share_says_its_standard_and_opens_the_calls_within_it() -> None:
    emergency, service = by_key()["share-emergency"], by_key()["share-service"]
    assert (emergency["value"], emergency["level"], emergency["bad"]) == (0.9, 0.9, False)
    assert (service["value"], service["level"], service["bad"]) == (0.72, 0.95, True)
    assert service["rows"] == 72
    assert service["href"] == "/calls?from=2026-11-20&direction=in&became=answered&within=15&kind=service"


def test_tickets_and_callbacks_are_compared_with_the_median_of_days_that_ran() -> None:
    found = by_key()
    assert (found["opened"]["value"], found["opened"]["usual"]) == (40, 40.0)
    assert (found["emergencies"]["value"], found["emergencies"]["usual"]) == (4, 4.0)
    # A day on which nobody was asked says nothing of satisfaction; one on which nobody was called, of callbacks.
    assert (found["satisfied"]["value"], found["satisfied"]["rows"], found["satisfied"]["usual"]) == (0.75, 8, 0.5)
    assert (found["callbacks"]["value"], found["callbacks"]["usual"]) == (12, 5.0)
    assert found["overdue"]["of"] == 0.25 and found["overdue"]["bad"]
    nothing = by_key(past=[], day=Day(Opened(), Asked()), overdue=0, in_hand=0)
    assert nothing["satisfied"]["value"] is None and nothing["opened"]["usual"] is None
    assert nothing["overdue"]["of"] is None and not nothing["overdue"]["bad"]


def test_a_day_of_the_trend_opens_its_own_rows() -> None:
    day = trend_day(BEGIN.date(), BEGIN, BEGIN + timedelta(days=1), 7, Opened(3, 1))
    assert day["calls_href"] == "/calls?from=2026-11-20&direction=in&to=2026-11-20"
    assert (day["calls"], day["opened"], day["emergencies"]) == (7, 3, 1)
    assert "emergency=1" in day["emergencies_href"] and "2026-11-21T00%3A00%3A00%2B08%3A00" in day["opened_href"]


def test_the_trend_begins_with_the_first_day_that_has_anything() -> None:
    def days(*counts: tuple[int, int]) -> list[dict[str, Any]]:
        return [
            trend_day(BEGIN.date() + timedelta(days=n), BEGIN, NOW, calls, Opened(opened, 0))
            for n, (calls, opened) in enumerate(counts)
        ]

    def left(*counts: tuple[int, int]) -> list[tuple[int, int]]:
        return [(day["calls"], day["opened"]) for day in since_first(days(*counts))]

    assert left((0, 0), (0, 0), (3, 0), (0, 0), (5, 1)) == [(3, 0), (0, 0), (5, 1)]
    assert left((0, 0), (0, 2), (1, 0)) == [(0, 2), (1, 0)]
    assert left((0, 0), (0, 0)) == [] == left()


def test_areas_are_the_same_however_the_days_are_cut() -> None:
    at = NOW
    facts = [
        fact(1, at, group="S1", spot=Spot("池店镇", "华洲村", (24.8, 118.5)), grid="g1"),
        fact(2, at, group="S1", spot=Spot("池店镇", "华洲村")),
        fact(3, at, group="S2", spot=Spot("池店镇")),
        fact(4, at, group="S2", spot=Spot("安海镇", "西畲村", (24.7, 118.4)), grid="g1"),
        fact(5, at, group="E1", spot=Spot()),
    ]
    whole = together([counted(facts)])
    assert whole == together([counted(facts[:2]), counted(facts[2:])])
    assert whole["groups"] == ["S1", "S2"]
    assert whole["towns"][0] == {"town": "池店镇", "count": 3, "groups": {"S1": 2, "S2": 1}}
    assert [(place["community"], place["count"]) for place in whole["communities"]] == [("华洲村", 2), ("西畲村", 1)]
    assert (whole["total"], whole["placed"], whole["pointed"], whole["grids"]) == (5, 4, 2, {"g1": 2})


def test_places_of_as_many_tickets_stand_by_pinyin() -> None:
    # Code points would put 安海镇 (U+5B89) behind 东石镇 (U+4E1C).
    names = ("紫帽镇", "东石镇", "安海镇", "池店镇")
    facts = [fact(n, NOW, group="S1", spot=Spot(name, f"{name[0]}村")) for n, name in enumerate(names)]
    found = together([counted(facts)])
    assert [one["town"] for one in found["towns"]] == ["安海镇", "池店镇", "东石镇", "紫帽镇"]
    assert [one["community"] for one in found["communities"]] == ["安村", "池村", "东村", "紫村"]


def test_departments_of_one_share_and_size_stand_by_pinyin() -> None:
    rows = [Row(who, name, "bureau", {"handle_ok": 20}, (), None) for who, name in
            (("a", "住建局"), ("b", "东石所"), ("c", "安海所"))]  # fmt: skip
    (bureaus,) = rankings(Tables(tuple(rows), {}), CityAssessment().tiers, 10)
    assert [(one["place"], one["name"]) for one in bureaus["late"]] == [(1, "安海所"), (1, "东石所"), (1, "住建局")]


def row(who: str, tier: str = "bureau", **counts: int) -> Row:
    named: dict[Count, int] = counts  # type: ignore[assignment]
    return Row(who, who, tier, named, (), None)


def test_nobody_is_ranked_on_fewer_cases_than_the_city_wants() -> None:
    rows = (
        row("few", handle_ok=9, handle_late=0),
        row("good", handle_ok=19, handle_late=1, satisfied=5, unsatisfied=5),
        row("same", handle_ok=38, handle_late=2, satisfied=9, unsatisfied=0),
        row("bad", handle_ok=5, handle_late=5, satisfied=30, unsatisfied=0),
        row("elsewhere", "town", handle_ok=0, handle_late=10),
        row("silent"),
    )
    (bureaus, towns) = rankings(Tables(rows, {}), CityAssessment().tiers, 10)
    assert [(one["place"], one["who"]) for one in bureaus["late"]] == [(1, "same"), (1, "good"), (3, "bad")]
    assert bureaus["late_few"] == 1
    assert [(one["place"], one["who"]) for one in bureaus["satisfied"]] == [(1, "bad"), (2, "good")]
    assert bureaus["satisfied_few"] == 1
    assert [one["who"] for one in towns["late"]] == ["elsewhere"] and towns["satisfied"] == []
    assert anybody([bureaus]) and not anybody(rankings(Tables((rows[0],), {}), CityAssessment().tiers, 10))
