"""More time, asked for on the spot: the same clocks, refusals and decisions as on the ticket's page."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.city_clocks import CityClocks, ClockPolicy
from core.clock import ManualClock
from tests import desk_fakes
from tests.desk_fakes import Stage, make_stage
from tests.unit.conftest import SignIn
from tests.unit.field_support import advance, body, noise
from tests.unit.test_field_api import press, tasks

CLOCKS = CityClocks(
    policies=(
        ClockPolicy(kind="accept", amount=4, unit="hours"),
        ClockPolicy(kind="handle", codes=("S1",), amount=5, unit="workdays", extensions=1),
    )
)


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(desk_fakes, "CITY", desk_fakes.CITY.model_copy(update={"clocks": CLOCKS}))
    made = await make_stage(tmp_path, ManualClock(datetime(2026, 11, 20, 1, 30, tzinfo=UTC)))
    yield made
    await made.bus.close()
    await made.services.database.close()


async def test_more_time_is_asked_for_on_the_spot_once_and_decided_as_on_the_tickets_page(
    stage: Stage, sign_in: SignIn
) -> None:
    ticket = await noise(stage)
    urban, lin = await sign_in("urban"), await sign_in("lin")
    [offered] = (await tasks(urban))["jobs"][0]["extensions"]
    assert offered["longest"] > 0 and offered["asked"] is None
    wish = body(stage, "extend", ticket.id, clock=offered["clock"], amount=offered["longest"], text="等材料")
    assert [(await press(urban, wish))["state"] for _ in range(2)] == ["done", "done"]
    [clock] = [
        one for one in (await lin.get(f"/api/tickets/{ticket.id}/clocks")).json() if one["id"] == offered["clock"]
    ]
    [asked] = clock["requests"]
    assert asked["note"] == "等材料" and asked["granted"] is None
    [offered] = (await tasks(urban))["jobs"][0]["extensions"]
    assert offered["longest"] == 0 and offered["asked"]["granted"] is None, "one wish at a time"
    again = await press(
        urban, {**body(stage, "extend", ticket.id, **{k: wish[k] for k in ("clock", "amount", "text")})}
    )
    assert again["state"] == "refused" and "已有申请待审批" in again["message"], "a phone must not try it for ever"
    answer = await lin.post(f"/api/clock-requests/{asked['id']}/refuse", json={"reason": "今天办完"})
    assert answer.status_code == 200
    [offered] = (await tasks(urban))["jobs"][0]["extensions"]
    assert offered["longest"] > 0 and offered["asked"]["granted"] is False and offered["asked"]["answer"] == "今天办完"
    history = (await lin.get(f"/api/tickets/{ticket.id}")).json()["history"]
    assert len([row for row in history if "延期：等材料" in row["note"] and row["action"] == "clock"]) == 1
    assert not [row for row in history if row["action"] == "field" and "申请延期" in row["note"]]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"text": " "}, "请填写申请理由"), ({"amount": 10_000}, "延长的时间超过一次所许"),
        ({"clock": "none"}, "没有这个时限"),
        ({"ticket": "other"}, ""),
    ],
)  # fmt: skip
async def test_more_time_is_refused_as_on_the_tickets_page(
    stage: Stage, sign_in: SignIn, change: dict[str, Any], why: str
) -> None:
    ticket, urban = await noise(stage), await sign_in("urban")
    [offered] = (await tasks(urban))["jobs"][0]["extensions"]
    wish = body(stage, "extend", ticket.id, clock=offered["clock"], amount=offered["longest"], text="等材料")
    told = await press(urban, {**wish, **change})
    assert told["state"] == "refused" and why in told["message"]
    [offered] = (await tasks(urban))["jobs"][0]["extensions"]
    assert offered["asked"] is None


async def test_no_other_department_asks_for_more_time(stage: Stage, sign_in: SignIn) -> None:
    ticket, fire = await noise(stage), await sign_in("fire")
    [offered] = (await tasks(await sign_in("urban")))["jobs"][0]["extensions"]
    wish = body(stage, "extend", ticket.id, "fire", clock=offered["clock"], amount=1, text="等材料")
    assert (await press(fire, wish))["state"] == "refused"


async def test_a_clock_that_is_over_offers_no_more_time(stage: Stage, sign_in: SignIn) -> None:
    ticket, urban = await noise(stage), await sign_in("urban")
    [offered] = (await tasks(urban))["jobs"][0]["extensions"]
    advance(stage, days=12)
    urban = await sign_in("urban")
    [late] = (await tasks(urban))["jobs"][0]["extensions"]
    assert (offered["longest"] > 0, late["longest"]) == (True, 0)
    wish = body(stage, "extend", ticket.id, clock=offered["clock"], amount=1, text="等材料")
    told = await press(urban, wish)
    assert told["state"] == "refused" and "时限已过" in told["message"]
