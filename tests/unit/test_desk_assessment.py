"""一键考核 at the desk: figures that open their tickets, freezing, Excel, the bulletin, and who sees what."""

import html
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from openpyxl import load_workbook
from sqlalchemy import select, update

from core.city import Person
from desk.access.users import Users
from desk.assess.assesscharts import bars, lines, spark
from tests.desk_fakes import CITY, PASSWORD, Stage, make_stage
from tests.eventually import PATIENCE_S
from tests.unit.assess_support import fill
from tests.unit.conftest import SignIn
from ticketing.assessment.period import Period
from ticketing.assessment.service import Assessment, Progress, StillReadingError
from ticketing.assessment.tables import FrozenPeriod
from ticketing.tables import Ticket

OCTOBER = "2026-10"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a page is its figures and not how far they are."""
    monkeypatch.setattr("ticketing.assessment.service.PATIENCE_S", PATIENCE_S)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The city in November with an October behind it."""
    made = await make_stage(tmp_path)
    judge = Person(login="judge", name="督查员", role="arbiter", password=PASSWORD)
    await Users(made.services.database).add(judge)
    await fill(made.services.database, CITY, datetime(2026, 10, 2, tzinfo=UTC), 150, days=20)
    yield made
    await made.bus.close()
    await made.services.database.close()


LINK = re.compile(r'<a href="(/assessment/cases\?[^"]+)">(\d+)</a>')


async def listed(client: httpx.AsyncClient, address: str) -> tuple[int, int]:
    """What a figure's page says, and how many lines it has on all its pages."""
    said, found, after = -1, 0, address
    while after:
        answer = await client.get(after)
        assert answer.status_code == 200, answer.text
        said = int(re.search(r'data-test="found">(\d+)', answer.text)[1])  # type: ignore[index]
        found += answer.text.count('data-test="case"')
        more = re.search(r'href="([^"]+)">下一页', answer.text)
        after = html.unescape(more[1]) if more else ""
    return said, found


async def freeze(client: httpx.AsyncClient, reason: str = "", period: str = OCTOBER) -> httpx.Response:
    return await client.post("/assessment/freeze", data={"period": period, "reason": reason})


async def test_every_figure_opens_exactly_its_tickets(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("lin")
    for of in ("departments", "agents"):
        shown = (await client.get(f"/assessment?period={OCTOBER}&of={of}")).text
        links = LINK.findall(shown)
        assert len(links) > 20
        for address, number in links:
            assert await listed(client, html.unescape(address)) == (int(number), int(number)), address


async def test_a_score_is_shown_with_its_formula_and_its_numbers(stage: Stage, sign_in: SignIn) -> None:
    shown = (await (await sign_in("lin")).get(f"/assessment?period={OCTOBER}")).text
    assert re.search(r"得分 = 100 × [\d.]+ ÷ [\d.]+ = <b>[\d.]+</b>", shown)
    assert "按时办结 ÷（按时办结 + 办理超期）" in shown and "未定版" in shown
    first = re.search(r'data-who="(\w+)".*?role="tooltip">.*?<b>([\d.]+)</b></p>', shown, re.DOTALL)
    assert first is not None


async def test_a_frozen_month_shows_who_froze_it_and_a_correction_beside_it(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("lin")
    assert (await freeze(client)).headers["location"] == f"/assessment?period={OCTOBER}&version=1"
    shown = (await client.get(f"/assessment?period={OCTOBER}")).text
    assert "第 1 版" in shown and "林主任 定版" in shown and 'data-test="freeze"' not in shown
    assert (await freeze(client)).status_code == 400
    live = (await client.get(f"/assessment?period={OCTOBER}&version=0")).text
    assert "更正并定为第 2 版" in live
    assert (await freeze(await sign_in("judge"), "剔除重复件")).status_code == 303
    shown = (await client.get(f"/assessment?period={OCTOBER}")).text
    assert "剔除重复件" in shown and f"period={OCTOBER}&amp;version=1" in shown
    for address, number in LINK.findall(shown)[:8]:
        assert "version=2" in address
        assert await listed(client, html.unescape(address)) == (int(number), int(number))
    assert (await freeze(client, "", "2026-11")).status_code == 403


async def test_departments_see_what_was_frozen_and_open_their_own_figures(stage: Stage, sign_in: SignIn) -> None:
    chief, urban = await sign_in("lin"), await sign_in("urban")
    assert (await urban.get(f"/assessment?period={OCTOBER}")).status_code == 400
    assert (await urban.get(f"/assessment/cases?period={OCTOBER}&of=departments&count=received")).status_code == 403
    await freeze(chief)
    shown = (await urban.get("/assessment")).text
    links = [html.unescape(address) for address, _ in LINK.findall(shown)]
    assert links and all("who=urban" in address for address in links)
    assert (await urban.get(links[0])).status_code == 200
    assert (await urban.get(links[0].replace("who=urban", "who=fire"))).status_code == 403
    assert (await urban.get(links[0].replace("&who=urban", ""))).status_code == 403
    assert (await urban.get(links[0].replace("version=1", "version=0"))).status_code == 400
    assert (await urban.get("/assessment?of=agents")).status_code == 403
    assert (await freeze(urban, "我们不服")).status_code == 403
    book = load_workbook(BytesIO((await urban.get(f"/assessment.xlsx?period={OCTOBER}")).content))
    assert book.sheetnames == ["汇总", "部门", "镇街", "公式"]


async def test_the_excel_file_names_who_froze_it_and_the_citys_day(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("lin")
    await freeze(client)
    async with stage.services.database.work() as work:
        row = (await work.session.scalars(select(FrozenPeriod))).one()
        row.frozen_at = datetime(2026, 10, 31, 16, 30, tzinfo=UTC)  # half past midnight here
    book = load_workbook(BytesIO((await client.get(f"/assessment.xlsx?period={OCTOBER}")).content))
    assert book["汇总"]["A2"].value == "第 1 版，2026-11-01 由 林主任 定版"


async def test_a_version_that_was_changed_says_so_wherever_it_is_shown(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("lin")
    await freeze(client)
    pages = [f"/assessment{p}?period={OCTOBER}" for p in ("", "/bulletin")]
    pages.append(f"/assessment/cases?period={OCTOBER}&version=1&of=departments&count=received")
    for page in pages:
        assert 'data-test="changed"' not in (await client.get(page)).text, page
    async with stage.services.database.work() as work:
        row = (await work.session.scalars(select(FrozenPeriod))).one()
        row.tables = {**row.tables, "departments": {**row.tables["departments"], "total": {"received": 9999}}}
    for page in pages:
        assert 'data-test="changed"' in (await client.get(page)).text, page
    book = load_workbook(BytesIO((await client.get(f"/assessment.xlsx?period={OCTOBER}")).content))
    assert "请勿采用" in str(book["汇总"]["A3"].value)


async def test_a_department_is_refused_before_any_month_is_read(
    stage: Stage, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    chief, urban = await sign_in("lin"), await sign_in("urban")
    await freeze(chief)

    async def read(*_: object) -> None:
        raise AssertionError("a month was read for a department")

    monkeypatch.setattr(Assessment, "_read", read)
    for period in ("2026-09", "2026-H2", "2026", "2025"):
        assert (await urban.get(f"/assessment?period={period}")).status_code == 400
        assert (await urban.get(f"/assessment.xlsx?period={period}")).status_code == 400
    # October is frozen; September, with which it would be compared, is not.
    for path in ("", "/bulletin"):
        assert (await urban.get(f"/assessment{path}?period={OCTOBER}")).status_code == 200


async def test_a_month_that_takes_long_shows_how_far_it_is(
    stage: Stage, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def opened(*_: object) -> None:
        raise StillReadingError(Progress(Period(2026, 9), 500, 2000))

    client = await sign_in("lin")
    monkeypatch.setattr(Assessment, "opened", opened)
    for path in ("", "/bulletin"):
        answer = await client.get(f"/assessment{path}?period={OCTOBER}")
        assert answer.status_code == 202 and 'http-equiv="refresh"' in answer.text
        assert "2026年9月：500/2000 件工单" in answer.text


async def test_a_department_reads_no_summary_of_a_ticket_that_it_may_not_see(stage: Stage, sign_in: SignIn) -> None:
    chief, urban = await sign_in("lin"), await sign_in("urban")
    await freeze(chief)
    address = f"/assessment/cases?period={OCTOBER}&version=1&of=departments&who=urban&count=received"
    assert "路灯不亮" in (await urban.get(address)).text
    async with stage.services.database.work() as work:
        await work.session.execute(update(Ticket).values(department="fire"))
    shown = (await urban.get(address)).text
    assert 'data-test="case"' in shown and "路灯不亮" not in shown
    assert "路灯不亮" in (await chief.get(address)).text


@pytest.mark.parametrize("login", ["wang", "su"])
async def test_call_takers_see_none_of_it(stage: Stage, sign_in: SignIn, login: str) -> None:
    client = await sign_in(login)
    for path in ("", ".xlsx", "/bulletin", "/cases"):
        answer = await client.get(f"/assessment{path}?period={OCTOBER}&of=departments&count=received")
        assert answer.status_code == 403, path
    assert 'href="/assessment"' not in (await client.get("/desk")).text


async def test_questions_that_make_no_sense_are_refused_in_words(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("lin")
    for query, status in (
        ("period=2026-13", 400), ("period=2027-01", 400), (f"period={OCTOBER}&of=towns", 422),
        (f"period={OCTOBER}&version=7", 400), ("period=%00", 400),
    ):  # fmt: skip
        assert (await client.get(f"/assessment?{query}")).status_code == status, query
    wrong = f"/assessment/cases?period={OCTOBER}&of=departments&count=received,nonsense"
    assert (await client.get(wrong)).status_code == 422
    assert (await client.get("/assessment?period=2025")).status_code == 200


async def test_the_excel_file_has_numbers_and_no_formula(stage: Stage, sign_in: SignIn) -> None:
    await Users(stage.services.database).add(
        Person(login="wang", name='=HYPERLINK("http://x")', role="agent", password=PASSWORD, extension="1001")
    )
    client = await sign_in("lin")
    shown = (await client.get(f"/assessment?period={OCTOBER}")).text
    data = (await client.get(f"/assessment.xlsx?period={OCTOBER}")).content
    book = load_workbook(BytesIO(data))
    assert book.sheetnames == ["汇总", "部门", "镇街", "坐席人员", "公式"]
    assert not [c.coordinate for sheet in book for row in sheet.iter_rows() for c in row if c.data_type == "f"]
    rows = list(book["部门"].iter_rows(values_only=True))
    head = [str(name) for name in rows[0]]
    for row in rows[1:]:
        who = next(d.id for d in CITY.departments if d.name == row[2])
        links = dict((f"{who}:{address}", n) for address, n in LINK.findall(shown) if f"who={who}" in address)
        received = next(n for address, n in links.items() if "count=received&" in address)
        assert row[head.index("承办件数")] == int(received)
        share, part, whole = (row[head.index(f"按时办结率{end}")] for end in ("", "分子", "分母"))
        assert share == pytest.approx(part / whole)  # type: ignore[operator]
        assert isinstance(row[head.index("得分")], float)


async def test_the_bulletin_says_in_sentences_what_the_table_shows(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("lin")
    draft = (await client.get(f"/assessment/bulletin?period={OCTOBER}")).text
    assert 'data-test="draft"' in draft
    await freeze(client)
    shown = (await client.get(f"/assessment/bulletin?period={OCTOBER}")).text
    assert 'data-test="draft"' not in shown
    assert "关于2026年10月热线工单办理情况的通报" in shown and "〔2026〕10号" in shown
    table = (await client.get(f"/assessment?period={OCTOBER}")).text
    total = table[table.index('data-test="total"') :]
    received = re.search(r"count=received\">(\d+)<", total)
    assert received and f"本期共派办工单 {received[1]} 件次" in shown
    late = re.search(r"count=handle_late\">(\d+)<", total)
    assert late and f"办理超期 {late[1]} 件次，较多的是" in shown
    assert shown.count("<svg") >= 2 and "印章" in shown
    english = (await client.get(f"/assessment/bulletin?period={OCTOBER}&lang=en")).text
    article = english[english.index("<article") : english.index("</article>")]
    assert "Bulletin on the handling of hotline tickets, 2026-10" in article
    assert not re.search(r"[\u3400-\u9fff，。；、（）]", article)


async def test_the_page_is_english_throughout(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("lin")
    await client.get("/assessment?lang=en")
    shown = (await client.get(f"/assessment?period={OCTOBER}")).text
    main = shown[shown.index("<main") : shown.index("</main>")]
    assert not re.search(r"[\u3400-\u9fff]", main)


async def test_sparklines_come_from_frozen_months(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("lin")
    await fill(stage.services.database, CITY, datetime(2026, 9, 2, tzinfo=UTC), 60, days=20, seed=2)
    assert 'class="spark"' not in (await client.get(f"/assessment?period={OCTOBER}")).text
    await freeze(client, "", "2026-09")
    shown = (await client.get(f"/assessment?period={OCTOBER}")).text
    assert 'class="spark"' in shown


def test_charts_escape_what_they_are_given() -> None:
    name = '<script>"&'
    drawn = [
        spark([("a", 1.0), (name, 2.0)], name), bars([(name, 50.0), ("很长" * 9, 0.0)], name),
        lines([(name, [(name, 90.0), ("b", None), ("c", 95.0)]), ("二", [("a", 90.0), ("b", 91.0), ("c", 95.0)])], "x"),
    ]  # fmt: skip
    for chart in drawn:
        assert "<script>" not in chart and str(chart).startswith("<svg") and "nan" not in chart
    assert spark([("a", 1.0), ("b", None)], "x") == ""
    heights = [float(y) for y in re.findall(r'<text class="c\d" x="\d+" y="([\d.]+)"', drawn[2])]
    assert len(heights) == 2 and abs(heights[0] - heights[1]) >= 14, "names of lines that end together stand apart"
