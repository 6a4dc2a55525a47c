"""Calls written in lines, for the tests of the automatic checks."""

from dataclasses import replace
from functools import cache

from quality.call import Call, Turn
from quality.checks.review import Checks
from quality.checks.rulebook import load_rulebook

NUMBER = "13911112222"


@cache
def checks() -> Checks:
    """The rules that come with heyi, without a city and without what is learned."""
    return Checks(load_rulebook())


def call(*said: str, line: str = "12345", **known: object) -> Call:
    """A call of turns ``A …`` and ``C …``."""
    turns = tuple(Turn("agent" if one[0] == "A" else "caller", one[2:]) for one in said)
    made = Call(id="c1", line=line, caller=NUMBER, turns=turns)
    return replace(made, **known)  # type: ignore[arg-type]


#: A call in which all is done that should be.
GOOD = (
    "A 您好，12345热线，请问有什么可以帮您？",
    "C 我反映一下，学府路的路灯不亮。",
    "A 请问在学府路哪一段？",
    "C 学府路36号到48号，实验小学对面。",
    "A 学府路36号到48号，实验小学对面，对吗？",
    "C 对。",
    "A 我给您登记，转给城管局。回访打您这个13911112222可以吗？",
    "C 可以。",
    "A 好的，感谢来电，再见。",
)
