"""Places as seen from other places: 学府嘉园北门正对面, 往官田方向, 世纪大道和泉安路交叉口, 旧戏台旁边那栋. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

#: Not part of a name before or behind it.
_NO_NAME = "那的是有在我了这个一不就都也很被把到说过往从住去来你他她跟和与同，"
#: What a place is told by, where no gazetteer has its name.
_NOUN = (
    "学校|小学|中学|高中|学院|幼儿园|医院|卫生院|卫生所|诊所|派出所|警务室|消防站|加油站|加气站|超市|便利店|饭店|餐馆|小炒|大排档|药店|药房|店|馆|网吧|"
    "厂|公司|银行|酒店|宾馆|旅馆|市场|广场|商场|公园|桥|路口|红绿灯|村委会?|居委会?|牌坊|戏台|戏院|祠堂|庙|宫|寺|教堂|车站|公交站|高铁站|地铁站|服务区|收费站|站|"
    "村|小区|花园|家园|嘉园|公寓|大厦|公馆|中心|门|村口|巷口|路|街|巷|大道|码头|水库|河|溪|塘|湖|海边|沙滩|工地|隧道|涵洞|高架|仓库|夜市|KTV|ktv|球场|树|号楼?|楼|"
    "坟|变电站|配电房|配电箱|垃圾站|垃圾池|厕所|停车场|食堂|宿舍|出租房|祖厝|古厝|井|亭|塔|岸|堤|快递站|驿站|老人会|体育馆|图书馆|雕像|招牌|公司楼"
)
_SIDE = (
    "正对面|斜对面|对面|对过|旁边|隔壁|后面|后头|后边|后侧|背后|正后方|前面|前头|前边|边上|附近|楼下|门口|大门口|[东南西北]+(?:边|面|侧|头)|左[边侧手]|右[边侧手]|"
    "后巷|前巷|巷口|后街|(?<=[村楼房屋厂校店院])[后旁]|拐角处?|转角处?|侧面|[东南西北]门口?|后门口?|侧门口?|正门口?|出口|入口"
)
_BUILT = "房|楼|店|巷[子口]?|路|厂|屋|空地|荒地|小区|公寓|仓库|宿舍|超市|铺|棚|院子?|林子?|塘|河|沟|井|桥|坡|田|厝|口"
_COUNT = "[0-9一二两三四五六七八九十百几]"
_SIDES = re.compile(
    rf"(?:{_SIDE})(?:的?(?:{_SIDE}))*(?:(?:的|那|这)(?:一)?[栋块条家座片个排幢间]?(?P<noun>[^\W{_NO_NAME}]{{0,5}}(?:{_BUILT})))?"
)
_ANCHOR = re.compile(rf"[^\W{_NO_NAME}]{{0,6}}(?:{_NOUN})(?:[东南西北后侧正大]门)?的?$")
_HEADING = re.compile(
    rf"(?:往|向|朝|去|开往)(?P<to>[^\W，的往向朝去]{{2,8}})(?:的)?方向(?:的)?(?:乡道|路上|路段|车道|高速)?"
    rf"|往[东南西北左右前后里外]+(?:边|面)?(?:走|拐|转|数|开)?(?:大概|大约|差不多|约)?"
    rf"(?:{_COUNT}+多?(?:米|步|公里|里地))?(?:第?{_COUNT}+[个条栋]小?(?:巷子|路口|红绿灯|弯|房子|房|楼|巷|门))?"
)
_ROAD_END = r"(?:路|街|大道|大通道|国道|省道|巷|线|高速)"
_ROAD = rf"[^\W那的是有在我了到过往从去来你他，、]{{1,6}}?{_ROAD_END}"
_CROSSING = re.compile(
    rf"(?:和|与|跟|同|、|交)(?P<second>{_ROAD})(?:的)?(?:那个|那边|那里|那)?的?(?:交叉|交汇|相交|交界|十字|路口|红绿灯|岔路)(?:路口|口|处)?"
)
_FIRST_ROAD = re.compile(rf"{_ROAD}$")
_FILLER = re.compile(r"大概|大约|差不多|(?:的|那|这)一?[栋块条家座片个排幢间边里]|的|那")
#: What may stand between a place and what is said from it.
_GAP = re.compile(
    r"[，,、\s]?(?:那个|那边|那里|这边|这里|具体是?|就是|就在|在|靠近|靠|挨着|的|，){0,3}|，[^，。！？]{1,6}"
)
_CLOSE = re.compile(r"(?:的|那个|那边|这边|这里|，|那里){0,2}")
_DOOR = re.compile(r"[校大正后侧东南西北]?门口?")
#: Quick: without one of these nothing is said from another place.
_ANY = re.compile(
    r"对面|对过|旁|隔壁|后|边上|附近|楼下|门口|[东南西北左右]|角|侧|方向|往|交|路口|红绿灯|十字|岔|[出入]口"
)


@dataclass(frozen=True)
class Relative:
    """Words that place something as seen from somewhere: ``text[start:end]``."""

    start: int
    end: int
    value: str
    #: It names what it is seen from (湘味小炒旁边); else that stands before it (华洲村对面).
    anchored: bool
    #: Of a crossing of two roads, without the first: 与泉安路交叉口.
    crossing: str = ""
    #: Where a place is named that is only a direction or the other road: ``text[aside:aside_end]``; -1 for none.
    aside: int = -1
    aside_end: int = -1


@lru_cache(maxsize=4096)
def relatives(text: str) -> tuple[Relative, ...]:
    """All of them in one utterance, in order, none overlapping another."""
    if not _ANY.search(text):
        return ()
    taken: list[Relative] = []
    for found in (*_crossings(text), *_headings(text), *_sides(text)):
        if not any(found.start < t.end and t.start < found.end for t in taken):
            taken.append(found)
    return tuple(sorted(taken, key=lambda r: r.start))


def spoken(words: str) -> str:
    """``words`` without what speakers fill them with: 对面那栋楼 → 对面楼."""
    return _FILLER.sub("", words).strip("，、 ")


def _sides(text: str) -> Iterator[Relative]:
    for match in _SIDES.finditer(text):
        anchor = _ANCHOR.search(text, max(0, match.start() - 12), match.start())
        start = anchor.start() if anchor else match.start()
        yield Relative(start, match.end(), spoken(text[start : match.end()]), anchor is not None)


def _headings(text: str) -> Iterator[Relative]:
    for match in _HEADING.finditer(text):
        if match["to"]:
            yield Relative(match.start(), match.end(), spoken(match[0]), True, "", match.start("to"), match.end("to"))
        elif match.end() - match.start() > 2:
            yield Relative(match.start(), match.end(), spoken(match[0]), False)


def _crossings(text: str) -> Iterator[Relative]:
    for match in _CROSSING.finditer(text):
        if first := _FIRST_ROAD.search(text, max(0, match.start() - 7), match.start()):
            crossing = f"与{match['second']}交叉口"
            yield Relative(
                first.start(),
                match.end(),
                first[0] + crossing,
                True,
                crossing,
                match.start("second"),
                match.end("second"),
            )


def continued(text: str, end: int, limit: int) -> tuple[int, str]:
    """(end, value) of what is said from the place whose name ends at ``end``; ``limit``: begin of the next place."""
    at, value = end, ""
    for found in relatives(text):
        if found.end <= at or (found.start >= limit and not found.aside >= limit >= found.start):
            continue
        gap = text[at : found.start]
        near = _GAP if found.anchored else _CLOSE
        if gap and not (near.fullmatch(gap) or _DOOR.fullmatch(gap)):
            break
        begin = at if _DOOR.fullmatch(gap) else max(at, found.start)
        value += found.crossing or spoken(text[begin : found.end])
        at = found.end
    return at, value
