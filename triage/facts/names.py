"""The caller's name: 我姓蒲, 我叫关秋霞, an answer to 您贵姓, and the call taker's 蒲先生. Pure."""

import re
from dataclasses import dataclass

#: Surnames of the frequent ones, and of the rest those that are no everyday word at the head of an answer.
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白"
    "崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐沿梅莫庄辛管祝左涂谷祁"
    "时舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺苟"
    "全褚廉简娄盖符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝都巩稽井练仲乐虞卞封竺冼原官衣楚佟栗匡宗应台巫鞠僧桑荆谌银扬明沙"
    "薄伏岑习胥保和蔺上缪蒲"
)
_DOUBLE = "欧阳|上官|司马|诸葛|司徒|东方|皇甫|尉迟|公孙|慕容|令狐|夏侯|端木|南宫|长孙|宇文"
_SURNAME = rf"(?:{_DOUBLE}|[{_SURNAMES}])"
_NOT_IN_NAMES = "的是了我你您谢他她它们这那哪有没不在就都也很什么怎吗呢吧啊和跟要会能可以个说打叫号姓"
_GIVEN = rf"(?!先生|女士|小姐|师傅|老师)[^\W\d_a-zA-Z{_NOT_IN_NAMES}]"
_TITLE = "先生|女士|小姐|师傅|大姐|大哥|阿姨|大爷|大妈|老师|同学|老板|经理|医生"
#: 我姓仇，读球: what follows the surname spells it and is left alone.
_SURNAME_SAID = re.compile(
    rf"(?:我|俺|本人|免贵|鄙人|敝)(?:是)?姓(?P<mine>{_DOUBLE}|[^\W\d_不没什啥哪这那])|(?:^|[，。、,\s嗯啊])姓(?P<bare>{_SURNAME})(?!名)"
)
_NAME_SAID = re.compile(
    rf"(?:(?:我|本人)(?:的?(?:全名|名字|姓名))?(?:就?叫|是叫)做?|(?:我的?)?(?:全名|名字|姓名)(?:就?叫|是)做?|^叫)(?P<name>(?:{_SURNAME}{_GIVEN}{{1,2}}|[老小阿]{_SURNAME}))"
    r"(?![\w]{3})"
)
#: 我叫老陈, 我是张女士.
_TITLED = re.compile(
    rf"(?:我是|我叫|叫我|喊我)(?P<titled>[老小阿]{_SURNAME}(?=就|吧|好|行|$|[，。！])"
    rf"|[老小阿][^\W\d_]{{0,2}}[伯叔姨婆公嫂姐哥]|{_SURNAME}(?:{_TITLE}))"
)
_ASKED = re.compile(r"核对|贵姓|怎么称呼|如何称呼|什么名字|名字|姓名|您姓|姓什么|称呼您")
_ANSWERED = re.compile(
    rf"^[\s，。对是嗯啊呃的]*(?P<name>(?![上明时来全后左向边路常乐]){_SURNAME}{_GIVEN}{{1,2}})(?=$|[，。！、,.\s])"
)
_ANSWERED_SURNAME = re.compile(rf"^[\s，。嗯啊呃]*(?:姓|免贵姓)?(?P<name>{_SURNAME})(?=$|[，。、,]{_SURNAME}?)")
_CALLED = re.compile(
    rf"(?:^|(?<=[，。！？、：\s]))(?P<name>{_SURNAME}(?:{_GIVEN}{{1,2}})?)(?P<title>先生|女士|小姐|师傅|大姐|大哥|阿姨|大爷|同学|老师)"
)
#: 谢谢 is no surname, and 祝阿姨 a wish.
_THANKS = re.compile(r"谢谢您?|感谢您?|祝(?=[阿大您各])|好的?|嗯|请问?")


@dataclass(frozen=True)
class SaidName:
    """A name and the words it came from."""

    name: str
    words: str
    #: Name and surname both.
    whole: bool


def callers_name(text: str, *, asked: bool = False) -> SaidName | None:
    """The name that the caller gives in ``text``; ``asked``: the call taker just asked for it."""
    if match := _NAME_SAID.search(text):
        return SaidName(match["name"], match[0], match["name"][0] not in "老小阿")
    if match := _TITLED.search(text):
        return SaidName(match["titled"], match[0], False)
    answered = _ANSWERED.match(text) if asked else None
    if match := _SURNAME_SAID.search(text):
        surname = match["mine"] or match["bare"]
        # 姓阮，阮春生: the whole name follows.
        whole = re.search(rf"[，, ]({re.escape(surname)}{_GIVEN}{{1,2}})(?=$|[，。、,])", text[match.end() :])
        if whole:
            return SaidName(whole[1], match[0] + whole[0], True)
        return SaidName(surname, match[0].strip("，。、, 嗯啊"), False)
    if answered:
        return SaidName(answered["name"], answered["name"], True)
    if asked and (match := _ANSWERED_SURNAME.match(text)):
        return SaidName(match["name"], match["name"], False)
    return None


def asks_name(text: str) -> bool:
    return bool(_ASKED.search(text))


def titled(text: str, surname: str) -> str:
    """``surname`` with the title by which the call taker says it (蒲先生), or empty."""
    for match in _CALLED.finditer(_THANKS.sub("，", text)):
        if match["name"][0] == surname[0]:
            return surname + match["title"]
    return ""


def called(text: str) -> str:
    """The name by which the call taker addresses the caller (关秋霞女士 → 关秋霞, 关女士), or empty."""
    match = _CALLED.search(_THANKS.sub("，", text))
    if match is None:
        return ""
    return match["name"] if len(match["name"]) > 1 else match["name"] + match["title"]
