"""A line that an administrator adds on the page is taken by a real Asterisk, and no call is dropped for it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from core.city import City, Person
from core.cityfile import load_city
from core.clock import SystemClock
from core.settings import Settings
from desk.access.users import Users
from desk.app import create_app
from heyi.configuring import AsteriskConfig
from telephony.events import CallArrived, CallEnded, DeskJoined
from tests.asterisk.conftest import TONE, House, Site, Taker, site_settings
from tests.desk_fakes import PASSWORD, make_stage
from tests.eventually import until
from tests.unit.test_city_file import SMALL, write

pytestmark = pytest.mark.asterisk

MORE = (
    "- {number: 12315, name: 消费投诉, name_en: Consumers, kind: service, priority: 12, opening: 您好。,"
    " department: police}\n"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    seed = tmp_path / "small"
    seed.mkdir()
    write(seed)
    (seed / "desks.yaml").write_text(SMALL["desks.yaml"].replace("一号席", "一号席, kind: phone"), "utf-8")
    data = tmp_path / "data"
    data.mkdir()
    return site_settings(data).model_copy(update={"city": seed})


@pytest.fixture
def city(settings: Settings) -> City:
    return load_city(settings.city_folder)


@pytest.fixture
async def administrator(site: Site, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in at a desk over the site's folder and its Asterisk."""
    folder = tmp_path / "desk"
    folder.mkdir()
    stage = await make_stage(folder, SystemClock())
    services = replace(stage.services, settings=site.settings, city=site.city, exchange=AsteriskConfig(site.settings))
    await Users(services.database).make(Person(login="admin", name="管理员", role="administrator", password=PASSWORD))
    app = create_app(services)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test") as client,
    ):
        assert (await client.post("/api/login", json={"login": "admin", "password": PASSWORD})).is_success
        yield client
    await stage.bus.close()
    await stage.services.database.close()


async def test_a_line_from_the_page_takes_calls_and_the_call_that_is_up_goes_on(
    site: Site, house: House, administrator: httpx.AsyncClient
) -> None:
    taker = Taker(await site.phone("1001"))
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("110", caller="13800138000")
    await house.until(lambda: bool(house.of(DeskJoined)), "answered")

    form = {"name": "lines.yaml", "base": "0", "text": SMALL["lines.yaml"] + MORE, "why": "新增线路"}
    saved = await administrator.post("/settings/save", data=form)
    assert saved.status_code == 303, saved.text
    shown = (await administrator.get("/settings/asterisk")).text
    assert "extensions.conf" in shown and "12315" in shown
    assert (await administrator.post("/settings/asterisk/apply")).status_code == 303
    job: dict[str, object] = {}

    async def over() -> bool:
        job.update((await administrator.get("/api/settings/asterisk")).json()["job"])
        return not job["running"]

    await until(over, lambda: f"applied: {job}")
    assert (job["problems"], job["error"], job["changed"]) == ([], "", ["extensions.conf"])

    await call.play(TONE)
    await house.until(lambda: taker.hears(40), "the call goes on")
    assert not call.ended.is_set() and not house.of(CallEnded)
    other = await trunk.call("12315", caller="13800138001")
    await house.until(lambda: [e.line for e in house.of(CallArrived) if isinstance(e, CallArrived)] == ["110", "12315"],
                      "the new line takes calls")  # fmt: skip
    await other.hang_up()
    await call.hang_up()
    await house.until(lambda: len(house.of(CallEnded)) == 2, "both ended")


async def test_no_password_is_on_the_page(site: Site, administrator: httpx.AsyncClient) -> None:
    etc = site.settings.data / "asterisk" / "etc"
    for name in ("pjsip.conf", "manager.conf", "extensions.conf"):
        (etc / name).write_text("; nothing\n")
    shown = (await administrator.get("/settings/asterisk")).text
    assert "password = ••••" in shown and "secret = ••••" in shown
    exchange = AsteriskConfig(site.settings)
    told = exchange.differences(site.city)
    assert sorted(told) == ["extensions.conf", "manager.conf", "pjsip.conf"]
