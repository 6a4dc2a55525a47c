"""The knowledge base at the desk: rights, proposals of a call, the direct answer, pages, hostile text."""

from typing import Any

import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from tests.desk_fakes import Stage
from tests.unit.conftest import SignIn

FIELDS: dict[str, Any] = {
    "title": "夜间施工噪声怎么投诉",
    "questions": ["工地晚上施工太吵", "夜间施工可以投诉吗"],
    "steps": ["说清工地位置和时间段", "由本热线转主管部门查处"],
    "codes": ["S101"],
    "source": "噪声污染防治法",
}
SAID = "你好，对面工地晚上施工太吵了，夜间施工可以投诉吗"


async def published(sign_in: SignIn, **more: Any) -> dict[str, Any]:
    wang, lin = await sign_in("wang"), await sign_in("lin")
    made = (await wang.post("/api/knowledge", json={**FIELDS, **more})).json()
    answer = await lin.post(f"/knowledge/{made['id']}/publish", data={"version": "1", "note": "可以"})
    assert answer.status_code == 303, answer.text
    return dict(made)


async def talking(stage: Stage, line: str = "12345") -> Any:
    await stage.city.arrive("c-1", line, "13800001111")
    return await stage.city.answer("c-1", "1001")


async def test_the_way_from_what_the_caller_says_to_the_closed_ticket(stage: Stage, sign_in: SignIn) -> None:
    made = await published(sign_in)
    ticket = await talking(stage)
    wang = await sign_in("wang")
    address = "/api/calls/c-1/knowledge"
    assert (await wang.get(address)).json() == []
    # What is still being said counts, too.
    assert [a["id"] for a in (await wang.get(address, params={"saying": SAID})).json()] == [made["id"]]
    await stage.city.say("c-1", SAID)
    (found,) = (await wang.get(address)).json()
    assert found["steps"] == FIELDS["steps"] and any("施工" in word for word in found["words"])
    body = {"article": found["id"], "version": found["version"]}
    closed = (await wang.post(f"/api/tickets/{ticket.id}/answer", json=body)).json()
    assert closed["state"] == "closed" and "1. 说清工地位置和时间段" in closed["result"]
    assert closed["code"] == "S101" and closed["nature"] == "咨询"
    assert (await wang.get(address)).json() == [], "answered"
    assert (await wang.get(f"/api/knowledge/{made['id']}")).json()["used"] == 1


async def test_nobody_sees_what_another_desk_hears(stage: Stage, sign_in: SignIn) -> None:
    await published(sign_in)
    ticket = await talking(stage)
    await stage.city.say("c-1", SAID)
    assert (await (await sign_in("chen")).get("/api/calls/c-1/knowledge")).status_code == 404
    assert (await (await sign_in("urban")).get("/api/calls/c-1/knowledge")).status_code == 404
    body = {"article": "x", "version": 1}
    assert (await (await sign_in("urban")).post(f"/api/tickets/{ticket.id}/answer", json=body)).status_code == 404
    assert (await (await sign_in("")).get("/api/knowledge?q=施工")).status_code == 401


async def test_an_emergency_is_not_answered_away(stage: Stage, sign_in: SignIn) -> None:
    made = await published(sign_in)
    ticket = await talking(stage, "119")
    wang = await sign_in("wang")
    answer = await wang.post(f"/api/tickets/{ticket.id}/answer", json={"article": made["id"], "version": 1})
    assert answer.status_code == 403 and "紧急" in answer.json()["message"]
    assert (await wang.get(f"/api/tickets/{ticket.id}")).json()["state"] == "draft"


async def test_pages_of_search_article_versions_and_review(stage: Stage, sign_in: SignIn) -> None:
    made = await published(sign_in)
    wang, lin = await sign_in("wang"), await sign_in("lin")
    page = (await wang.get("/knowledge", params={"q": "夜间施工"})).text
    assert FIELDS["title"] in page and "<mark>" in page and "导出 CSV" not in page
    assert "没有条目回答“高温补贴”" in (await wang.get("/knowledge?q=高温补贴")).text
    form = {**{k: "\n".join(v) if isinstance(v, list) else v for k, v in FIELDS.items()}, "codes": "S101，S102"}
    changed = {**form, "steps": "说清工地位置和时间段\n能录音录像更好", "version": "1", "note": "加一步"}
    assert (await wang.post(f"/knowledge/{made['id']}/edit", data=changed)).status_code == 303
    conflict = await lin.post(f"/knowledge/{made['id']}/edit", data={**changed, "title": "我改的标题"})
    assert conflict.status_code == 409 and "更新的版本" in conflict.text and "我改的标题" in conflict.text
    diff = (await lin.get(f"/knowledge/{made['id']}?version=2")).text
    assert "能录音录像更好" in diff and 'class="added"' in diff and 'class="removed"' in diff
    due = (await lin.get("/knowledge/review")).text
    assert "有待审核的版本" in due and f"/knowledge/{made['id']}?version=2" in due
    assert (await wang.get("/knowledge/review")).status_code == 403
    english = (await lin.get(f"/knowledge/{made['id']}?version=2&lang=en")).text
    assert "Version 2 compared with version 1" in english
    assert (await wang.post(f"/knowledge/{made['id']}/publish", data={"version": "2"})).status_code == 403
    assert (await lin.post(f"/knowledge/{made['id']}/withdraw", data={"note": ""})).status_code == 400
    assert (await lin.post(f"/knowledge/{made['id']}/withdraw", data={"note": "失效"})).status_code == 303
    assert (await wang.get(f"/knowledge/{made['id']}")).status_code == 404
    assert (await lin.get("/knowledge/nothing")).status_code == 404


async def test_a_file_out_and_in_leaves_a_trace(stage: Stage, sign_in: SignIn) -> None:
    await published(sign_in)
    lin = await sign_in("lin")
    file = (await lin.get("/knowledge/export.csv")).content
    assert file.startswith(b"\xef\xbb\xbfkey,title")
    more = file.decode("utf-8-sig") + "new,新条目,怎么问,答复,,,,,,出处\r\nbad,,,,,,,,,\r\n"
    done = (await lin.post("/knowledge/import", files={"file": ("k.csv", more.encode("gb18030"), "text/csv")})).text
    assert "新增草稿 1 条，新版本 0 条，没有变化 1 条" in done and 'data-test="faults"' in done
    assert (await (await sign_in("wang")).get("/knowledge/export.csv")).status_code == 403
    broken = await lin.post("/knowledge/import", files={"file": ("k.csv", b"\xff\xfe\x00\x01\xff", "text/csv")})
    assert broken.status_code == 400
    async with stage.services.database.read() as session:
        whats = list(await session.scalars(select(AuditEntry.what).where(AuditEntry.what.like("knowledge%"))))
    assert whats == ["knowledge_export", "knowledge_import"]


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7*7 }}"])
async def test_what_an_article_says_is_never_markup(stage: Stage, sign_in: SignIn, evil: str) -> None:
    made = await published(sign_in, title=evil, steps=[evil], questions=[evil], source=evil)
    lin = await sign_in("lin")
    for path in ("/knowledge", f"/knowledge/{made['id']}?version=1", f"/knowledge/{made['id']}/edit"):
        page = (await lin.get(path)).text
        assert "<script>alert" not in page and "<img src=x>" not in page and ">49<" not in page


async def test_not_helpful_is_said_with_a_reason(stage: Stage, sign_in: SignIn) -> None:
    made = await published(sign_in)
    ticket = await talking(stage)
    wang = await sign_in("wang")
    address = f"/api/knowledge/{made['id']}/unhelpful"
    said = {"reason": "short", "version": 1, "ticket_id": ticket.id, "words": "没有说几点"}
    assert (await wang.post(address, json=said)).json() == {"ok": True}
    assert (await wang.post(address, json={**said, "reason": "x"})).status_code == 400
    page = (await (await sign_in("lin")).get(f"/knowledge/{made['id']}")).text
    assert "内容不全" in page and "没有说几点" in page
