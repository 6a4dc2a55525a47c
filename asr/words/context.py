"""What stands around a name: words that speak of a place make a place likelier, none at all makes it less so.

Points are natural logarithms, as the scores of :mod:`asr.words.match` are.
"""

import re

from asr.words.match import Hit

#: Said before a place, at the end of what stands before it.
_BEFORE = re.compile(
    r"(?:在|到|来|去|往|从|住|位于|地址|这里是|这边是|那里是|我们是|我是|就是|叫|我们|我家|家住|靠近|经过|过了|离|进|至|回|"
    r"地点是|位置是|旁边是|对面是)$"
)
#: Said behind a place.
_AFTER = re.compile(
    r"的?(?:那边|这边|那里|这里|那头|这头|附近|旁边|对面|门口|后面|前面|隔壁|里面|上面|山上|路口|村口|村里|村委|居委|老街|老人会|"
    r"菜市场|夜市|市场|工业区|工业园|小学|中学|幼儿园|学校|医院|卫生院|卫生所|派出所|加油站|公交站|车站|站|大桥|桥|水库|公园|广场|"
    r"祠堂|宗祠|戏台|旧戏台|安置房|小区|工地|路段|方向|高速|收费站|码头|海边|沙滩|这一段|这段|那条路|一带|靠|往|到|路|街|人)"
)
_CUT = re.compile(r"[^\u4e00-\u9fff]")
_SAID, _EDGE, _BARE_SAID, _BARE_EDGE, _NOTHING, _BARE_NOTHING = 1.0, 0.6, 2.2, 1.0, -0.3, -2.0


def points(text: str, hit: Hit) -> float:
    """What the surroundings of a hit add to its score."""
    if hit.name.kind in ("department", "term"):
        return 0.0
    bare = hit.name.bare and hit.town is None
    before, after = text[: hit.start], text[hit.end :]
    said = (_BEFORE.search(before[-4:]) is not None) + (_AFTER.match(after) is not None)
    edges = (not before or _CUT.match(before[-1]) is not None) + (not after or _CUT.match(after[0]) is not None)
    if not said and not edges:
        return _BARE_NOTHING if bare else _NOTHING
    return said * (_BARE_SAID if bare else _SAID) + edges * (_BARE_EDGE if bare else _EDGE)
