"""Messages that other systems send in: read without trust. Pure.

Two forms: WeChat's own (XML or JSON; a SHA-1 over the token, time and nonce in the address), and a signed message
(:mod:`ticketing.doors.signing`) with JSON or XML in it.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from core.errors import HeyiError
from ticketing.doors.intake import Said

#: Bytes of a message, and of values in it.
MAX_BODY = 64 << 10
_MAX_FIELDS = 50


class BadMessage(HeyiError):
    """Not a message in the form that was agreed."""


@dataclass(frozen=True)
class Chat:
    """A message of WeChat's."""

    sender: str
    receiver: str
    kind: str
    text: str
    message_id: str
    lat: float | None = None
    lon: float | None = None


def wechat_signature(token: str, timestamp: str, nonce: str) -> str:
    """As WeChat's servers sign: SHA-1 of the three in order of their characters, one behind the other."""
    return hashlib.sha1("".join(sorted((token, timestamp, nonce))).encode(), usedforsecurity=False).hexdigest()


def from_wechat(token: str, query: Mapping[str, str]) -> datetime | None:
    """When a request was signed with our token; None where it was not."""
    timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 10 and 1 <= len(nonce) <= 64):
        return None
    wanted = wechat_signature(token, timestamp, nonce)
    if not hmac.compare_digest(wanted.encode(), query.get("signature", "").encode(errors="replace")):
        return None
    return datetime.fromtimestamp(int(timestamp), UTC)


def fields(body: bytes, content_type: str) -> dict[str, Any]:
    """A flat object from JSON or XML. Entities, DTDs, deep trees, wrong encodings: :class:`BadMessage`."""
    if len(body) > MAX_BODY:
        raise BadMessage("消息太大", hint=f"{len(body)} > {MAX_BODY}")
    # Decoded here: an encoding that the document itself claims is not believed.
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadMessage("消息须为 UTF-8 编码") from error
    if "json" in content_type or text.lstrip()[:1] in ("{", "["):
        return _json(text)
    return _xml(text)


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMessage("消息不是有效的 JSON") from error
    if not isinstance(found, dict) or len(found) > _MAX_FIELDS:
        raise BadMessage("消息须为一个 JSON 对象")
    return found


def _xml(text: str) -> dict[str, Any]:
    # A parser that gets text refuses a declaration of another encoding than the text's own: it is dropped.
    if text.startswith("<?xml"):
        text = text.partition("?>")[2]
    try:
        root: Element = fromstring(text, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except (ParseError, DefusedXmlException, ValueError, RecursionError) as error:
        raise BadMessage("消息不是有效的 XML") from error
    if len(root) > _MAX_FIELDS or any(len(child) for child in root):
        raise BadMessage("消息的 XML 结构不正确")
    return {child.tag: child.text or "" for child in root}


def chat(body: bytes, content_type: str) -> Chat:
    """A WeChat message."""
    found = fields(body, content_type)
    sender, kind = _text(found, "FromUserName"), _text(found, "MsgType")
    if not sender or not kind:
        raise BadMessage("消息缺少发送人或类型")
    text = {"text": "Content", "voice": "Recognition", "location": "Label"}.get(kind)
    lat = lon = None
    if kind == "location":
        lat, lon = _number(found, "Location_X"), _number(found, "Location_Y")
    return Chat(
        sender, _text(found, "ToUserName"), kind, _text(found, text).strip() if text else "",
        _text(found, "MsgId") or f"{sender}{_text(found, 'CreateTime')}", lat, lon,
    )  # fmt: skip


def chat_reply(message: Chat, text: str, now: datetime) -> str:
    """WeChat's XML for an answer at once."""
    made = [
        ("ToUserName", message.sender), ("FromUserName", message.receiver), ("CreateTime", str(int(now.timestamp()))),
        ("MsgType", "text"), ("Content", text),
    ]  # fmt: skip
    # A section ends at ]]>: there it is cut in two.
    inner = "".join(f"<{name}><![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]></{name}>" for name, value in made)
    return f"<xml>{inner}</xml>"


def said(found: Mapping[str, Any]) -> tuple[Said, str, str]:
    """What a signed message says, its own id, and ``letter`` or ``hook``."""
    known = {
        "id",
        "kind",
        "text",
        "title",
        "place",
        "name",
        "phone",
        "email",
        "nature",
        "code",
        "lat",
        "long",
        "public",
    }
    if unknown := sorted(set(found) - known):
        raise BadMessage("消息有未知字段", hint=", ".join(map(str, unknown))[:100])
    external = _text(found, "id")
    if not 1 <= len(external) <= 100:
        raise BadMessage("消息须有编号 id（1 至 100 字）")
    kind = _text(found, "kind") or "hook"
    if kind not in ("hook", "letter"):
        raise BadMessage("kind 只能是 letter 或不填", hint=kind[:40])
    public = found.get("public", False)
    told = Said(
        text=_text(found, "text"), title=_text(found, "title"), place=_text(found, "place"), name=_text(found, "name"),
        phone=_text(found, "phone"), email=_text(found, "email"), nature=_text(found, "nature"),
        code=_text(found, "code"), lat=_number(found, "lat"), lon=_number(found, "long"),
        public=public in (True, "true", "1"),
    )  # fmt: skip
    return told, external, kind


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name, "")
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadMessage("字段应为文字", hint=name)
    return str(value)


def _number(found: Mapping[str, Any], name: str) -> float | None:
    value = found.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadMessage("字段应为数字", hint=name)
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise BadMessage("字段应为数字", hint=name) from error
