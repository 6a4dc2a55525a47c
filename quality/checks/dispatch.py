"""Whether an emergency's first questions were asked, or answered unasked."""

from quality.checks.findings import Checked
from quality.checks.occasion import Occasion


def questions(occasion: Occasion, code: str) -> Checked:
    """So many of the topics of category ``code`` are known in the end as the rules say, one at least by asking."""
    dialogue = occasion.dialogue
    if not occasion.emergency or occasion.none or not dialogue.agent or dialogue.call.outcome == "service":
        return Checked("na")
    rules = dialogue.rules
    asked, told, missing = 0, 0, []
    # The category is often known only after the call: what any emergency asks counts beside its own topics.
    for name in dict.fromkeys((*rules.topics_of(code), *rules.topics_of("E"))):
        topic = rules.topics[name]
        if any(topic.asked(dialogue.texts[i]) for i in dialogue.agent):
            asked += 1
        elif topic.told and any(topic.told(dialogue.texts[i]) for i in dialogue.caller):
            told += 1
        else:
            missing.append(name)
    if asked and asked + told >= rules.least:
        return Checked("pass")
    reason = "紧急来电没有问清关键情况：" + "、".join(TOPICS.get(name, name) for name in missing[:4])
    return Checked("fail", (dialogue.finding("questions", "major", reason, turn=dialogue.agent[0]),))


#: Names of the topics that come with heyi, for people.
TOPICS = {
    "hurt": "伤情", "trapped": "有无人员被困", "what": "是什么在烧、在漏", "conscious": "是否清醒", "breathing": "呼吸",
    "age": "年龄", "history": "经过和病史", "first_aid": "自救指导", "weapon": "凶器", "who": "几个人、什么特征",
    "when": "时间", "danger": "现在是否安全", "crash": "车辆情况",
}  # fmt: skip
