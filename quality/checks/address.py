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
    "街道|社区|菜场|小区|新村|花园|家园|花苑|华府|公寓|广场|大厦|路口|大道|菜市场|市场|超市|小学|中学|幼儿园|学校|医院|公园|加油站|"
    "收费站|酒店|宾馆|园区|科技园|工业区|开发区|村委会|居委会|老人会|号楼|单元|门口|宿舍|总部|祖厝|码头|牌坊|公交站|停车场|汽车站|车站|高速|隧道|大桥|世纪城|中心|"
    "东门|西门|南门|北门|大门|对面|旁边|后面|前面|边上|附近|仓库|工地|安置房|商场|KTV|ktv|"
    "镇|村|路|街|巷|道|桥|楼|栋|号|区|厂|店|庙|宫|祠|塔|溪|河|湖|山|里|厝|庄|城|院|馆|苑|府|湾|站|校|连接线"
)
#: A name before a unit; also a unit after a number (88号, 3排).
_NAME = "[A-Za-z0-9]|(?![的了是在我你您他她请跟给把被让就也都还没不着很这那哪吗呢吧啊由几])[一-鿿]"
_PIECE = re.compile(
    rf"(?:{_NAME}){{1,7}}?(?:{_UNITS})(?:{_UNITS})*|[A-Za-z]?\d+(?:号楼|号|栋|单元|楼|室|排|层|座|期|区)?"
)
_CLAUSE = re.compile(r"[，。！？；、,.!?;\s　…—]")
#: What begins a clause and is no name.
_LEAD = re.compile(
    r"^(?:我|你|您|他|她|们|这|那|哪|在|到|从|往|是|就|的|有|个|边|里|一|条|家|住|叫|说|好|像|嗯|啊|请|问|对|还|都|也|去|来|把|被|给|"
    r"反映|投诉|举报|想|要|看|到了|下|没|不|和|跟|靠近|具体|地址|位置|大概|应该|现在|刚才|刚刚|昨天|今天|咱|俺|阮|位于)+"
)
#: Found in any talk about a place and no place themselves.
_BARE = re.compile(
    rf"(?:{_UNITS})+|[大小一两].|.*[信符账户单工型编挂证卡票座键]号|.*[嘴心脑壳手脚肚肺眼胃怀梦话河水沟锅碗家屋车所房厅台包柜群网店县市省镇局厂院校]里"
    r"|.{4,}里|.*[住出入转送]院|[见看走过让问带抄]路"
)
_COMMON = frozenset(
    """
    小区 社区 村 路 街 店 厂 家里 楼下 楼上 楼 门口 旁边 对面 附近 后面 前面 边上 学校 医院 工地 市场 超市
    公园 广场 车站 道 里 号 区 路口 马路 村口 单号 工号 账号 户号 型号 电话号 几号 单元 镇 桥 山 城 河 站
    仓库 心里 手里 夜里 车里 楼里 屋里 那里 这里 哪里 邻居家 隔壁 物业 房子里 电梯里 微信号 挂号 符号 信号
    知道 街道 地道 味道 管道 报道 通道 楼道 下水道 公里 厂区 红绿灯 卫生间 车库 车子里 抄近路 近路 远路
    """.split()  # noqa: SIM905
)
#: A single one of these said otherwise is another place: 东路 for 西路, 66 for 88.
_TELLING = frozenset("东西南北中上下前后左右0123456789ABCDEFGabcdefg")
_ALIKE = str.maketrans({"幢": "栋", "厦": "夏", "　": " "})
#: Fewer characters of a place are a passing mention, none to be read back.
LEAST = 4
#: The name of a village or road alone is enough where the caller tells no more.
_LEAST_ALONE = 3
_NAMED_ALONE = re.compile(r"[一-鿿]{2,}(?:村|社区|路|街|巷|弄|苑|坊|屯|镇|桥|小区|大厦|公园|菜场|市场|广场)")
#: The answer to “where” is a place whatever its words are, if it is no longer than this and no way of not answering.
_LONGEST_ANSWER = 14
_NO_ANSWER = re.compile(r"不知道|不清楚|不晓得|说不|没有|什么|怎么|为什么|[吗呢]|等一?下|不方便|你|您|^(?:对|是|好|嗯)")
#: What may come before the place in an answer (昨日上午，东门口枢纽).
_WHEN = re.compile(
    r"(?:大?[昨前今明][天日晚早]|上个?(?:礼拜|星期|周|月)|早上|上午|中午|下午|晚上|夜里|凌晨|(?:\d+|[一二三四五六七八九十两]+)点)"
    r"[^，。]{0,4}"
)
_FILLER = re.compile(
    r"^(?:那个|这个|哎呀?|哦|噢|呃|嗯|啊|喂|在|到|过了|刚刚|刚才|就|是|我|们|家|住|现在|导航|显示|说|的|叫|那|这)+"
)
#: What official names have at the end and callers leave out: 罗山街道许坑村 for 罗山许坑.
_KIND = re.compile(r"(?:街道|社区|镇|村)$")
_TRAILING = re.compile(r"(?:那边|这边|那里|这里|那儿|这儿|附近|吧|啊|哦|呢|的|了|哈|咯|啦)+$")
#: Whom a matter is handed to: a town that is named so is not read back.
_HANDED_TO = re.compile(
    r"(?:转|派|通知|联系|交给|交由|报给|反馈|协调|督促|请|由|让|叫)(?:给|到|办|至|一下|了)?[^，。！？、]{0,10}?"
    r"(?:镇|街道|村委会?|居委会?|社区|局|所|大队|中队|公司|政府)(?!.{0,3}[路街村巷号栋])"
)
#: The caller takes back what he or the call taker said of the place.
_CORRECTS = re.compile(
    r"不对|说错|讲错|错了|搞错|弄错|记错|报错|更正|纠正|不是[^，。！？]{1,10}[，,]?(?:是|应该)|应该是|改成|才对"
)
#: The share of the caller's place that must come back.
_SHARE = 0.42
_SHARE_ASKED = 0.3
#: The share of the call taker's place that the caller said before.
_SHARE_BACK = 0.6
_RECORD = re.compile(r"查到|工单|登记的|之前反映|上次反映|您是[^，。]{1,4}(?:先生|女士)")
#: 您的地址是铁西建设里三门，对吗？: whoever hears a wrong one says so.
_STATED = re.compile(
    r"(?:地址|地点|位置|住址|地方)(?:就)?(?:是|在|写的是|登记的是)(?!哪|什么|几|不|这)[^。？?]{4,}[，,。 ]*"
    r"(?:对吗|是吗|是吧|对吧|对不对|没错吧|吗)"
)
_FULL = re.compile(r"(?:镇|街道)[^，。]{1,6}(?:村|社区|路|街|小区|花园)")
#: So many characters of a place in a question that the caller did not tell himself.
_LEAST_PROPOSED = 5
#: Enough where the caller agrees to it.
_LEAST_AGREED = 4
#: So many syllables in a row that the caller has just said are his place read back.
_LEAST_ECHOED = 4
#: 白色的楼多了 tells that the place is not known.
_MANY = re.compile(r"多了|太多|那么[大多]")
#: 往哪个方向、哪一天 do not ask for the place again.
_WHERE = re.compile(r"哪(?!个?(?:方向|天|趟|班|辆|年|种|边开|位|个?报|个?打))")
_SENTENCE = re.compile(r"[^。！？!?]+[。！？!?]?")
#: 十三号 is 13号.
_ONES = "零一二三四五六七八九"
_TENS = re.compile(
    r"(?<![一二三四五六七八九十百千])[二三四五六七八九]?十[一二三四五六七八九]?(?=号(?!码)|栋|幢|楼|单元|室|排|组)"
)
_NUMBERED = re.compile(r"(?<!\d)(\d{1,4})(号(?!码|线)|栋|楼|单元|室|排)")
_ASKS = re.compile(r"(?:吗|吧|么|对不对|是不是|是吗|没错|好吗|可以[吗吧])[？?，,。]?|[？?]")


@dataclass(frozen=True)
class _Mention:
    """The pieces of a place in one turn, each as its words."""

    turn: int
    pieces: tuple[str, ...]
    #: The call taker had asked for the place.
    answers: bool = False

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
        text = self.dialogue.texts[turn]
        asked = self._asked(turn)
        pieces = pieces_of(text)
        if asked and sum(map(len, pieces)) < LEAST:
            pieces = _answered(text) or pieces
        return _Mention(turn, pieces, asked)

    def _asked(self, turn: int) -> bool:
        """The call taker asked for the place just before."""
        return turn > 0 and self.dialogue.call.turns[turn - 1].who == "agent" and self.dialogue.says(
            "asks_place", (turn - 1,)
        )  # fmt: skip

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
    for clause in _CLAUSE.split(_spelled(text)):
        for match in _PIECE.finditer(clause):
            piece = _LEAD.sub("", match[0])
            if len(piece) >= 2 and piece not in _COMMON and not piece.isdigit() and not _BARE.fullmatch(piece):
                found.append(piece)
    return tuple(found)


def _answered(text: str) -> tuple[str, ...]:
    """The first clause of an answer to “where” that may name a place (刚刚过了紫帽的湖盘: 紫帽的湖盘)."""
    for clause in _CLAUSE.split(_spelled(text)):
        name = _TRAILING.sub("", _FILLER.sub("", clause))
        if len(name) >= _LEAST_ALONE and not _WHEN.fullmatch(name):
            return () if len(name) > _LONGEST_ANSWER or _NO_ANSWER.search(clause) else (name,)
    return ()


def _counted(match: re.Match[str]) -> str:
    tens, _, ones = match[0].rpartition("十")
    ten = _ONES.index(tens) if tens else 1
    return str(ten * 10 + (_ONES.index(ones) if ones else 0))


def _spelled(text: str) -> str:
    text = _TENS.sub(_counted, text)
    # 2期5号楼: the phase of an estate sounds like a seven between figures, and is none.
    return "期".join(map(spoken_digits, text.split("期"))).translate(_ALIKE).replace("号楼", "栋")


def check(dialogue: Dialogue, address: Address, needed: bool, *, spoken_of: bool = True) -> Checked:
    """Read back by the call taker, or named by him and agreed to by the caller; half of it or another is not enough,
    nor what the caller corrects afterwards and nobody reads back again. ``spoken_of``: the matter has a place; else
    what is named (the library that somebody asks about) is none to be read back."""
    if not needed and not spoken_of:
        return Checked("na")
    told = [m for m in address.mentions if m.weight >= LEAST]
    if not told:
        told = [m for m in address.mentions if any(_NAMED_ALONE.fullmatch(piece) for piece in m.pieces)]
    wrong: int | None = None
    confirmed = False
    correction: _Mention | None = None
    for i in range(len(dialogue.texts)):
        if dialogue.call.turns[i].who == "caller":
            if confirmed and (new := _correction(dialogue, i)):
                confirmed, correction, wrong = False, new, i
            continue
        if dialogue.call.turns[i].who != "agent" or confirmed:
            continue
        if correction is not None:
            confirmed = _again(dialogue, i, correction)
            continue
        said = next((m for m in address.mentions if m.turn == i - 1), None)
        found = _confirms(dialogue, i, [m for m in told if m.turn < i], said)
        if found is None:
            continue
        confirmed, wrong = found, None if found else i
    if confirmed or (wrong is None and _piece_by_piece(dialogue, told)):
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


def _confirms(dialogue: Dialogue, i: int, before: list[_Mention], said: _Mention | None) -> bool | None:
    """Whether turn ``i`` confirms one of the places told ``before``; ``None`` where it says none of them again.
    ``said`` is what the caller's last turn names."""
    # 泉安中路白色的楼多了，哪个啊？: asked again, not confirmed.
    sentences = [s for s in _SENTENCE.findall(_spelled(dialogue.texts[i])) if not _WHERE.search(s)]
    text = "".join(_HANDED_TO.sub("，", s) for s in sentences)
    asks = bool(_ASKS.search(text))
    heard = _spelled("。".join(dialogue.texts[c] for c in dialogue.caller if c < i))
    heaviest = max((m.weight for m in before), default=0)
    wrong = False
    for mention in before:
        # Beside the fullest telling, half of it counts where it answers the question for the place.
        if mention.weight * (2 if mention.answers else 1.5) < heaviest:
            continue
        share = covered(mention.pieces, text)
        if share >= (_SHARE_ASKED if asks and dialogue.agreed(i) else _SHARE):
            if not (contradicts(mention.pieces, text) or other_number(text, heard) or dialogue.denied(i)):
                return True
            wrong = True
    if wrong or dialogue.denied(i):
        return False if wrong else None
    # What the caller said over several turns, or without the word for its kind (过了湖盘): the other way round.
    named = pieces_of(text)
    bare = tuple(name for piece in named if len(name := _KIND.sub("", piece)) >= 2)
    repeated = sum(map(len, named)) >= _LEAST_PROPOSED and covered(bare, heard) >= _SHARE_BACK
    if repeated and not contradicts(named, heard):
        return True
    if _echoed(dialogue, i, said):
        return True
    # From the record of an earlier call, town and village: whoever hears a wrong one says so.
    if any(_RECORD.search(s) and _FULL.search(s) for s in sentences):
        return True
    if dialogue.agreed(i):
        if _STATED.search(text) and not any(contradicts(m.pieces, text) for m in before):
            return True
        for sentence in sentences:
            own = sum(map(len, pieces_of(sentence)))
            if own < _LEAST_AGREED or not _ASKS.search(sentence):
                continue
            if _proposed(sentence, before) or covered(pieces_of(sentence), dialogue.answer_to(i) or "") >= _SHARE_BACK:
                return True
    return None


def _echoed(dialogue: Dialogue, i: int, place: _Mention | None) -> bool:
    """Turn ``i`` repeats what the caller has just said of the place, whatever its words are (盛世名邸，哪个门？), or
    the caller repeats in his answer what it said."""
    last, text = i - 1, _spelled(dialogue.texts[i])
    if place is not None and place.turn == last and (place.answers or place.pieces or _WHERE.search(text)):
        told = _spelled(dialogue.texts[last])
        if _repeats(text, told):
            return not other_number(text, told) and not dialogue.denied(i)
    return dialogue.agreed(i) and bool(pieces_of(text)) and _repeats(_spelled(dialogue.answer_to(i) or ""), text)


def _repeats(text: str, told: str) -> bool:
    """Most of a clause of ``text`` was said in ``told``."""
    heard = symbols(_CLAUSE.sub("", told))
    for clause in _CLAUSE.split(text):
        sound = symbols(_TRAILING.sub("", _LEAD.sub("", clause)))
        if len(sound) < _LEAST_ECHOED or _WHERE.search(clause) or _MANY.search(clause):
            continue
        runs = (sound[at : at + _LEAST_ECHOED] in heard for at in range(len(sound) - _LEAST_ECHOED + 1))
        hit = sum(runs) + _LEAST_ECHOED - 1
        if hit >= max(_LEAST_ECHOED, _SHARE_BACK * len(sound)):
            return True
    return False


def _piece_by_piece(dialogue: Dialogue, told: list[_Mention]) -> bool:
    """The whole of the place came back, a piece in each of several turns (哪个村？ 山前村哪里？ 小学后门那条路啊)."""
    if not told:
        return False
    pieces = tuple(dict.fromkeys(piece for mention in told if mention.answers for piece in mention.pieces))
    text = "。".join(_HANDED_TO.sub("，", _spelled(dialogue.texts[i])) for i in dialogue.agent if i > told[0].turn)
    heard = _spelled("。".join(dialogue.texts[i] for i in dialogue.caller))
    whole = sum(map(len, pieces)) >= _LEAST_PROPOSED and covered(pieces, text) >= _SHARE_BACK
    return whole and not contradicts(pieces, text) and not other_number(text, heard)


def _correction(dialogue: Dialogue, turn: int) -> _Mention | None:
    """The place or number as the caller corrects it, where he does."""
    text = _spelled(dialogue.texts[turn])
    found = _CORRECTS.search(text)
    if found is None:
        return None
    # 不是东路，是西路: what follows is right.
    right = text[found.end() :]
    pieces = pieces_of(right)
    return _Mention(turn, pieces) if pieces else None


def _again(dialogue: Dialogue, i: int, correction: _Mention) -> bool:
    """Turn ``i`` reads back what was corrected."""
    text = _spelled(dialogue.texts[i])
    return (
        covered(correction.pieces, text) >= _SHARE_BACK
        and not contradicts(correction.pieces, text)
        and not other_number(text, "".join(correction.pieces))
        and not dialogue.denied(i)
    )


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
