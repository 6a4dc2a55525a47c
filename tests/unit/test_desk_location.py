"""The call card's place: where the caller is and how sure that is, in the reader's language."""

from typing import Any

import httpx

from desk.app import create_app
from telephony.events import CallLocated
from tests.desk_fakes import PASSWORD, Stage


async def card(stage: Stage, query: str = "") -> Any:
    app = create_app(stage.services)
    async with app.router.lifespan_context(app), httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://desk.test"
    ) as client:  # fmt: skip
        await client.post("/api/login", json={"login": "wang", "password": PASSWORD})
        answer = await client.get(f"/api/calls/c-1{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()["location"]


async def test_a_call_shows_where_its_caller_is(stage: Stage) -> None:
    await stage.city.arrive("c-1", "12345", "13800001234")
    await stage.city.ring("c-1", "1001")
    assert await card(stage) is None
    async with stage.services.database.work() as work:
        work.record(
            CallLocated(
                at=stage.services.clock.now(), call_id="c-1", latitude=24.7814, longitude=118.5522, radius_m=350
            )
        )
    assert await card(stage) == {
        "text": "24.78140°N 118.55220°E", "radius_m": 350, "source": "运营商定位", "latitude": 24.7814,
        "longitude": 118.5522,
    }  # fmt: skip
    assert (await card(stage, "?lang=en"))["source"] == "Position from the network"
