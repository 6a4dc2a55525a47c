"""What is near: by position, else by village; never by what it is about."""

from datetime import UTC, datetime
from typing import Any

from triage.incidents.account import Account
from triage.incidents.near import Near, near

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
HERE = (24.80, 118.55)


def account(call_id: str, **known: Any) -> Account:
    return Account(call_id=call_id, at=AT, emergency=False, **known)


def test_the_nearest_comes_first_and_what_is_far_does_not_come() -> None:
    mine = account("c-0", point=HERE)
    others = [
        account("far", point=(24.82, 118.55)),
        account("second", point=(24.8050, 118.55)),
        account("first", point=(24.8010, 118.55)),
    ]
    found = near(mine, others)
    assert [one.call_id for one in found] == ["first", "second"]
    assert found[0].metres is not None
    assert 110 < found[0].metres < 112


def test_the_same_village_is_near_where_no_point_is_known_and_another_towns_is_not() -> None:
    mine = account("c-0", town="池店镇", community="华洲村")
    others = [
        account("same", town="池店镇", community="华洲村", point=HERE),
        account("elsewhere", town="安海镇", community="华洲村"),
        account("nowhere"),
    ]
    assert near(mine, others) == [Near("same", None)]
    assert near(account("c-0"), others) == []


def test_a_place_that_was_told_counts_before_the_telephones_and_a_vague_one_not_at_all() -> None:
    mine = account("c-0", point=HERE, position=(24.90, 118.55))
    assert [one.call_id for one in near(mine, [account("a", point=HERE)])] == ["a"]
    assert near(mine, [account("b", position=(24.90, 118.55))]) == []
    vague = account("c", point=HERE, point_m=3000.0)
    assert near(mine, [vague]) == []
