"""Every address that can be read, asked as each role that is shown no caller: on none stands who called."""

import io
import re
from collections.abc import Iterator

import httpx
import openpyxl
import pytest

from core.city import Person
from desk.access.routes import ACTION_OF
from desk.access.table import may
from desk.access.users import Users
from telephony.events import CallTransferred
from tests.desk_fakes import PASSWORD, Stage
from tests.transcript_scene import transcribed
from tests.unit.conftest import SignIn
from tests.unit.test_access_masking import CONTACT, NAME, PEOPLE, PHONE
from tests.unit.test_access_masking import number as number
from ticketing.tables import Callback

#: Besides, a department whose ticket it is not, and who keeps the house.
KEEPER = Person(login="guan", name="管理员", role="administrator", password=PASSWORD)
ROLES = {person.login: person.role for person in (*PEOPLE, KEEPER)} | {"fire": "department"}
#: Streams do not end; what they carry is asked elsewhere.
STREAMS = re.compile(r"/live")


def addresses(role: str, number: str, ticket_id: str) -> Iterator[str]:
    """What this role may read, about the one call and its ticket; lists as files, too."""
    filled = {"number": number, "ticket_id": ticket_id, "call_id": "c-1", "unit": "none"}
    for name, action in ACTION_OF.items():
        method, path = name.split(" ")
        if method == "GET" and may(role, action) and not STREAMS.match(path):
            path = re.sub(r"\{(\w+)\}", lambda found: filled.get(found[1], "1"), path)
            yield from (path, f"{path}?xlsx=1", f"{path}?part=1&lang=en")


def read(answer: httpx.Response) -> str:
    if "spreadsheet" not in answer.headers.get("content-type", ""):
        return answer.text
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    return " ".join(str(cell) for sheet in book.worksheets for row in sheet.values for cell in row)


@pytest.mark.parametrize("login", ROLES)
async def test_who_is_shown_no_caller_finds_none_anywhere(
    stage: Stage, sign_in: SignIn, number: str, login: str
) -> None:
    lin, now = await sign_in("lin"), stage.clock.now()
    ticket_id = str((await lin.get("/api/tickets")).json()[0]["id"])
    async with stage.services.database.work() as work:
        work.session.add(
            Callback(ticket_id=ticket_id, round=0, attempt=1, call_id="cb-1", number=PHONE, due_at=now,
                     channel="person", who="wang", words=f"让我打 {CONTACT}")
        )  # fmt: skip
        work.record(CallTransferred(at=now, call_id="c-1", agent="1001", kind="blind", target=CONTACT, reason=PHONE))
    await lin.post(f"/api/tickets/{ticket_id}/supervise", json={"reason": f"请联系 {CONTACT}"})
    await lin.post("/api/marks", json={"number": PHONE, "kind": "harassment", "days": 1, "reason": f"找 {CONTACT}"})
    await stage.city.end("c-1")
    await transcribed(stage, "c-1", ("caller", "喂"), at=now, caller=PHONE)
    if login == KEEPER.login:
        await Users(stage.services.database, stage.clock).add(KEEPER)
    client, asked, found = await sign_in(login), 0, []
    for address in addresses(ROLES[login], number, ticket_id):
        answer = await client.get(address)
        asked += answer.status_code == 200
        assert answer.status_code < 500, address
        found += [
            (address, told, re.findall(f".{{0,60}}{told}.{{0,20}}", read(answer)))
            for told in (PHONE, CONTACT, NAME)
            if told in read(answer)
        ]
    assert asked > 10 and found == []
