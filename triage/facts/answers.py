"""What the caller answers to the call taker: yes, wrong, none, or something else. Pure."""

import re
from collections.abc import Sequence
from typing import Literal

from triage.turns import Turn

_HEAD = r"^[\s，。、,.!！…啊哦噢喂嗯恩呃诶欸唉那]*"
_YES = re.compile(
    _HEAD + r"(?:对(?![面不了方门讲过象于着])|是(?!不是|谁|哪|什么|吗|否)|没错|没有错|没毛病|没问题|不错|正确|核对无误|"
    r"没变|就是|就这|就那|"
    r"有(?!没有)|可以|行(?!不行)|能(?!不能)|好(?!像|几|多|久|吗)|联系得?到|确定|在(?!哪))"
)
#: 嗯 alone is a yes; before more words it is only breath.
_HUMMED = re.compile(r"^[\s，。、,.!！…啊哦]*[嗯恩]+[啊呢的，。,.!！…嗯恩]*$")
_WRONG = re.compile(_HEAD + r"(?:不(?:是|对|在|住|叫|姓)|错(?!不了)|哪里|[你您]?(?:听|记|搞|写)错|说错|反了)")
_NONE = re.compile(
    _HEAD + r"(?:不(?!好意思|知道|清楚|错|是|对|在|住|叫|姓)|没(?!错|变|毛病|问题)(?!有错)|"
    r"莫得|莫有|未|否|冇|别(?!人)|换一?个|改)"
)
#: Wherever it stands, the caller agrees to be rung under the number just named.
_THIS_NUMBER = re.compile(r"(?:就|是|打|用)(?:是)?这个(?:号|电话|手机|微信)|就这个|能联系|可以联系|联系得到|微信同号")

#: ``wrong``: 不是, 不对. ``none``: 没有, 不用.
Answer = Literal["yes", "wrong", "none", ""]


def answer(text: str) -> Answer:
    """What the head of ``text`` says to a question; empty where it says neither yes nor no."""
    if _WRONG.match(text):
        return "wrong"
    if _NONE.match(text):
        return "none"
    return "yes" if _HUMMED.match(text) or _YES.match(text) else ""


def same_number(text: str) -> bool:
    """Whether the caller agrees to be rung under the number that was named."""
    return answer(text) == "yes" or (not _NONE.match(text) and bool(_THIS_NUMBER.search(text)))


def replied(turns: Sequence[Turn]) -> dict[int, int]:
    """Index of the caller's reply to each of the call taker's utterances, by its index.

    All that the call taker said since the caller spoke last is answered by the caller's next words.
    """
    found: dict[int, int] = {}
    waiting: list[int] = []
    for at, turn in enumerate(turns):
        if turn.leg == "agent":
            waiting.append(at)
        elif turn.leg == "caller" and waiting:
            found.update(dict.fromkeys(waiting, at))
            waiting = []
    return found


def replies(turns: Sequence[Turn]) -> dict[int, Answer]:
    """What the caller answered to each of the call taker's utterances that got an answer, by its index."""
    return {at: answer(turns[reply].text) for at, reply in replied(turns).items()}
