"""Good examples (优秀案例): calls from which others learn, by category, with why; who listened is counted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import HeyiError
from quality.listening.picture import Span
from quality.listening.tables import ExampleListening, GoodExample

#: What somebody can learn from an example.
CATEGORIES: dict[str, str] = {
    "opening": "开场与结束", "address": "地址核实", "emergency": "紧急处置", "comfort": "情绪安抚",
    "policy": "政策解答", "complaint": "投诉受理", "dialect": "方言沟通", "other": "其他",
}  # fmt: skip
#: Examples of one page.
PAGE = 50
#: A run of digits that may be a telephone, an identity card, a bank card; with what people write between them.
_NUMBER = re.compile(r"(?:[0-9〇零一二三四五六七八九幺][ \-－、，]?){7,}")


@dataclass(frozen=True)
class Shelved:
    """An example and how often it was played, by how many people."""

    row: GoodExample
    played: int
    people: int


def numbers(text: str) -> list[str]:
    """What looks like somebody's number in a text that others are to read."""
    return [found.group().rstrip(" -－、，") for found in _NUMBER.finditer(text)]


async def add(
    session: AsyncSession, call_id: str, within: Span, *, category: str, title: str, why: str, by: str, at: datetime,
    texts: Sequence[str],
) -> GoodExample:  # fmt: skip
    """Put a stretch into the library. ``texts``: what is said in it, private parts left out.

    :class:`HeyiError` for an unknown category, without title or reason, and while a number can be read in it.
    """
    named, reason = title.strip(), why.strip()
    if category not in CATEGORIES:
        raise HeyiError("没有这个类别", hint=category[:20])
    if not named or not reason:
        raise HeyiError("请填写标题和理由")
    if found := [number for text in texts for number in numbers(text)]:
        raise HeyiError("片段中还有号码，请先遮蔽", hint=found[0])
    row = GoodExample(
        call_id=call_id, from_s=within[0], to_s=within[1], category=category, title=named[:80], why=reason[:2000],
        by=by, at=at,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return row


async def get(session: AsyncSession, example_id: str) -> GoodExample | None:
    """One that is in the library; None where it is not, or no more."""
    row = await session.get(GoodExample, example_id)
    return row if row is not None and row.removed_at is None else None


async def of_call(session: AsyncSession, call_id: str) -> Sequence[GoodExample]:
    query = select(GoodExample).where(GoodExample.call_id == call_id, GoodExample.removed_at.is_(None))
    return (await session.scalars(query.order_by(GoodExample.from_s))).all()


async def found(
    session: AsyncSession, words: str = "", category: str = "", size: int = PAGE, start: int = 0
) -> Sequence[Shelved]:
    """The latest first, at most ``size`` from ``start`` on; ``words`` stand in title or reason."""
    query = select(GoodExample).where(GoodExample.removed_at.is_(None))
    if category:
        query = query.where(GoodExample.category == category)
    for word in words.split()[:5]:
        query = query.where(GoodExample.title.contains(word, autoescape=True) |
                            GoodExample.why.contains(word, autoescape=True))  # fmt: skip
    query = query.order_by(GoodExample.at.desc(), GoodExample.id).offset(start).limit(size)
    rows = (await session.scalars(query)).all()
    played = select(ExampleListening.example_id, func.count(), func.count(ExampleListening.who.distinct()))
    counted = await session.execute(
        played.where(ExampleListening.example_id.in_([row.id for row in rows])).group_by(ExampleListening.example_id)
    )
    counts = {key: (times, people) for key, times, people in counted}
    return [Shelved(row, *counts.get(row.id, (0, 0))) for row in rows]
