"""Why an automatic check found something, in the reader's language. Pure.

The checks say it in one Chinese sentence, which is kept with the finding. Here stand those sentences, with ``{…}``
where a figure or a list stands in them, so that they have their English beside all other texts.
"""

import re
from collections.abc import Sequence

from desk.views import Views

#: Sentences of the checks themselves.
OF_CHECKS = (
    "地址复述有误，没有更正", "没有复述、确认地址", "没有问清地址",
    "电话复述有误，没有更正", "来电人报的电话没有复述、确认", "没有核对联系电话",
    "开头没有问候和自报热线", "开头没有自报热线，也没有询问需要什么帮助", "结束时没有结束语",
    "来电人情绪激动或受伤害怕，没有安抚", "来电人还没说完，先挂了电话", "该登记的诉求没有登记", "打断来电人",
    "诉求没有受理，来电人追问也没有下文", "说法与已标注的违规用语相近", "把他人的手机号码告诉来电人",
    "答应的时间晚于办理时限", "来电人说话时插话", "让来电人等候前没有说明",
    "紧急来电没有问清关键情况：{topics}", "双方同时说话占 {share}%", "冷场 {seconds} 秒",
    "语速每分钟 {pace} 字，偏快", "语速每分钟 {pace} 字，偏慢", "让来电人等候 {seconds} 秒",
)  # fmt: skip
#: Of the rules that come with heyi (``quality/rules``); a city's own rules stay as the city wrote them.
OF_RULES = (
    "以不归自己管为由不受理", "催促、不耐烦", "冷漠、一推了之", "对办理结果打包票，热线无权承诺",
    "对来电人贬低承办单位或同事",
    "把他人的电话、住址或家庭情况告诉来电人", "索要或给出私人联系方式，把公事转到私下", "要求来电人给好评",
    "训斥、质问来电人", "讽刺、轻慢来电人的事", "证实了来电人对举报人的猜测", "该受理的事往外推", "责怪来电人",
    "辱骂来电人", "透露举报人、投诉人是谁",
)  # fmt: skip
#: Topics of first questions, which stand in one of the sentences as a list.
TOPICS = (
    "伤情", "有无人员被困", "是什么在烧、在漏", "是否清醒", "呼吸", "年龄", "经过和病史", "自救指导", "凶器",
    "几个人、什么特征", "时间", "现在是否安全", "车辆情况",
)  # fmt: skip
_PLACE = re.compile(r"\\\{(\w+)\\\}")
_PATTERNS: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (text, re.compile(_PLACE.sub(r"(?P<\1>.+)", re.escape(text)))) for text in OF_CHECKS if "{" in text
)


def told(reason: str, views: Views) -> str:
    """A finding's reason as this reader reads it; the Chinese where nobody has translated it."""
    for text, pattern in _PATTERNS:
        if found := pattern.fullmatch(reason):
            parts = found.groupdict()
            if "topics" in parts:
                parts["topics"] = views.text("、").join(_topics(parts["topics"], views))
            return views.text(text).format(**parts)
    return views.text(reason)


def _topics(listed: str, views: Views) -> list[str]:
    """One topic has the list's own comma in its name."""
    found: list[str] = []
    while listed:
        topic = next((each for each in TOPICS if listed.startswith(each)), listed.split("、")[0])
        found.append(views.text(topic))
        listed = listed[len(topic) :].removeprefix("、")
    return found
