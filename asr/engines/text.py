"""What an engine wrote, made fit for people: simplified characters, no loops, no phantoms."""

import re
from functools import cache

from opencc import OpenCC

#: A unit said four times or more in a row; figures are left alone, since telephone numbers repeat.
_LOOP = re.compile(r"([^\d]{1,15}?)\1{3,}")
_KEEP = 2
#: Subtitle credits, which Whisper learned from films and writes where nobody speaks.
_CREDITS = re.compile(
    r"(字幕|明镜与点点|明鏡與點點|点赞.{0,4}订阅|訂閱.{0,4}轉發|谢谢(观看|收看|大家收看)|Amara\.org|中文字幕)"
)
#: Half-width marks beside a Chinese character, and what a Chinese reader expects there.
_MARKS = {",": "，", ".": "。", "?": "？", "!": "！", ":": "：", ";": "；"}
_MARK = re.compile(r"(?<=[\u4e00-\u9fff])\s*([,.?!:;])\s*|\s*([,.?!:;])\s*(?=[\u4e00-\u9fff])")
_SPEECH = re.compile(r"[\w\u4e00-\u9fff]")


@cache
def _converter() -> OpenCC:
    return OpenCC("t2s")


def simplified(text: str) -> str:
    """Traditional characters to simplified ones."""
    return str(_converter().convert(text))


def punctuated(text: str) -> str:
    """Full-width marks in Chinese sentences; decimal points and times between figures stay."""
    return _MARK.sub(lambda m: _MARKS[m[1] or m[2]], text)


def cut_loops(text: str) -> str:
    """A decoder that is stuck writes the same thing again and again: two of it are enough (救命救命 stays)."""
    return _LOOP.sub(lambda m: m[1] * _KEEP, text)


def is_phantom(text: str, prompt: str = "") -> bool:
    """Nothing that a caller said: no character at all, subtitle credits alone, or the prompt given back."""
    bare = re.sub(r"[\s，。！？、,.!?]", "", text)
    if not _SPEECH.search(bare):
        return True
    if prompt and bare == re.sub(r"[，。]", "", prompt):
        return True
    found = _CREDITS.search(text)
    return found is not None and len(bare) <= 30


def tidy(raw: str, prompt: str = "") -> str:
    """``raw`` for people; empty where it is a phantom. A character of which only a part was written is left out."""
    text = punctuated(cut_loops(simplified(raw.replace("\ufffd", "").strip())))
    return "" if is_phantom(text, prompt) else text
