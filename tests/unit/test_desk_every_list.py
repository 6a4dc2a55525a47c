"""Every page of every role: what shows a list gives it as an Excel file, too."""

import io
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from core.audit import AuditEntry
from core.clock import SystemClock
from desk.access.routes import ACTION_OF
from desk.access.users import Role
from desk.app import create_app
from desk.listcatalogue import SHEETS
from desk.sheets import MEDIA_TYPE
from tests.desk_fakes import PASSWORD, Stage
from tests.every_page import LOGINS, furnished, page_of, place_of, shown_pages

#: Pages that have rows and no file, and why.
NO_LISTS = {
    "/account": "one's own sessions and tokens, to be ended there",
    "/account/factor": "how to set up one's own second factor",
    "/api/docs": "a description for programmers; machines read openapi.json",
    "/calls/{call_id}": "one call",
    "/desk": "the call in hand",
    "/desk/check": "one's own headset",
    "/knowledge/{article_id}": "one article",
    "/knowledge/{article_id}/edit": "a form",
    "/knowledge/new": "a form",
    "/calendar": "the year's days and the city's time limits, from its files",
    "/field/": "for a telephone in the hand; the same tickets are in /department",
    "/tickets/{number}": "one ticket",
    "/tickets/{number}/callbacks": "one ticket",
    "/users/{login}": "one login",
    "/walkin": "a form",
    "/briefs/draft": "a document, on paper",
    "/assessment/bulletin": "a document, on paper",
    "/quality/appeals/{review_id}": "one review",
    "/reviews/{review_id}": "one review",
    "/settings": "the ways into the files; the versions of each have theirs",
    "/settings/file": "one file in an editor",
    "/settings/asterisk": "what would be different in Asterisk's files",
    "/letters/{item_id}/print": "a document, on paper",
}
#: Drawn by scripts of what streams tell: nothing of it stands in the page that the server gives.
DRAWN_WITH = {"/board"}
DRAWN_WITHOUT = {
    "/wallboard": "figures of this moment; each opens its list",
    "/leader": "figures; each opens its rows",
    "/leader/wall": "a screen that nobody touches",
}
#: Elements around what repeats that are no content of the page.
_BESIDE = {"nav", "header", "select", "datalist", "dialog", "thead", "figure", "svg", "fieldset"}
_ROWS = {"tr", "li", "article"}
_VOID = {"br", "input", "meta", "link", "img", "hr", "col", "wbr", "source", "track", "area", "base", "embed"}


class _Lists(HTMLParser):
    """Finds rows that repeat in the page's own content, and the way to the file."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.files = 0, []  # type: ignore[var-annotated]
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("data-test") in ("export", "excel"):
            self.files.append(given["href"])
        if tag in _ROWS and not _BESIDE & set(self._open):
            self.rows += 1
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[tuple[Stage, dict[str, str]]]:
    stage, place = await furnished(tmp_path, SystemClock())
    yield stage, place
    await stage.bus.close()
    await stage.services.database.close()


def read(html: str) -> _Lists:
    found = _Lists()
    found.feed(html)
    return found


def cells(data: bytes) -> Iterator[list[Any]]:
    for sheet in openpyxl.load_workbook(io.BytesIO(data)).worksheets:
        yield [cell for row in sheet.values for cell in row]


def faults_of(page: str, found: _Lists) -> str:
    """Why this page is not as it should be; empty where it is."""
    if page in DRAWN_WITH and not found.files:
        return "no file"
    if page in NO_LISTS or page in DRAWN_WITHOUT:
        return "has a file and stands among those that have none" if found.files else ""
    return f"{found.rows} rows and no file" if found.rows and not found.files else ""


async def test_every_list_is_to_be_had_as_a_file(city: tuple[Stage, dict[str, str]]) -> None:
    stage, place = city
    app = create_app(stage.services)
    async with app.router.lifespan_context(app):
        faults = [fault for role in LOGINS for fault in await walked(stage, app, role, place)]
    assert not faults, "\n".join(faults)


async def walked(stage: Stage, app: FastAPI, role: Role, place: Mapping[str, str]) -> list[str]:
    """What is wrong on the pages of a role, and with the files that they lead to."""
    login, faults, seen, files = LOGINS[role], [], set[str](), dict[str, str]()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test") as client:
        assert (await client.post("/api/login", json={"login": login, "password": PASSWORD})).status_code == 200
        due = [address for path in shown_pages(role) if (address := place_of(path, place))]
        for address in due:
            answer = await client.get(address, follow_redirects=True)
            page = page_of(str(answer.url).removeprefix("http://desk.test"))
            if answer.status_code != 200:
                if answer.status_code not in (400, 403, 404, 422):
                    faults.append(f"{role} {address}: {answer.status_code}")
                continue
            seen.add(page)
            found = read(answer.text)
            if why := faults_of(page, found):
                faults.append(f"{role} {address}: {why}")
            if found.files:
                files[page] = found.files[0]
            for link in re.findall(r'<a [^>]*href="(/[^"#]*)"', answer.text):
                if page_of(unescape(link)) not in {"", *map(page_of, due)}:
                    due.append(unescape(link))
        for page, address in files.items():
            answer = await client.get(address)
            if answer.status_code != 200 or answer.headers["content-type"] != MEDIA_TYPE:
                faults.append(f"{role} {page}: {answer.status_code} {answer.text[:200]}")
            elif not all(sheet and sheet[0] for sheet in cells(answer.content)):
                faults.append(f"{role} {page}: a sheet without a head")
    async with stage.services.database.read() as session:
        taken = select(func.count()).where(AuditEntry.who == login, AuditEntry.what.contains("export"))
        if await session.scalar(taken) != len(files):
            faults.append(f"{role}: the audit has not each of {files}")
    return faults if len(seen) > 1 else [*faults, f"{role}: sees {seen}"]


def test_who_has_no_file_is_a_page_and_has_rows_that_somebody_might_miss() -> None:
    pages = {route.partition(" ")[2] for route in ACTION_OF}
    assert {*NO_LISTS, *DRAWN_WITH, *DRAWN_WITHOUT} <= pages
    assert not set(NO_LISTS) & (DRAWN_WITH | set(DRAWN_WITHOUT))
    assert all(why.strip() for why in (*NO_LISTS.values(), *DRAWN_WITHOUT.values()))


def test_a_list_without_a_file_is_found() -> None:
    row = "<tr><td>1</td></tr>"
    assert faults_of("/units", read(f"<main><table><thead>{row}</thead><tbody>{row}</tbody></table></main>"))
    assert faults_of("/units", read("<main><ol><li>1<li>2</ol></main>"))
    assert not faults_of("/units", read(f'<a data-test="export" href="/x">x</a><table>{row}</table>'))
    assert not faults_of("/units", read("<nav><ul><li>1</li></ul></nav><br><main>nothing</main>"))
    assert faults_of("/board", read("")) and faults_of("/users/{login}", read('<a data-test="export" href="/x">x</a>'))


@pytest.mark.parametrize("template", SHEETS)
def test_the_template_has_the_way_to_its_file(template: str) -> None:
    folder = Path(__file__).parents[2] / "desk" / "templates"
    text = (folder / template).read_text()
    while (parent := re.search(r'{% extends "([^"]+)" %}', text)) and parent[1] != "base.html":
        text = (folder / parent[1]).read_text()
    assert "export.html" in text
