"""How many people are hurt or trapped, as said in one utterance. Pure.

A number belongs to the nearest word of harm in its clause, else in the clause beside it. What is denied counts as
nobody, what is only feared or asked counts for nothing, and a number that the speaker takes back is gone.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from asr.words.numbers import value

Harm = Literal["hurt", "trapped"]
HARMS: tuple[Harm, ...] = ("hurt", "trapped")

_NUMBER = (
    r"好几十|好几百|好几|几十|[一二三四五六七八九]?十[几来]|[0-9]+[多来几余]?|[一二两三四五六七八九十百]+[多来几余]?|几"
)
_PERSON = (
    r"人(?![行民工家])|小孩|孩子|小朋友|娃|婴儿|宝宝|大人|老人|老头|老太|阿婆|阿公|阿伯|阿姨|大爷|大妈|大叔|奶奶|爷爷|女的|男的|女人|男人|"
    r"女孩|男孩|女生|男生|女子|男子|妇女|孕妇|学生|同学|老师|工人|工友|女工|师傅|同事|员工|伤者|伤员|乘客|司机|客人|顾客|居民|住户|"
    r"邻居|朋友|兄弟|大哥|大姐|保安|路人|村民|年轻人|小伙子|姑娘|老乡|病人|患者|消防员"
)
#: Beside 人 and its like, who may be meant where no number is said: 我爸被撞了.
_SOMEBODY = re.compile(
    rf"{_PERSON}|我|他|她|爸|妈|爷|奶|公公|婆婆|老公|老婆|丈夫|妻子|儿子|女儿|弟|妹|哥|姐|叔|伯|舅|姑|嫂|媳妇|驾驶员"
)
_COUNT = re.compile(
    rf"(?:一家|全家)(?P<family>[两三四五六七八九十]|\d)口"
    rf"|(?<![第这那哪每初周\d点.])(?P<n>{_NUMBER})(?:"
    rf"[个名位口](?P<who>(?:[^\W\d一二两三四五六七八九十的]{{0,7}}的)?[^\W\d一二两三四五六七八九十的]{{0,2}}?(?:{_PERSON}))"
    r"|[个名位](?=[，。！？；,.!?;\s]|$|都|也|还|受|被|在|埋|困|压|卡|倒|躺|昏|晕|伤|重|轻|流|没|掉|摔|吧|了|是|出)"
    r"|人(?![行民工家次])|死|伤(?![口心势情疤])"
    r")|(?P<both>俩|仨)(?!字)"
)
_HARM: dict[Harm, re.Pattern[str]] = {
    "trapped": re.compile(
        r"被困|困在|困住|困着|困了|出不来|出不去|下不来|下不去|逃不出|跑不出|没有?(?:跑|逃|下|爬|撤|救)?出来|没有?下来|"
        r"被埋|埋在|埋住|埋着|埋到|埋了|被压|压在|压[着住到了](?=[^，。！？]{0,8}(?:人|小孩|孩子|老人|师傅|工人|工友|的(?=$|[，。]))|[^，。！？]{0,4}[个名位])|卡在|卡着|卡住|夹住|夹在|堵在(?:里|屋|楼|上面|房|家|车|电梯)|关在|被锁|锁在(?:车里|车上|屋|房|里面|家|厕所|电梯|阳台|教室)|反锁|"
        r"(?:里面|里头|楼上|屋里|房里|车里|车上|水里|下面|底下|上面)还有[^，。！？]{0,6}(?:人|小孩|孩子|老人)(?=$|[，。！]|没|在)"
    ),
    "hurt": re.compile(
        r"受伤|受了伤|重伤|轻伤|伤得|伤者|伤员|伤亡|伤到|伤了|[撞摔砸烧烫咬砍刺打炸划擦]伤|骨折(?!价)|流血|出血|是血|吐血|流了[^，。]{0,3}血|头破|"
        r"晕倒|昏倒|昏迷|昏过去|晕过去|抽搐|没有?呼吸|没有?心跳|不省人事|叫不醒|叫不应|被车?撞|撞到人|撞了人|撞倒|被砸|砸到人|砸中|"
        r"被捅|被砍|被刺|被咬|被打|崴了|磕破|摔断|腿断|手断|溺水|触电|食物中毒|煤气中毒|伤(?=[，。！？；,.!?;]|$)"
    ),
}
#: Said of all: the harm is over or never was.
_ALL_WELL: dict[Harm, re.Pattern[str]] = {
    "trapped": re.compile(
        r"(?:人|都|全部?)(?:已经|都|全)*(?:(?:跑|逃|撤|救|疏散|转移|走)了?(?:出来|上来|下来|出去)|疏散|撤离|出来|下来)了"
    ),
    "hurt": re.compile(
        r"(?:人|都|大家|我们)(?:倒|也|是|都|暂时|目前)*(?:没什么事|没啥事|没事|没有事|没大碍|平安|好好的|安全)"
    ),
}
_DENIED = re.compile(
    r"(?:没有|没|未|无|莫得|没得|冇|不曾|不存在)[^了就还来出气电水路法办，\d一二两三四五六七八九十几]{0,5}$"
)
_DENIED_AFTER = re.compile(r"^的?(?:人|情况)?(?:倒|是|都|暂时|目前)*(?:没有|没得|没看到|无)$")
_OF_NOBODY = re.compile(r"的$|没有?人|没有什么人|无人|未有人|没得人|莫得人|都没|全没|大家|人员|我们|伤亡")
_DOUBTED = re.compile(
    r"像|钥匙|手机|车子?被|通道|会被|就会|以前|当年|有没有|有无|是不是|是否|会不会|能不能|不知道|不清楚|怕|担心|万一|要是|如果|假如|差点|差一点|险些|小心|以免|免得|避免|防止|容易|"
    r"别|不要|不会|会不|迟早|早晚|以后|梦|演练|演习"
)
_ASKED = re.compile(r"[吗么嘛]$|^(?:现场|里面|车上)?有人?[^，]{0,6}(?:没有|没)$")
_OTHERS = re.compile(r"其他|其它|其余|别的|另外|剩下")
_CORRECTION = re.compile(r"不对|不是|说错|讲错|搞错|错了|应该是|更正|哦不|啊不|不止|我看错")
#: Words by which a smaller number replaces a greater one: it is a newer one, no part.
_NOW = re.compile(r"还有|还剩|只有|就|现在|一共|总共|剩|才|不是|不对|错|应该是|确定|数了")
_NOT_SO_MANY = re.compile(r"(?:不是|没有|哪有|不到)$")
_BARE = re.compile(
    rf"(?:大概|大约|可能|好像|应该|一共|总共|至少|起码|差不多|就|有|得有|是){{0,3}}(?:{_NUMBER})[个名位]人?(?:吧|左右|呢|啊)?(?=$|[，。！？,])"
)
_CLAUSE = re.compile(r"[^，。！？；,.!?;…\n]+")


@dataclass(frozen=True)
class People:
    """A count of people and the words it came from: ``text[start:end]``."""

    harm: Harm
    count: int
    #: There may be more: 好几个, 有人.
    least: bool
    start: int
    end: int
    #: Said of one person: 我没受伤 says nothing of the others.
    of_one: bool = False
    #: Replaces an earlier greater count: 不是三个, 还有两个.
    newer: bool = False


@dataclass(frozen=True)
class _Number:
    count: int
    least: bool
    start: int
    end: int
    #: The noun was said: 三个小孩, not 三个.
    person: bool


@dataclass(frozen=True)
class _Event:
    harm: Harm
    start: int
    end: int


def people(text: str, before: Harm | None = None) -> tuple[People, ...]:
    """Everyone counted in one utterance, in order.

    ``before``: the kind counted last or asked for, to which a bare correction (不是三个，是四个) belongs.
    """
    numbers, corrected = _numbers(text)
    clauses = [(m.start(), m.end()) for m in _CLAUSE.finditer(text)]
    events = [_Event(harm, m.start(), m.end()) for harm in HARMS for m in _HARM[harm].finditer(text)]
    found: list[People] = []
    used: set[_Number] = set()
    open_events: list[tuple[int, _Event]] = []
    for at, (start, end) in enumerate(clauses):
        clause = text[start:end]
        mine = sorted((e for e in events if start <= e.start < end), key=lambda e: e.start)
        if text[end : end + 1] not in ("?", "？"):
            found += _well(clause, start)
        counted: dict[_Event, list[_Number]] = {}
        for event in mine:
            if _doubted(text, start, end, event):
                continue
            if _is_denied(text, start, end, event):
                if not _OTHERS.search(clause):
                    found.append(_nobody(clause, start, end, event.harm))
                continue
            counted[event] = []
        for number in numbers:
            if start <= number.start < end and counted:
                counted[min(counted, key=lambda e: _distance(number, e))].append(number)
                used.add(number)
        for event, own in counted.items():
            if own:
                found.append(_sum(event.harm, own, clause))
            else:
                open_events.append((at, event))
    for at, event in open_events:
        beside = [
            n for n in numbers if n not in used and (n.person or 0 < corrected <= n.start or _is_bare(text, n))
            and any(clauses[i][0] <= n.start < clauses[i][1] for i in _beside(at, len(clauses)))
        ]  # fmt: skip
        own = [n for n in beside if n.end <= event.start][-1:] or [n for n in beside if n.start >= event.end][:1]
        used.update(own)
        start, end = clauses[at]
        if own:
            found.append(_sum(event.harm, own, text[start:end]))
        elif _SOMEBODY.search(text, start, end):
            found.append(People(event.harm, 1, True, start, end))
    if corrected and before and not found:
        found += [_sum(before, [n], "不是") for n in numbers if n.start >= corrected]
    return tuple(_latest(sorted(found, key=lambda p: p.start)))


def bare_number(text: str, harm: Harm) -> People | None:
    """The count with which a caller answers how many (三个, 两个人, 大概四五个吧), or None."""
    numbers, _ = _numbers(text)
    return _sum(harm, numbers[:1], "") if numbers and numbers[0].start <= 6 else None


def _numbers(text: str) -> tuple[list[_Number], int]:
    """What is left of the counts in ``text`` after its own corrections, and where a correction ended (0: none)."""
    found: list[_Number] = []
    taken_back: _Number | None = None
    corrected = 0
    for match in _COUNT.finditer(text):
        count, least = _count(match)
        if not count:
            continue
        number = _Number(count, least, match.start(), match.end(), bool(match["who"] or match["family"]))
        before = text[max(0, number.start - 6) : number.start]
        if found and _CORRECTION.search(text[found[-1].end : number.start]):
            taken_back = found.pop()
        elif _CORRECTION.search(before):
            corrected = match.start()
        if _NOT_SO_MANY.search(before):
            corrected = match.end()
            continue
        if taken_back:
            # It stands for the one taken back, also where the harm was named beside that one only.
            number, taken_back, corrected = replace(number, start=taken_back.start), None, number.start
        found.append(number)
    return found, corrected


def _count(match: re.Match[str]) -> tuple[int, bool]:
    """(how many, whether at least); 0 for what is no number."""
    if match["both"]:
        return (2 if match["both"] == "俩" else 3), False
    said = match["family"] or match["n"]
    known = {"几": 2, "好几": 3, "几十": 20, "好几十": 30, "好几百": 300, "两": 2}
    if said in known:
        return known[said], said != "两"
    if said[-1] in "多来余":
        return _plain(said[:-1]), True
    if said[-1] == "几":
        return _plain(said[:-1]) + 1, True
    if re.fullmatch("[一二两三四五六七八九]{2}", said):
        return _plain(said[0]), True
    if re.fullmatch("[一二三四五六七八九]?十[一二三四五六七八九]{2}", said):
        return _plain(said[:-1]), True
    return _plain(said), False


def _plain(said: str) -> int:
    number = int(said) if said.isdecimal() and said.isascii() else value(said)
    # More than a city's worst day is a sum or a number of something else.
    return number if number is not None and number < 1000 else 0


def _doubted(text: str, start: int, end: int, event: _Event) -> bool:
    asked = text[end : end + 1] in ("?", "？") or _ASKED.search(text[start:end])
    return bool(asked or _DOUBTED.search(text, start, event.start))


def _is_denied(text: str, start: int, end: int, event: _Event) -> bool:
    return bool(_DENIED.search(text[start : event.start]) or _DENIED_AFTER.search(text[event.end : end]))


def _is_bare(text: str, number: _Number) -> bool:
    """The number is all that its clause says: 大概三个吧."""
    start = max(text.rfind(mark, 0, number.start) for mark in "，。！？,") + 1
    return bool(_BARE.match(text[start:]))


def _nobody(clause: str, start: int, end: int, harm: Harm) -> People:
    return People(harm, 0, False, start, end, of_one=not _OF_NOBODY.search(clause), newer=True)


def _well(clause: str, start: int) -> Iterator[People]:
    for harm, pattern in _ALL_WELL.items():
        wondering = clause.endswith("吧") or _DOUBTED.search(clause) or _ASKED.search(clause)
        if not wondering and (match := pattern.search(clause)):
            yield People(harm, 0, False, start + match.start(), start + match.end(), newer=True)


def _distance(number: _Number, event: _Event) -> int:
    """Callers mostly say the number first: 三人受伤两人被困."""
    return event.start - number.end if event.start >= number.start else number.start - event.end + 2


def _beside(at: int, count: int) -> Iterable[int]:
    return range(max(0, at - 2), min(count, at + 2))


def _sum(harm: Harm, numbers: Sequence[_Number], clause: str) -> People:
    """两个大人和一个小孩 are three; where not all say who, the first is the whole and others are parts of it."""
    whole = numbers if all(n.person for n in numbers) and "其中" not in clause else numbers[:1]
    return People(
        harm, sum(n.count for n in whole), any(n.least for n in whole),
        min(n.start for n in whole), max(n.end for n in whole), newer=bool(_NOW.search(clause)),
    )  # fmt: skip


def _latest(found: Iterable[People]) -> Iterable[People]:
    """One of each harm: a number before 有人, the last said before an earlier one, 0 only where nobody was counted."""
    best: dict[Harm, People] = {}
    for new in found:
        known = best.get(new.harm)
        best[new.harm] = new if known is None else merged(known, new)
    return best.values()


def merged(known: People, new: People) -> People:
    """What holds of two counts of one harm, ``new`` said later."""
    if new.count == 0:
        return known if known.count and new.of_one else new
    if new.count < known.count and not new.newer:
        return known
    return known if new.count == known.count and new.least and not known.least else new
