"""Names of what quality knows by keys, for screens."""

from core.city_quality import Risk
from quality.coaching import states as coaching
from quality.reviews import states as reviews
from quality.scorecards.score import Answer

RISK_NAMES: dict[Risk, str] = {
    "verdict_changed": "研判改判", "complaint": "投诉", "angry": "情绪激动", "unsatisfied": "回访不满意",
    "barge": "班长强插或接管", "reopened": "退回重办", "early_hangup": "话务员过早挂机", "emergency": "紧急警情",
    "long_hold": "等候过久",
}  # fmt: skip
STRATUM_NAMES = {"line": "线路", "category": "事项类别", "hour": "时段"}
#: Violations as the automatic checks name them.
VIOLATIONS = (
    "无问候语", "无结束语", "未确认地址", "未确认电话", "未记录诉求", "未安抚", "态度生硬", "推诿",
    "违规索要私人联系方式", "诱导评价", "贬损他人", "违规承诺", "泄露个人信息", "打断来电人", "提前挂机",
)  # fmt: skip
ANSWER_NAMES = {"yes": "是", "no": "否", "na": "不适用"}
REVIEW_STATES = reviews.STATE_NAMES
REVIEW_ACTIONS = reviews.ACTION_NAMES
PLAN_STATES = coaching.STATE_NAMES
PLAN_ACTIONS: dict[str, str] = {**{str(key): name for key, name in coaching.ACTION_NAMES.items()}, "make": "制定"}
BY_NAMES = {"agent": "话务员", "desk": "坐席", "line": "线路", "category": "事项类别"}


def answer_key(answer: Answer | str) -> str:
    """Its source text; points of a scale stand for themselves."""
    return ANSWER_NAMES.get(str(answer), str(answer))
