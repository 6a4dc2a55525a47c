"""heyi begins itself anew from the page with a call up: the changed line is there, no event and no call is lost."""

import httpx
import pytest

from core.bus import Bus
from core.city import City
from core.database import Database
from telephony import ledger
from tests.asterisk.conftest import TONE, Site, Taker, listening, say
from tests.asterisk.serving import START_S, Serve
from tests.eventually import until
from tests.unit.test_desk_live import Listener

pytestmark = [pytest.mark.asterisk, pytest.mark.models]

#: A SIP telephone in the example city's emergency desks.
DESK = "1007"
CALLER = "13800138000"
DEMO = "heyi-demo"
MORE = """
- number: 12399
  name: 试验热线
  name_en: Trial
  kind: service
  priority: 10
  opening: 您好。
  department: centre
"""


@pytest.fixture
def city(jinjiang: City) -> City:
    return jinjiang


async def signed_in(client: httpx.AsyncClient, login: str) -> None:
    assert (await client.post("/api/login", json={"login": login, "password": DEMO})).is_success


async def test_restarted_from_the_page_with_a_call_up(site: Site, serve: Serve) -> None:
    lines = site.settings.city_folder.path("lines.yaml").read_text("utf-8")
    taker = Taker(await site.phone(DESK))
    trunk = await site.phone("exchange", trunk=True)
    async with (
        httpx.AsyncClient(base_url=serve.base, trust_env=False) as admin,
        httpx.AsyncClient(base_url=serve.base, trust_env=False, timeout=None) as screen,  # noqa: S113  a stream
    ):
        await signed_in(admin, "admin")
        await signed_in(screen, "supervisor")
        async with screen.stream("GET", "/live") as stream:
            call = await trunk.call("119", caller=CALLER)
            await until(lambda: bool(taker.calls), lambda: "answered")
            seen = await Listener(stream).until("CallAnswered")
        last = max(event.seq for event in seen if event.seq is not None)

        form = {"name": "lines.yaml", "base": "0", "text": lines + MORE, "why": "新增线路"}
        assert (await admin.post("/settings/save", data=form)).status_code == 303
        assert "重启后生效：" in (await admin.get("/settings")).text
        assert "请先重启 heyi" in (await admin.get("/settings/asterisk")).text, (
            "this process does not know the line yet"
        )

        process, before = serve.pid(), (await admin.get("/api/settings/restart")).json()["boot"]
        asked = await admin.post("/settings/restart", data={"why": "启用新线路", "proof": DEMO})
        assert asked.status_code == 303, asked.text
        said: dict[str, object] = {}

        async def anew() -> bool:
            try:
                said.update((await admin.get("/api/settings/restart")).json())
            except httpx.HTTPError:
                return False
            page = "" if said["step"] != "refused" else (await admin.get("/settings/restart")).text
            assert not page, page
            return bool(said["boot"] != before)

        await until(anew, lambda: f"heyi begins anew: {said}", START_S)
        assert serve.pid() == process, "the same process for whoever began it"
        shown = (await admin.get("/settings?restarted=1")).text
        assert "没有等待重启的修改" in shown and "合一已重新启动" in shown, "still signed in, and nothing waits"
        assert "请先重启 heyi" not in (await admin.get("/settings/asterisk")).text, "the line is known"

        # The call has gone on without heyi, and its screen takes up where it was.
        assert not call.ended.is_set()
        await say(taker.calls[-1], listening(call), "the call goes on")
        await call.play(TONE)
        async with screen.stream("GET", "/live", headers={"Last-Event-ID": str(last)}) as stream:
            await call.hang_up()
            missed = await Listener(stream).until("CallEnded")
        assert [event.type for event in missed if event.seq is not None and event.seq <= last] == []
        # Waiting for the ledger's row is waiting for nothing else: the event is stored with it.
    database = Database(site.settings.db_url, Bus())
    async with database.read() as session:
        rows = await ledger.history(session, CALLER)
    await database.close()
    assert len(rows) == 1 and rows[0].ended_at is not None
    assert (rows[0].line, rows[0].agent, rows[0].outcome) == ("119", DESK, "answered")
