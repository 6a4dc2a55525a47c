"""Vehicles, plates, sums and times, as said in one utterance. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from asr.words.digits import DIGITS
from asr.words.numbers import display, value

_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_ONES = "零〇一二三四五六七八九幺0-9"
#: 什么 and 几 stand for what the caller could not read.
_PLATE = re.compile(
    rf"(?P<head>[{_PROVINCES}][A-Za-z])(?P<gap>[，, ·.]{{0,2}}(?:后面|尾号|开头|前面)?(?:是|为)?[，, ]?)"
    rf"(?P<rest>(?:[A-Za-z{_ONES}]|什么|几|[ ·，](?=[A-Za-z{_ONES}])){{2,12}})"
)
_TAIL = re.compile(
    rf"(?:车牌|牌照|车号)[^，。]{{0,10}}?(?:尾号|后面|最后|末尾)(?:[两三四]位)?(?:是|为)?(?P<tail>[A-Za-z{_ONES}]{{2,5}})"
)
_COLOUR = "银灰|深蓝|浅蓝|天蓝|墨绿|军绿|米白|香槟|白|黑|红|蓝|灰|银|黄|绿|棕|橙|紫|粉|金"
_MAKE = "大众|丰田|本田|比亚迪|奔驰|宝马|奥迪|五菱|特斯拉|吉利|长安|日产|现代|福特|别克|东风|解放|雅迪|爱玛"
_TYPE = (
    r"轿车|小轿车|小汽车|小车(?![位库间])|面包车|大货车|小货车|货车|大卡车|卡车|泥头车|渣土车|工程车|搅拌车|洒水车|公交车|校车|大巴|中巴|客车|"
    r"电动三轮车|三轮车|电动自行车|电动车|电瓶车|电摩|摩托车|摩托|自行车|油罐车|罐车|出租车|网约车|的士|拖拉机|皮卡车?|越野车|SUV|suv|商务车|"
    r"房车|跑车|外卖车|快递车|冷藏车|挖掘机|叉车|吊车|铲车"
)
_VEHICLE = re.compile(
    rf"(?:(?P<colour>{_COLOUR})(?:颜色|色)?的?(?:一[辆台部])?(?:那种)?)?(?:(?P<make>{_MAKE})的?)?(?P<type>{_TYPE}|(?<={_MAKE[:2]})车)"
    rf"|(?:(?P<colour2>{_COLOUR})色?的?)?(?P<make2>奔驰|宝马|奥迪|特斯拉|五菱|比亚迪)"
)
#: 充电桩, 停车位 and rules are of no certain vehicle.
_NO_VEHICLE = re.compile(
    r"^(?:停车|车位|充电桩|充电|站|票|司机证|卡|棚|店|厂|行|公司|路线|线路|道|专用|枢纽|驾照|保险|补贴|上牌)"
)
_AMOUNT = r"(?:[0-9][0-9,]*(?:\.\d+)?|[零一二两三四五六七八九十百千万亿]+)"
_SUM = re.compile(
    rf"(?P<n>{_AMOUNT}(?:点[零一二三四五六七八九]+)?)(?P<more>多|来|几)?(?P<unit>[千百]?万|千|百|亿)?(?P<more2>多)?"
    r"(?P<yuan>块钱|元钱|元|人民币|块(?![石砖地板肉牌布玻铁木田木头菜区表糖皮屏瓦草]|[\u4e00-\u9fff]{1,2}(?:板|石|地))(?:(?P<jiao>[一二三四五六七八九])(?![斤个只条张片平天次小月年辆台]))?)?"
)
_MONEY = re.compile(
    r"转|要|损失|欠|赔|工资|工钱|押金|定金|订金|收|充|一共|总共|退|骗|罚|花|付|要价|借|贷|交|给|奖金|费|价|补|钱|账|存|扣|便宜|卖|买|块|元"
)
_MONEY_AFTER = re.compile(r"骗|定金|押金|没了|损失|欠|工资|货款|贷款")
_UNIT_OF_ELSE = re.compile(
    r"^(?:个|人|名|位|米|公里|平|度|号|次|户|吨|"
    r"斤|年|月|天|日|分|小时|点|步|层|楼|栋|伏|瓦|里|公斤|辆|台|条|只|头|亩|件|张|份|克|级|岁|路|码|多米|多平|来米|来平)"
)
_N = "[0-9一二三四五六七八九十]{1,3}"
_WEEKDAY = "(?:周|个?星期|个?礼拜)[一二三四五六日天]?"
_DAY = "|".join(
    (
        "大前天|前天|昨天|昨晚|昨夜|今天|今早|今晚|今晨|刚才|刚刚",
        f"上上周|上{_WEEKDAY}|这{_WEEKDAY}",
        f"上个月(?:{_N}[号日])?|(?:去年|今年)(?:{_N}月)?|前年",
        "大年(?:初[一二三四五六七八九十]|三十)",
        f"{_N}月份?(?:{_N}[号日])?",
    )
)
_PART = "凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|夜里|半夜|深夜"
_MINUTE = "(?:[0-5][0-9]|零[一二三四五六七八九]|[二三四五]?十[一二三四五六七八九]?)(?![0-9])分?"
_CLOCK = (
    r"(?:(?:[0-2]?\d|二十[一二三四]?|十[一二]?|[零一二两三四五六七八九])(?:点钟?|时(?!候))"
    rf"(?:半|[一三]刻|{_MINUTE}|多|左右|整)?|[0-2]?\d[:：][0-5]\d)"
)
_ABOUT = "(?:大概|大约|差不多)?"
_TIME = re.compile(
    rf"(?:{_DAY})的?(?:{_PART})?的?{_ABOUT}(?:{_CLOCK})?(?:左右|多|前后)?"
    rf"|(?:{_PART}){_ABOUT}{_CLOCK}(?:左右|多|前后)?|{_CLOCK}(?:左右|前后|的时候)?"
    r"|(?:[0-9]+|[一二两三四五六七八九十半几百]+)[多来]?个?(?:分钟|小时|钟头|天|星期|礼拜|月|年)多?(?:以前|之前|前|了)"
)
#: 3点 of a decimal number, 一点点, 有点: no hour.
_NO_HOUR = re.compile(r"^[一]点|^几点|^两点(?=意见|建议|原因)")
_MOST = 4


@dataclass(frozen=True)
class Thing:
    """One of them: ``text[start:end]``."""

    kind: Literal["vehicle", "plate", "sum", "time"]
    value: str
    start: int
    end: int
    least: bool = False


def things(text: str) -> tuple[Thing, ...]:
    """All of them, at most four of a kind, in order."""
    plates = tuple(_plates(text))[:_MOST]
    vehicles = tuple(_vehicles(text))[:_MOST] if "车" in text or _BARE.search(text) else ()
    sums = tuple(_sums(text))[:_MOST] if _MONEY.search(text) else ()
    return tuple(sorted((*plates, *vehicles, *sums, *tuple(_times(text))[:_MOST]), key=lambda t: t.start))


_BARE = re.compile(r"奔驰|宝马|奥迪|特斯拉|五菱|比亚迪|SUV|suv|大巴|中巴|摩托|皮卡|拖拉机|电摩|的士|挖掘机")


def _plates(text: str) -> Iterator[Thing]:
    for match in _PLATE.finditer(text):
        rest = "".join(
            "?" if piece in ("什么", "几") else DIGITS.get(piece, piece.upper())
            for piece in re.findall(rf"什么|几|[A-Za-z{_ONES}]", match["rest"])
        )[:6]
        yield Thing("plate", match["head"].upper() + rest + ("" if len(rest) >= 5 else "…"), match.start(), match.end())
    for match in _TAIL.finditer(text):
        tail = "".join(DIGITS.get(c, c.upper()) for c in match["tail"])
        yield Thing("plate", f"…{tail}", match.start(), match.end())


def _vehicles(text: str) -> Iterator[Thing]:
    seen: set[str] = set()
    for match in _VEHICLE.finditer(text):
        kind = match["type"] or ""
        if _NO_VEHICLE.match(text[match.end() :]):
            continue
        colour = match["colour"] or match["colour2"] or ""
        said = (colour + "色" if colour else "") + (match["make"] or match["make2"] or "") + kind
        if said not in seen:
            seen.add(said)
            yield Thing("vehicle", said, match.start(), match.end())


def _sums(text: str) -> Iterator[Thing]:
    for match in _SUM.finditer(text):
        n, unit = match["n"].replace(",", ""), match["unit"] or ""
        yuan = _yuan(n, unit)
        if yuan is None:
            continue
        if match["yuan"]:
            # 三块 of something, an 一块 (together) and small change are no sums of interest.
            if yuan < 2 and not match["yuan"].endswith("钱"):
                continue
            yuan += int(DIGITS[match["jiao"]]) / 10 if match["jiao"] else 0
        elif not _stands_alone(text, match, n, unit, yuan):
            continue
        least = bool(match["more"] or match["more2"])
        yield Thing("sum", f"{yuan:g}" if yuan < 10**6 else str(round(yuan)), match.start(), match.end(), least)


def _yuan(n: str, unit: str) -> float | None:
    times = {"": 1, "百": 100, "千": 1000, "万": 10**4, "百万": 10**6, "千万": 10**7, "亿": 10**8}[unit]
    if n.replace(".", "", 1).isdecimal() and n.isascii():
        return float(n) * times
    whole, point, part = n.partition("点")
    number = value(whole)
    if number is None:
        return None
    return (number + (float("0." + "".join(DIGITS[c] for c in part)) if point else 0)) * times


def _stands_alone(text: str, match: re.Match[str], n: str, unit: str, yuan: float) -> bool:
    """七万二 beside 工钱 is a sum, 三百米 is none: round, a hundred and more, a word of money beside it."""
    if yuan < 100 or not (unit or re.search("[百千万亿]", n)) or _UNIT_OF_ELSE.match(text[match.end() :]):
        return False
    after = text[match.end() : match.end() + 4]
    return bool(_MONEY.search(text[max(0, match.start() - 10) : match.start()]) or _MONEY_AFTER.search(after))


def _times(text: str) -> Iterator[Thing]:
    seen: set[str] = set()
    for match in _TIME.finditer(text):
        words = match[0]
        before = text[match.start() - 1] if match.start() else ""
        if (
            _NO_HOUR.match(words)
            or before in tuple("零一二三四五六七八九十百千万第有差快")
            or (before.isdigit() and words[0].isdigit())
        ):
            continue
        said = display(words.strip("的"))
        if said not in seen:
            seen.add(said)
            yield Thing("time", said, match.start(), match.end())
