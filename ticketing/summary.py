"""The first words of a ticket's summary, taken from what the caller says. Pure."""

import re

#: Characters of a prefilled summary: two lines of the ticket form.
LIMIT = 80

_CUT = "…"
_CLAUSE = re.compile(r"[^，。！？；,.!?;]*[，。！？；,.!?;]?")
_END = "，。！？；,.!?;"
#: A clause made of these alone says nothing about the matter.
_FILLER = re.compile(
    r"(?:喂+|你好|您好|哎+|诶+|嗯+|呃+|啊+|哦+|那个|这个|就是|对+|好的?|是的?|可以|行|没有|谢谢(?:你|您)?|再见|拜拜|请问|一下|\s)*"
)


def extend(summary: str, text: str, limit: int = LIMIT) -> str:
    """``summary`` with the caller's next words ``text``; at most ``limit`` characters, ``…`` where it was cut.

    Greetings and bare yes or no are left out. A summary that was cut is complete: it does not change any more.
    """
    if summary.endswith(_CUT):
        return summary
    clauses = [part for part in _CLAUSE.findall(text.strip()) if part]
    words = "".join(part for part in clauses if not _FILLER.fullmatch(part.rstrip(_END)))
    if not words:
        return summary
    joined = summary + ("" if not summary or summary[-1] in _END else "，") + words
    if len(joined) <= limit:
        return joined
    head = joined[: limit - 1]
    # A clause that ends in the second half reads better than one more half clause.
    last = max(head.rfind(mark) for mark in _END)
    return (head[:last] if last >= limit // 2 else head) + _CUT
