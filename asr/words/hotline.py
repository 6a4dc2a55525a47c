"""Sentences of callers and call takers: the lines of ``asr/words/corpus``, their alternatives and slots written out."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
#: ``[a|b]`` or ``{slot}``.
_CHOICE = re.compile(r"\[([^\]]*)\]|\{(\w+)\}")
#: How often each alternative of a line is written out, at least.
_TIMES = 2

#: What slots hold besides the places of a city: figures as people say them and as recognition writes them.
SLOTS: Mapping[str, Sequence[str]] = {
    "n": ("一", "两", "三", "四", "五", "六", "七", "八", "九", "十", "十二", "二十", "2", "3", "5", "6", "10"),
    "house": ("三十六", "一百零二", "五零一", "幺零三", "二零六", "十八", "203", "1502", "88", "6"),
    "phone": ("幺三八五九零六七二一八", "一五九六零二三四四七幺", "13805970000", "15960000000", "八五六七二一三零"),
    "name": tuple("陈林黄张吴李王郑蔡许庄施洪苏杨曾柯丁颜谢刘郭周叶"),
    "time": ("八点", "九点半", "十点多", "凌晨两点", "下午三点", "晚上十一点", "中午", "半夜", "七点钟"),
}
_SOME_PLACES = ("中山路", "人民路", "世纪大道", "东村", "新村", "工业区", "菜市场", "西街", "小区", "二中", "汽车站")


@cache
def lines() -> tuple[str, ...]:
    """Every line of the corpus as it is written, remarks left out."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.txt")))
    return tuple(line for text in texts for line in text.splitlines() if line and not line.startswith("#"))


def sentences(places: Sequence[str] = ()) -> Iterator[str]:
    """The corpus written out: every alternative of every line ``_TIMES`` times, slots filled in turn.

    ``places``: names of the city, some common kinds of place where it is empty. The same arguments give the same
    sentences in the same order.
    """
    slots = {**SLOTS, "place": places or _SOME_PLACES}
    turn = count()

    def filled(line: str, round_: int) -> str:
        at = count()

        def part(found: re.Match[str]) -> str:
            if found[2]:
                choices = slots[found[2]]
                return choices[next(turn) % len(choices)]
            options = found[1].split("|")
            # Groups of equal size must not always choose alike: each starts one further.
            chosen = options[(round_ + round_ // len(options) * next(at)) % len(options)]
            return _CHOICE.sub(part, chosen)

        return _CHOICE.sub(part, line)

    for line in lines():
        widest = max((len(found[1].split("|")) for found in _CHOICE.finditer(line) if found[1]), default=1)
        for round_ in range(widest * _TIMES):
            yield filled(line, round_)
