"""Whether the call taker read the place back, compared by sound with what the caller said."""

import re
from dataclasses import dataclass
from functools import cached_property

from asr.words.digits import spoken_digits
from asr.words.sounds import symbols
from quality.checks.dialogue import Dialogue
from quality.checks.findings import Checked

#: Words with which the name of a place ends, or that say where from there.
_UNITS = (
    "街道|社区|小区|新村|花园|家园|花苑|华府|公寓|广场|大厦|路口|大道|菜市场|市场|超市|小学|中学|幼儿园|学校|医院|公园|加油站|"
    "收费站|酒店|宾馆|园区|科技园|工业区|开发区|村委会|居委会|老人会|号楼|单元|门口|宿舍|总部|祖厝|码头|牌坊|公交站|停车场|汽车站|车站|"
    "东门|西门|南门|北门|大门|对面|旁边|后面|前面|边上|附近|仓库|工地|安置房|商场|KTV|ktv|"
    "镇|村|路|街|巷|道|桥|楼|栋|号|区|厂|店|庙|宫|祠|塔|溪|河|湖|山|里|厝|庄|城|院|馆|苑|府|湾|站|校|连接线"
)
#: A name before a unit; also a unit after a number (88号, 3排).
_NAME = "[A-Za-z0-9]|(?![的了是在我你您他她请跟给把被让就也都还没不这那哪吗呢吧啊由几])[一-鿿]"
_PIECE = re.compile(
    rf"(?:{_NAME}){{1,7}}?(?:{_UNITS})(?:{_UNITS})*|[A-Za-z]?\d+(?:号楼|号|栋|单元|楼|室|排|层|座|期|区)?"
)
#: What begins a clause and is no name.
_LEAD = re.compile(
    r"^(?:我|你|您|他|她|们|这|那|哪|在|到|从|往|是|就|的|有|个|边|里|一|条|家|住|叫|说|好|像|嗯|啊|请|问|对|还|都|也|去|来|把|被|给|"
    r"反映|投诉|举报|想|要|看|到了|下|没|不|和|跟|靠近|具体|地址|位置|大概|应该|现在|刚才|刚刚|昨天|今天|咱|俺|阮|位于)+"
)
#: Found in any talk about a place and no place themselves.
_BARE = re.compile(rf"(?:{_UNITS})+|[大小一两].|.*[信符账户单工型编挂]号")
_COMMON = frozenset(
    """
    小区 社区 村 路 街 店 厂 家里 楼下 楼上 楼 门口 旁边 对面 附近 后面 前面 边上 学校 医院 工地 市场 超市
    公园 广场 车站 道 里 号 区 路口 马路 村口 单号 工号 账号 户号 型号 电话号 几号 单元 镇 桥 山 城 河 站
    仓库 心里 手里 夜里 车里 楼里 屋里 那里 这里 哪里 邻居家 隔壁 物业 房子里 电梯里 微信号 挂号 符号 信号
    知道 街道 地道 味道 管道 报道 通道 楼道 下水道 公里 厂区 红绿灯 卫生间 车库
    """.split()  # noqa: SIM905
)
#: A single one of these said otherwise is another place: 东路 for 西路, 66 for 88.
_TELLING = frozenset("东西南北中上下前后左右0123456789ABCDEFGabcdefg")
_ALIKE = str.maketrans({"幢": "栋", "厦": "夏", "　": " "})
#: Fewer characters of a place are a passing mention, none to be read back.
LEAST = 4
#: The share of the caller's place that must come back.
_SHARE = 0.42
_SHARE_ASKED = 0.3
#: The share of the call taker's place that the caller said before.
_SHARE_BACK = 0.6
_RECORD = re.compile(r"查到|工单|登记的|之前反映|上次反映|您是[^，。]{1,4}(?:先生|女士)")
_FULL = re.compile(r"(?:镇|街道)[^，。]{1,6}(?:村|社区|路|街|小区|花园)")
#: So many characters of a place in a question that the caller did not tell himself.
_LEAST_PROPOSED = 5
_SENTENCE = re.compile(r"[^。！？!?]+[。！？!?]?")
_NUMBERED = re.compile(r"(?<!\d)(\d{1,4})(号(?!码|线)|栋|楼|单元|室|排)")
_ASKS = re.compile(r"(?:吗|吧|么|对不对|是不是|是吗|没错|好吗|可以[吗吧])[？?，,。]?|[？?]")


@dataclass(frozen=True)
class _Mention:
    """The pieces of a place in one turn, each as its words."""

    turn: int
    pieces: tuple[str, ...]

    @property
    def weight(self) -> int:
        return sum(map(len, self.pieces))


@dataclass(frozen=True)
class Address:
    """The places of one call."""

    dialogue: Dialogue

    @cached_property
    def mentions(self) -> tuple[_Mention, ...]:
        return tuple(self._mention(i) for i in self.dialogue.caller)

    def _mention(self, turn: int) -> _Mention:
        return _Mention(turn, pieces_of(self.dialogue.texts[turn]))

    @cached_property
    def best(self) -> _Mention:
        """The caller's turn that tells the place most fully."""
        return max(self.mentions, key=lambda m: m.weight, default=_Mention(-1, ()))

    @property
    def weight(self) -> int:
        """Characters of place that the caller told at once."""
        return self.best.weight


def pieces_of(text: str) -> tuple[str, ...]:
    """Words of ``text`` that name a place, without what stands in any talk (小区, 门口)."""
    found = []
    for clause in re.split(r"[，。！？；、,.!?;\s　…—]", _spelled(text)):
        for match in _PIECE.finditer(clause):
            piece = _LEAD.sub("", match[0])
            if len(piece) >= 2 and piece not in _COMMON and not piece.isdigit() and not _BARE.fullmatch(piece):
                found.append(piece)
    return tuple(found)


def _spelled(text: str) -> str:
    return spoken_digits(text).translate(_ALIKE).replace("号楼", "栋")


def check(dialogue: Dialogue, address: Address, needed: bool) -> Checked:
    """Read back by the call taker, or named by him and agreed to by the caller; half of it or another is not enough."""
    wrong: int | None = None
    told = [m for m in address.mentions if m.weight >= LEAST]
    for i in dialogue.agent:
        # 泉安中路白色的楼多了，哪个啊？: asked again, not confirmed.
        sentences = [s for s in _SENTENCE.findall(_spelled(dialogue.texts[i])) if "哪" not in s]
        text = "".join(sentences)
        asks = bool(_ASKS.search(text))
        heard = _spelled("。".join(dialogue.texts[c] for c in dialogue.caller if c < i))
        before = [m for m in told if m.turn < i]
        heaviest = max((m.weight for m in before), default=0)
        for mention in before:
            if mention.weight * 3 < heaviest * 2:
                continue
            share = covered(mention.pieces, text)
            if share >= (_SHARE_ASKED if asks and dialogue.agreed(i) else _SHARE):
                if contradicts(mention.pieces, text) or other_number(text, heard) or dialogue.denied(i):
                    wrong = i
                    continue
                return Checked("pass")
        if wrong == i or dialogue.denied(i):
            continue
        # What the caller said over several turns, or without the word for its kind (过了湖盘): the other way round.
        named = pieces_of(text)
        repeated = sum(map(len, named)) >= _LEAST_PROPOSED and covered(named, heard) >= _SHARE_BACK
        if repeated and not contradicts(named, heard):
            return Checked("pass")
        # From the record of an earlier call, town and village: whoever hears a wrong one says so.
        if any(_RECORD.search(s) and _FULL.search(s) for s in sentences):
            return Checked("pass")
        if not dialogue.agreed(i):
            continue
        for sentence in sentences:
            own = sum(map(len, pieces_of(sentence)))
            if own >= _LEAST_PROPOSED and _ASKS.search(sentence) and _proposed(sentence, before):
                return Checked("pass")
    if not needed:
        return Checked("na")
    if wrong is not None:
        return Checked("fail", (
            dialogue.finding("address", "major", "地址复述有误，没有更正", label="未确认地址", turn=wrong),
        ))  # fmt: skip
    at = address.best.turn
    reason = "没有复述、确认地址" if at >= 0 and address.weight else "没有问清地址"
    return Checked("fail", (dialogue.finding("address", "major", reason, label="未确认地址", turn=at),))


def _proposed(text: str, told: list[_Mention]) -> bool:
    """A place from the record that the caller has not told otherwise: it shares a name with what he told, if any."""
    return not told or any(covered(m.pieces, text) >= 0.25 for m in told)


def covered(pieces: tuple[str, ...], text: str) -> float:
    """The share of the characters of ``pieces`` that ``text`` says too, by sound, in runs of two and more."""
    heard = symbols(text)
    total = hit = 0
    for piece in pieces:
        sound = symbols(piece)
        total += len(sound)
        at = 0
        while at < len(sound):
            size = 0
            while at + size < len(sound) and sound[at : at + size + 1] in heard:
                size += 1
            if size >= 2:
                hit += size
                at += size
            else:
                at += 1
    return hit / total if total else 0.0


def other_number(text: str, heard: str) -> bool:
    """``text`` has a house, block or floor number in place of one of ``heard``: 66号 for 36号."""
    known = set(_NUMBERED.findall(heard))
    told = set(_NUMBERED.findall(text))
    return any(unit == other for _, unit in told - known for _, other in known - told)


def contradicts(pieces: tuple[str, ...], text: str) -> bool:
    """``text`` says a piece with one telling character otherwise: 缺塘东路66号 for 缺塘西路66号."""
    heard = symbols(text)
    for piece in pieces:
        sound = symbols(piece)
        if sound in heard or len(sound) < 3:
            continue
        for at, char in enumerate(piece):
            if char not in _TELLING:
                continue
            # A run of digits is one thing.
            if char.isdigit() and at and piece[at - 1].isdigit():
                continue
            end = at + 1
            while char.isdigit() and end < len(piece) and piece[end].isdigit():
                end += 1
            left, right = sound[:at], sound[end:]
            if len(left) + len(right) < 2:
                continue
            pattern = re.escape(left[-2:]) + r"(\d+|.)" + re.escape(right[:2])
            for match in re.finditer(pattern, heard):
                said = text[match.start(1) : match.end(1)]
                if said != piece[at:end] and all(c in _TELLING for c in said):
                    return True
    return False
