"""What people say to the callback robot, and what it makes of that: rather a second question than the opposite."""

from pathlib import Path

import pytest

from core.city_ivr import AskStep, Choice
from core.cityfile import load_city
from ivr.choosing import chosen
from ticketing.callbacks.texts import answer_of

_FLOW = next(
    f for f in load_city(Path(__file__).parents[2] / "cities" / "jinjiang").ivr if f.key == "robot-callback"
)  # fmt: skip
YES, NO, PERSON, WRONG, AGAIN = "yes", "no", "person", "wrong", ""

#: As people talk, one answer between spaces; AGAIN: asked once more.
SOLVED = {
    YES: (
        "解决了 嗯，已经解决了 都处理好了，谢谢啊 昨天就修好了 是的 是的，弄好了 好了好了 没多久就修好了 "
        "不好意思，刚没听见，解决了 没问题，都办好了 差不多弄好了"
    ),
    NO: (
        "没解决 还没有解决 没有 没有没有 还没呢 根本没人来 到现在都没有人来过 是的，没有解决 是的，没解决 "
        "没有完全解决 不行，还是老样子 没解决好 没处理好 没修好 没有真正处理好 并没有修好了"
    ),
    AGAIN: (
        "是的，还没 是的，没有 不是的 没怎么弄好 算不上解决了 不算解决了 不能说解决了 谁说解决了 解决了吗 "
        "你问解决了没有 我没说解决了 哪里处理好了 怎么可能好了 今天天气不错"
    ),
    WRONG: "你打错了吧 我没打过这个电话",
    PERSON: "转人工 能转人工吗",
}
SATISFIED = {
    YES: (
        "满意 很满意，谢谢 非常满意 特别满意 还可以吧 挺好的 没问题，挺好 不错，挺满意的 没什么意见，满意 "
        "可以 没人催就办了，挺好"
    ),
    NO: (
        "不满意 不太满意 很不满意 不够满意 谈不上满意 不大满意 不算满意 不是特别满意 没那么满意 不是很满意 "
        "不怎么满意 不行 不好 没人来，不满意 没解决不满意 说实话不满意 不是非常满意 不，满意 不…满意 "
        "一点也不满意"
    ),
    AGAIN: (
        "不能让我满意 没有让人满意 没法满意 无法满意 很难满意 难说满意 没有想象中满意 怎么会满意 哪里满意了 "
        "满意什么呀 满意才怪 满意吗 不可以 没有不满意 不是不满意 满意不满意 不觉得满意 不好意思，我没听清 "
        "好不好都这样 不要人工 没啥"
    ),
    PERSON: "人工",
}


def _each(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(said, meant) for meant, words in table.items() for said in words.split()]


def _choices(step: str) -> tuple[Choice, ...]:
    return next(s.choices for s in _FLOW.steps if s.key == step and isinstance(s, AskStep))


def _meant(step: str, said: str) -> str:
    choice = chosen(said, _choices(step))
    return AGAIN if choice is None else choice.sets.get(step, choice.next)


@pytest.mark.parametrize(("said", "meant"), _each(SOLVED))
def test_whether_it_is_solved(said: str, meant: str) -> None:
    assert _meant("solved", said) == meant


@pytest.mark.parametrize(("said", "meant"), _each(SATISFIED))
def test_whether_they_are_satisfied(said: str, meant: str) -> None:
    assert _meant("satisfied", said) == meant


def test_a_question_about_what_is_not_known_is_no_denial() -> None:
    hours, cut = Choice(words=("几点上班", "办公时间"), next="hours"), Choice(words=("停水", "没水"), next="cut")
    assert chosen("我不知道你们几点上班", (hours, cut)) is hours
    assert chosen("家里没水了，不清楚是不是停水", (hours, cut)) is cut
    right, wrong = (
        Choice(words=("对的", "没错", "是的"), next="call"),
        Choice(words=("不对", "不是", "错了"), next="again"),
    )
    said = ("没错", "没错了", "是的", "不是的", "不对", "你搞错了", "不是，错了", "是不是")
    assert [chosen(one, (right, wrong)) for one in said] == [right, right, right, wrong, wrong, wrong, wrong, None]


def test_what_two_choices_say_equally_is_asked_again() -> None:
    left, right = Choice(words=("左边",), next="a"), Choice(words=("右边", "靠右边"), next="b")
    assert chosen("左边右边", (left, right)) is None
    assert chosen("左边，靠右边", (left, right)) is right
    assert chosen("左边左边", (left, right)) is left


def test_a_reply_by_text_message_is_taken_by_the_whole_of_it() -> None:
    assert [answer_of(said) for said in ("满意。", "不满意", "不够满意", "谈不上满意", "满意吗")] == [
        "satisfied", "unsatisfied", None, None, None,
    ]  # fmt: skip
