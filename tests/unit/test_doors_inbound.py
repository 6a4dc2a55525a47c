"""Messages from outside: signed, in time, once; whatever else comes is refused and harms nobody."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from desk.app import create_app
from tests.desk_fakes import Stage
from ticketing.doors import signing
from ticketing.doors.inbound import MAX_BODY, BadMessage, chat, chat_reply, fields, wechat_signature
from ticketing.doors.keys import WINDOW
from ticketing.doors.tables import DoorItem

MATTER = {"id": "a-1", "text": "华洲村路口的路灯坏了三天", "title": "路灯", "place": "华洲村", "phone": "13800138000"}
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(f'<!ENTITY lol{n} "{"&lol" + (str(n - 1) if n else "") + ";"}{"&lol;" * 9}">' for n in range(1, 9))
    + "]><xml><Content>&lol8;</Content></xml>"
)
XXE = '<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]><xml><FromUserName>a</FromUserName><Content>&secret;</Content></xml>'
XINCLUDE = '<xml xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd" parse="text"/></xml>'
REMOTE = '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><xml><Content>a</Content></xml>'


@pytest.fixture
async def api(stage: Stage):  # type: ignore[no-untyped-def]
    app = create_app(stage.services)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test") as client:
        yield client


async def made(stage: Stage) -> int:
    async with stage.services.database.read() as session:
        return await session.scalar(select(func.count()).select_from(DoorItem)) or 0


# --- other systems ------------------------------------------------------------------------------------------------


async def signed(
    api: Any, stage: Stage, key: tuple[str, str], body: bytes, message: str = "m-1", **more: Any
) -> httpx.Response:
    at = more.pop("at", stage.clock.now())
    kind = more.pop("kind", "application/json")
    headers = {**signing.headers([key[1]], message, at, body), "content-type": kind, **more}
    return await api.post(f"/in/hook/{key[0]}", content=body, headers=headers)  # type: ignore[no-any-return]


@pytest.fixture
async def key(stage: Stage) -> tuple[str, str]:
    row, words = await stage.services.doors.keys.make("hook", "数字城管", "lin")
    return row.id, words


async def test_a_signed_matter_is_taken_once_and_its_repetition_gets_the_same_number(
    api: Any, stage: Stage, key: Any
) -> None:
    body = json.dumps(MATTER).encode()
    first = await signed(api, stage, key, body)
    assert first.status_code == 201, first.text
    # The answer was lost: the same message again, and the same matter in a new message.
    again, anew = await signed(api, stage, key, body), await signed(api, stage, key, body, "m-2")
    assert (again.status_code, anew.status_code) == (200, 200)
    assert {answer.json()["number"] for answer in (first, again, anew)} == {first.json()["number"]}
    xml = "<m><id>a-2</id><text>水管爆裂</text><kind>letter</kind></m>".encode()
    assert (await signed(api, stage, key, xml, "m-3", kind="text/xml")).status_code == 201
    assert await made(stage) == 2


async def test_what_is_not_signed_or_not_of_now_is_refused(api: Any, stage: Stage, key: Any) -> None:
    body = json.dumps(MATTER).encode()
    early, late = stage.clock.now() - 2 * WINDOW, stage.clock.now() + 2 * WINDOW
    for answer in (
        await signed(api, stage, (key[0], "whsec_AAAA"), body),
        await signed(api, stage, ("0" * 32, key[1]), body),
        await signed(api, stage, key, body, at=early),
        await signed(api, stage, key, body, at=late),
        await signed(api, stage, key, body, **{"webhook-signature": "v1,"}),
        await signed(api, stage, key, body, **{"webhook-timestamp": b"\xb2"}),
        await api.post(f"/in/hook/{key[0]}", content=body),
    ):
        assert answer.status_code == 403, answer.text
    await stage.services.doors.keys.revoke(key[0])
    assert (await signed(api, stage, key, body)).status_code == 403
    assert await made(stage) == 0


async def test_a_recorded_message_played_again_makes_nothing(api: Any, stage: Stage, key: Any) -> None:
    body, at = json.dumps(MATTER).encode(), stage.clock.now()
    assert (await signed(api, stage, key, body, at=at)).status_code == 201
    stage.clock.advance(WINDOW.total_seconds() + 60)  # type: ignore[union-attr]
    assert (await signed(api, stage, key, body, at=at)).status_code == 403
    assert await made(stage) == 1


async def test_an_id_once_used_takes_no_other_words(api: Any, stage: Stage, key: Any) -> None:
    assert (await signed(api, stage, key, json.dumps(MATTER).encode())).status_code == 201
    other = json.dumps({**MATTER, "text": "别的事情"}).encode()
    assert (await signed(api, stage, key, other, "m-9")).status_code == 400
    # Under an id that was seen, and with other words: a forgery would need the secret, a mistake is told.
    assert (await signed(api, stage, key, json.dumps({**MATTER, "id": "b"}).encode(), "m-1")).status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"{", b'{"id": "a"}', b'{"text": "no id"}', b'{"id": "a", "text": ["x"]}',
        b'{"id": "a", "text": "abc", "role": "admin"}', b'{"id": "a", "text": "abc", "lat": true}',
        b'{"id": "a", "text": "abc", "lat": 1e999, "long": 1}', b'{"id": "a", "text": "abc", "kind": "open311"}',
        b"[" * 20_000, b'{"a":' * 9000, "{\"id\": \"a\", \"text\": \"caf\xe9\"}".encode("latin-1"), BOMB.encode(),
        XXE.encode(), XINCLUDE.encode(), REMOTE.encode(), '{"id": "a", "text": "abc"}'.encode("utf-16"),
        b"<m><id>a</id><text><b>deep</b></text></m>", b"<m>" + b"<x/>" * 60 + b"</m>",
    ],
)  # fmt: skip
async def test_hostile_bodies_are_refused_even_when_they_are_signed(
    api: Any, stage: Stage, key: Any, body: bytes
) -> None:
    answer = await signed(api, stage, key, body)
    assert answer.status_code == 400, answer.text
    assert await made(stage) == 0


async def test_a_body_without_end_is_cut_off(api: Any, stage: Stage, key: Any) -> None:
    assert (await signed(api, stage, key, b" " * (MAX_BODY + 1))).status_code == 413

    async def drip():  # type: ignore[no-untyped-def]
        for _ in range(100):
            yield b" " * 1000

    assert (await api.post(f"/in/hook/{key[0]}", content=drip())).status_code == 413


@given(st.binary(max_size=200), st.sampled_from(["application/json", "text/xml", ""]))
def test_no_bytes_do_more_than_be_refused(body: bytes, kind: str) -> None:
    try:
        found = fields(body, kind)
    except BadMessage:
        return
    assert isinstance(found, dict)


# --- WeChat -------------------------------------------------------------------------------------------------------


def xml_of(**values: str) -> bytes:
    base = {"ToUserName": "gh_1", "FromUserName": "o-1", "CreateTime": "1", "MsgType": "text", "MsgId": "1"}
    inner = "".join(f"<{k}><![CDATA[{v}]]></{k}>" for k, v in {**base, **values}.items())
    return f"<xml>{inner}</xml>".encode()


async def chatting(api: Any, stage: Stage, key: Any, body: bytes, nonce: str, **more: str) -> httpx.Response:
    stamp = more.get("timestamp", str(int(stage.clock.now().timestamp())))
    query = {"timestamp": stamp, "nonce": nonce, "signature": wechat_signature(key[1], stamp, nonce), **more}
    return await api.post(f"/in/wechat/{key[0]}", params=query, content=body, headers={"content-type": "text/xml"})  # type: ignore[no-any-return]


@pytest.fixture
async def wechat(stage: Stage) -> tuple[str, str]:
    row, words = await stage.services.doors.keys.make("wechat", "公众号", "lin")
    assert words.isalnum() and 3 <= len(words) <= 32  # what WeChat's console takes
    return row.id, words


async def test_wechat_finds_the_address_ours(api: Any, stage: Stage, wechat: Any) -> None:
    query = {"timestamp": "1", "nonce": "n", "echostr": "123", "signature": wechat_signature(wechat[1], "1", "n")}
    answer = await api.get(f"/in/wechat/{wechat[0]}", params=query)
    assert (answer.status_code, answer.text) == (200, "123")
    assert (await api.get(f"/in/wechat/{wechat[0]}", params={**query, "signature": "0"})).status_code == 403


async def test_a_chat_makes_a_ticket_and_tells_its_writer_how_it_stands(api: Any, stage: Stage, wechat: Any) -> None:
    answer = await chatting(api, stage, wechat, xml_of(Content="华洲村工地半夜施工太吵了"), "n1")
    assert answer.status_code == 200 and "<ToUserName><![CDATA[o-1]]>" in answer.text
    number = answer.text.split("编号 ")[1][:15]
    # WeChat asks again when an answer is late: the same message, a new signature.
    again = await chatting(api, stage, wechat, xml_of(Content="华洲村工地半夜施工太吵了"), "n2")
    assert number in again.text and await made(stage) == 1
    asked = await chatting(api, stage, wechat, xml_of(Content=number, MsgId="2"), "n3")
    assert "已收到，等待受理" in asked.text
    stranger = await chatting(api, stage, wechat, xml_of(Content=number, MsgId="3", FromUserName="o-2"), "n4")
    assert "已收到，等待受理" not in stranger.text
    hello = await chatting(api, stage, wechat, xml_of(Content="你好", MsgId="4"), "n5")
    assert "请直接写明" in hello.text
    replayed = await chatting(api, stage, wechat, xml_of(Content="完全另一件事情来了", MsgId="5"), "n5")
    assert replayed.text == "success"


async def test_wechat_messages_need_a_signature_of_now(api: Any, stage: Stage, wechat: Any) -> None:
    body = xml_of(Content="华洲村工地半夜施工太吵了")
    old = str(int(stage.clock.now().timestamp()) - 3600)
    assert (await chatting(api, stage, wechat, body, "n1", timestamp=old)).status_code == 403
    assert (await chatting(api, stage, wechat, body, "n1", signature="00")).status_code == 403
    assert (await chatting(api, stage, ("f" * 32, wechat[1]), body, "n1")).status_code == 403
    for hostile in (BOMB, XXE, REMOTE, "<xml>", "<xml><FromUserName>a</FromUserName></xml>"):
        assert (await chatting(api, stage, wechat, hostile.encode(), f"h{hash(hostile)}")).status_code == 400
    assert await made(stage) == 0


@given(st.text(max_size=50))
def test_answers_to_a_chat_hold_their_words_whatever_those_are(words: str) -> None:
    message = chat(xml_of(Content="x"), "text/xml")
    told = chat_reply(message, words, datetime(2026, 1, 1, tzinfo=UTC))
    kept = "".join(c for c in words if c.isprintable())
    assert fields(chat_reply(message, kept, datetime(2026, 1, 1, tzinfo=UTC)).encode(), "text/xml")["Content"] == kept
    assert told.endswith("</xml>")
