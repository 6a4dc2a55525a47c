"""What the checks learn: the lists, the model, and how what it says is weighed in a call."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from core.errors import HeyiError
from quality.checks import examples
from quality.checks.examples import Example, agent_examples, listed
from quality.checks.findings import Review
from quality.checks.learned import LABELS, THRESHOLDS, Learned, ensure, learn
from quality.checks.marks import FINE
from quality.checks.scorer import Scorer, fit
from tests.unit.quality_support import GOOD, NUMBER, call, checks

_RUDE = ("你吼什么吼啊", "你烦不烦啊", "你自己不会看啊", "你怎么这么烦啊", "你还要我说几遍啊", "你烦死人了啊")
_PUSHED = ("这种事我们从来不接手", "你自己慢慢跑衙门去", "我们从来不接手这种")
_TOLD = ("就是你家对面卖菜的讲的", "对面卖菜的讲的你别说", "卖菜的那家讲的呀")
_FINE = ("请问您在哪里", "我给您登记了", "请您稍等一下", "感谢您的来电", "您的电话是多少", "请您注意安全", "您先别着急")
_COMFORTS = ("菩萨会保佑你们一家的", "菩萨保佑你们一家", "老天保佑你们一家")
_FRIGHT = ("我浑身都在发抖呀", "我一直在发抖我要死了", "浑身发抖我好怕呀")
_ANSWERS = ("原来是他啊我就晓得", "原来是她我就晓得", "我就晓得原来是他")
_THANKS = ("好的麻烦你们了", "三楼左手边那家", "可以就打这个")
#: Few sentences weigh little beside the ridge.
_AS_MANY = 4
_CALM = ("路灯坏了两天了", "我想反映一件事情", "楼下在装修很吵")


def _examples(label: str, sentences: tuple[str, ...]) -> list[Example]:
    return [Example(label, sentence, label) for sentence in sentences]


@cache
def small() -> Learned:
    agent = [
        *_examples("态度生硬", _RUDE), *_examples("推诿", _PUSHED), *_examples("泄露个人信息", _TOLD),
        *_examples(FINE, _FINE * 3),
    ]  # fmt: skip
    given = {
        "agent": agent,
        "comfort": [*_examples("安抚", _COMFORTS), *_examples(FINE, _FINE)],
        "caller": [*_examples("情绪激动", _FRIGHT), *_examples(FINE, _CALM * 2)],
        "reply": [*_examples("泄露个人信息", _ANSWERS), *_examples(FINE, _THANKS * 2)],
        "wish": [*_examples("咨询", ("居住证咋个换法呀", "咋个换法要带啥")), *_examples(FINE, _CALM * 2)],
    }  # fmt: skip
    return learn({name: examples * _AS_MANY for name, examples in given.items()})


def said(*turns: str) -> Review:
    return replace(checks(), learned=small()).review(call(*turns))


def test_a_model_finds_sentences_like_those_marked_and_learns_no_number() -> None:
    scorer = fit([*_examples("态度生硬", _RUDE), *_examples(FINE, (*_FINE * 3, f"打您{NUMBER}好吗"))], ["态度生硬"])
    assert scorer.margins("你到底烦不烦啊")[0] > 0 > scorer.margins("请问您的电话")[0]
    assert not any(gram.strip("0") and gram.isdigit() for gram in scorer.grams)


def test_what_no_rule_lists_is_found_with_turn_and_words() -> None:
    told = said(*GOOD[:6], "A 好的。这种事我们从来不接手，你慢慢跑衙门去。", "C 哦。", "A 感谢来电，再见。")
    finding = next(f for f in told.findings if f.label == "推诿")
    assert (finding.rule, finding.turn, finding.words) == ("learned", 6, "这种事我们从来不接手，你慢慢跑衙门去。")
    assert "推诿" not in checks().review(call(*GOOD[:6], "A 这种事我们从来不接手。")).violations


def test_what_takes_a_rule_back_takes_back_what_is_learned() -> None:
    assert "泄露个人信息" in said(*GOOD[:6], "A 就是你家对面卖菜的讲的啦。", *GOOD[6:]).violations
    assert "泄露个人信息" not in said(*GOOD[:6], "A 对面卖菜的讲的要保密。", *GOOD[6:]).violations


def _least(label: str) -> float:
    """What a sentence must have where the caller's answer says nothing of it."""
    return THRESHOLDS[label] - small().answered(())[label]


def test_what_the_caller_answers_makes_a_leak_likelier() -> None:
    bare = "好像是巷口卖鱼那一家"
    margin = small().agent.margins(f"{bare}。")[LABELS.index("泄露个人信息")]
    assert margin < _least("泄露个人信息"), "the sentence alone is to be too little"
    assert "泄露个人信息" not in said(*GOOD[:6], f"A {bare}。", "C 好的麻烦你们了。", *GOOD[6:]).violations
    assert "泄露个人信息" in said(*GOOD[:6], f"A {bare}。", "C 原来是他啊我就晓得。", *GOOD[6:]).violations


def test_a_rules_words_in_a_sentence_that_sounds_otherwise_are_doubted() -> None:
    sure = replace(small(), agent=fit([
        *_examples("违规承诺", ("明天保证给您修好的", "保证给您修好没问题", "明天准能修好的您放心")),
        *_examples(FINE, (*_FINE * 3, "您的材料我保证让窗口收到回执", "保证让窗口给您收据回执")),
    ], LABELS))  # fmt: skip
    heard = replace(checks(), learned=sure)
    fine = call(*GOOD[:6], "A 您的材料我保证让窗口收到回执。", *GOOD[6:])
    assert "违规承诺" in checks().review(fine).violations
    assert "违规承诺" not in heard.review(fine).violations
    assert "违规承诺" in heard.review(call(*GOOD[:6], "A 明天保证给您修好。", *GOOD[6:])).violations


def test_who_asks_who_reported_him_makes_a_leak_likelier() -> None:
    bare = "好像是对门卖菜那一家"
    margin = small().agent.margins(f"{bare}。")[LABELS.index("泄露个人信息")]
    least = _least("泄露个人信息")
    assert least - 0.2 <= margin < least, "the sentence is to lie between the two thresholds"
    assert "泄露个人信息" not in said(*GOOD[:6], f"A {bare}。", *GOOD[6:]).violations
    asked = said(*GOOD[:5], "C 对。到底是谁举报我的？", f"A {bare}。", *GOOD[6:])
    assert "泄露个人信息" in asked.violations


def test_a_leak_in_one_clause_of_a_long_sentence_is_found() -> None:
    long = (
        "查到了，系统里显示一切正常，水压和水质昨天都测过，没有欠费，也没有停水通知，就是你家对面卖菜的讲的，"
        "师傅明天上午九点左右会过来换一个新的阀门，换之前要先关总闸，大约半个钟头，楼上楼下都会受影响，请多包涵"
    )
    whole = small().agent.margins(f"{long}。")[LABELS.index("泄露个人信息")]
    assert whole < _least("泄露个人信息"), "the whole sentence is to hide it"
    assert "泄露个人信息" in said(*GOOD[:6], f"A {long}。", *GOOD[6:]).violations


def test_a_plain_refusal_to_record_is_that_and_no_shifting_off() -> None:
    refusing = replace(small(), agent=fit([
        *_examples("未记录诉求", ("单子我就不开了吧", "这单子就不写了吧", "我就不给您开单子了")),
        *_examples("推诿", _PUSHED), *_examples(FINE, _FINE * 3),
    ], LABELS))  # fmt: skip
    heard = replace(checks(), learned=refusing)
    told = heard.review(call(*GOOD[:6], "A 好的，这单子我就不开了吧。", "C 啊？", "A 感谢来电，再见。"))
    assert "未记录诉求" in told.violations
    assert "推诿" not in told.violations


def test_fright_needs_comfort_and_any_wording_of_it_is_enough() -> None:
    fright = ("A 您好，12345，请讲。", "C 学府路36号打起来了，我一直在发抖，浑身都在发抖呀。", "A 学府路36号？")
    assert "未安抚" in said(*fright, "C 对。", *GOOD[6:]).violations
    assert "未安抚" not in said(*fright, "C 对。", "A 菩萨保佑你们一家的。", *GOOD[6:]).violations
    calm = ("A 您好，12345，请讲。", "C 我想反映一件事情，路灯坏了两天了。")
    assert "未安抚" not in said(*calm, *GOOD[2:]).violations


def test_a_question_that_no_rule_knows_needs_no_address() -> None:
    ask = (
        "A 您好，12345，请讲。",
        "C 我从四川过来上班的，住在厂里头，居住证咋个换法呀，要带啥。",
        "A 带上旧证去派出所。再见。",
    )
    assert said(*ask).violations == ()
    assert "未确认地址" in said(*ask[:1], "C 路灯坏了两天了，学府路36号，实验小学对面。", *ask[2:]).violations


def test_the_models_are_fitted_once_and_read_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    for name, text in {
        "agent-a.txt": "[态度生硬] 一\n你烦不烦啊\n[-] 二\n请您稍等一下\n", "comfort.txt": "[安抚] 一\n我陪着您等\n",
        "caller-a.txt": "[情绪激动] 一\n我浑身发抖\n[-] 二\n路灯坏了\n",
        "reply.txt": "[推诿] 一\n那我到底找谁\n[-] 二\n好的谢谢\n",
    }.items():  # fmt: skip
        (lists / name).write_text(text, encoding="utf-8")
    for name in ("CALLS", "CORPUS"):
        monkeypatch.setattr(examples, name, tmp_path)
    monkeypatch.setattr(examples, "SENTENCES", lists)
    (tmp_path / "dialogues-service.jsonl").write_text("", encoding="utf-8")
    # Every sixth line is read.
    rows = ["12345\t咨询\t怎么换证", *["12345\t建议\t多种树"] * 5, "12345\t投诉\t路灯坏了"]
    (tmp_path / "s.tsv").write_text("\n".join(["line\tnature\ttext", *rows]), encoding="utf-8")
    made = ensure(tmp_path / "cache")
    again = ensure(tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert again.version == made.version
    for name in ("agent", "comfort", "caller", "wish"):
        one, other = getattr(made, name), getattr(again, name)
        assert isinstance(one, Scorer)
        assert one.grams == other.grams
        assert (one.margins("你烦不烦啊") == other.margins("你烦不烦啊")).all()
    (lists / "comfort.txt").write_text("[安抚] 一\n我陪着您\n", encoding="utf-8")
    assert ensure(tmp_path / "cache").version != made.version


@pytest.mark.parametrize(
    ("text", "told"),
    [("你烦不烦啊\n", "a.txt, line 1"), ("# 说明\n[态度生硬\n", "a.txt, line 2: no ]")],
)
def test_a_faulty_list_names_its_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HeyiError, match=told):
        list(listed(path))


def test_the_lists_name_only_what_is_learned_and_no_sentence_is_both() -> None:
    marked = [e for path in sorted(examples.SENTENCES.glob("agent-*.txt")) for e in listed(path)]
    assert {e.label for e in marked} == {*LABELS, FINE}
    both = {e.text for e in marked if e.label == FINE} & {e.text for e in marked if e.label != FINE}
    assert not both
    assert min(sum(e.label == label for e in marked) for label in LABELS) >= 60
    assert len({e.text for e in agent_examples()}) == len(agent_examples())


def test_despair_is_summed_over_the_call_and_comfort_taken_off() -> None:
    once, sentence = small().despair(["我浑身都在发抖呀。"], ["请问您在哪里？"])
    twice, _ = small().despair(["我浑身都在发抖呀。", "浑身发抖我好怕呀。"], ["请问您在哪里？"])
    consoled, _ = small().despair(["我浑身都在发抖呀。"], ["菩萨会保佑你们一家的。"])
    assert sentence == "我浑身都在发抖呀。"
    assert consoled < once < twice
    assert small().despair([], [])[1] == ""


def test_a_second_sentence_of_the_kind_makes_the_first_likelier() -> None:
    first = "你烦不烦啊。"
    again, alone = small().again([first, "你怎么这么烦啊。"]), small().again([first, "请问您在哪里。"])
    assert again["态度生硬"] > 0 > alone["态度生硬"]
    assert small().again([first]) == {}
