"""The safety policy of the judgement, and its rules."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cityfile import load_city
from tests.unit.triage_support import small_city, small_judge
from triage.categories import load_categories
from triage.judge import EMERGENCY, Judge, Turn
from triage.questions import load_questions
from triage.rulefile import RuleFileError
from triage.rules import DEFAULT, load_rules
from triage.verdict import Verdict

JUDGE = small_judge()
SPOKEN = st.text(alphabet=st.sampled_from("去年如果着火没有人我的电梯水里停电了吗，。游戏救命演习血12 "), max_size=40)
ALARMS = st.sampled_from(
    ["着火了", "有人没有呼吸了", "他拿刀砍人", "小孩掉进水里了", "好多血", "楼上全是烟，我们出不来"]
)


def judge(text: str, line: str = "12345") -> Verdict:
    return JUDGE.judge(line, [Turn("caller", text)])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("三楼窗户一直往外冒黑烟，里面还有人", "E101"),
        ("我闻到好大的煤气味", "E104"),
        ("有个小孩掉到鱼塘里了", "E202"),
        ("有人坐在天台边上要往下跳", "E204"),
        ("我爸倒在地上，没有呼吸了", "E301"),
        ("他眼睛往上翻，一直抽搐", "E305"),
        ("手指被锯断了，血止不住", "E306"),
        ("摩托车撞到老人，人躺在地上不动", "E401"),
        ("他拿着菜刀在追人", "E501"),
        # What recognition makes of it.
        ("他没有呼西了，快来", "E301"),
        ("煤汽泄漏了怎么办啊", "E104"),
    ],
)
def test_service_call_is_raised_with_its_words(text: str, code: str) -> None:
    verdict = judge(text)
    assert verdict.outcome == "emergency"
    assert verdict.p_emergency >= EMERGENCY
    assert verdict.code == code
    assert any(r.says == "emergency" and r.words and r.words in text for r in verdict.reasons)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("我们这边停电两个小时了什么时候来电", "S0105"),
        ("楼下半夜还在施工，吵得睡不着", "S0401"),
        ("门口的路灯坏了", "S0103"),
        ("感谢你们上次帮我找到钱包，要送一面锦旗", "X03"),
    ],
)
def test_service(text: str, code: str) -> None:
    verdict = judge(text)
    assert (verdict.outcome, verdict.code) == ("service", code)
    assert verdict.department == small_city().category(code).department  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "guard"),
    [
        ("去年我家着火了，想问补贴", "past"),
        ("万一着火了谁负责", "hypothetical"),
        ("请问着火的理赔要什么材料", "asking"),
        ("我们在拍电影，有人拿着刀追人", "media"),
        ("学校消防演习，会有烟雾冒烟", "drill"),
        ("没有着火", "negated"),
        ("这里每天烧垃圾冒烟，熏得不行", "habitual"),
    ],
)
def test_guards_demote_to_review_and_never_further(text: str, guard: str) -> None:
    verdict = judge(text)
    assert verdict.outcome == "review"
    assert verdict.p_emergency < EMERGENCY
    assert any(r.rule == f"guard.{guard}" and r.words for r in verdict.reasons)


@given(SPOKEN, st.sampled_from(["去年", "万一", "假如", "演习", "游戏里", "听说"]))
def test_a_guard_before_an_alarm_never_makes_it_service(text: str, guard: str) -> None:
    assert judge(f"{guard}着火了，{text}").outcome != "service"


@given(SPOKEN | st.text(), ALARMS)
def test_an_alarm_in_a_further_utterance_never_lowers(text: str, alarm: str) -> None:
    before = JUDGE.judge("12345", [Turn("caller", text)])
    after = JUDGE.judge("12345", [Turn("caller", text), Turn("caller", alarm)])
    assert after.p_emergency >= before.p_emergency
    assert after.outcome == "emergency"


@given(SPOKEN, ALARMS)
def test_an_alarm_in_the_same_utterance_never_lowers(text: str, alarm: str) -> None:
    assert judge(f"{text}。{alarm}").p_emergency >= judge(text).p_emergency


@given(st.sampled_from(["110", "119", "120", "122"]), st.lists(SPOKEN | st.text(), max_size=4))
def test_a_call_to_an_emergency_line_stays_one(line: str, texts: list[str]) -> None:
    verdict = JUDGE.judge(line, [Turn("caller", text) for text in texts])
    assert verdict.outcome == "emergency"
    assert verdict.reasons[0].rule == "line"


@settings(max_examples=200)
@given(st.text(), st.text(max_size=20), st.sampled_from(["caller", "agent"]))
def test_never_raises(text: str, line: str, leg: str) -> None:
    verdict = JUDGE.judge(line, [Turn("caller" if leg == "caller" else "agent", text)])
    assert 0 <= verdict.p_emergency <= 1
    assert len(verdict.candidates) <= 2
    assert sum(c.probability for c in verdict.candidates) <= 1.001


def test_service_matter_on_an_emergency_line_is_only_suggested_for_transfer() -> None:
    verdict = judge("门口的路灯坏了好几天了", line="110")
    assert verdict.outcome == "emergency"
    assert verdict.suggest_transfer
    assert not judge("他拿刀砍人，路灯都砸了", line="110").suggest_transfer


def test_covert_order_counts_only_on_an_emergency_line() -> None:
    order = "你好，我要一份炒饭，送到三楼"
    assert judge(order, line="110").code == "E508"
    assert judge(order, line="110").p_emergency >= EMERGENCY
    assert judge(order).outcome == "service"


def test_call_taker_does_not_raise_but_a_yes_to_the_question_does() -> None:
    asked = [Turn("caller", "撞车了"), Turn("agent", "现场有人受伤吗？")]
    alone = JUDGE.judge("12345", [asked[1]])
    assert alone.outcome == "service"
    denied = JUDGE.judge("12345", [*asked, Turn("caller", "没有没有")])
    affirmed = JUDGE.judge("12345", [*asked, Turn("caller", "有，两个")])
    assert affirmed.p_emergency > denied.p_emergency
    assert any(r.rule == "help.injured" for r in affirmed.reasons)


def test_call_turns_in_its_fifth_minute() -> None:
    turns = [Turn("caller", "我们这里停电了"), Turn("agent", "请问地址？"), Turn("caller", "池店华洲")]
    assert JUDGE.judge("95598", turns).outcome == "service"
    verdict = JUDGE.judge("95598", [*turns, Turn("caller", "哎呀，电箱冒火了，烧起来了")])
    assert verdict.outcome == "emergency"
    assert verdict.place == "池店镇华洲村"
    assert verdict.code in ("E101", "E106")


def test_name_of_a_place_is_not_what_happens_there() -> None:
    assert judge("我住东石镇火烧桥村，路灯坏了").outcome == "service"


def test_phone_and_place_of_caller_before_those_read_back() -> None:
    verdict = JUDGE.judge(
        "12345",
        [
            Turn("caller", "华洲村路灯坏了，幺三八五九五零幺二三四"),
            Turn("agent", "您的电话是13700001111，在新店村对吗"),
        ],
    )
    assert verdict.phone == "13859501234"
    assert verdict.place == "池店镇华洲村"
    only_agent = JUDGE.judge("12345", [Turn("agent", "您在新店村，电话13700001111，对吗")])
    assert (only_agent.phone, only_agent.place) == ("13700001111", "池店镇新店村")


def test_finished_utterances_come_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge(small_city())
    heard: list[str] = []
    match = judge.rules.match
    monkeypatch.setattr(judge.rules, "match", lambda text: heard.append(text) or match(text))
    judge.judge("12345", [Turn("caller", "路灯坏了")])
    judge.judge("12345", [Turn("caller", "路灯坏了"), Turn("caller", "在华")])
    judge.judge("12345", [Turn("caller", "路灯坏了"), Turn("caller", "在华洲村")])
    assert heard == ["路灯坏了", "在华", "在华洲村"]


def test_every_guard_and_rule_of_the_shipped_file_is_sound() -> None:
    rules = load_rules()
    names = [rule.name for rule in rules.rules]
    assert len(names) == len(set(names)) >= 50
    codes = {code for rule in rules.rules for code in rule.codes}
    assert all(code.startswith("E") for code in codes)
    questions = load_questions()
    assert codes <= set(questions)
    assert all(3 <= len(rows) <= 5 and all(q.zh and q.en for q in rows) for rows in questions.values())
    assert {code[0] for code in load_categories().codes} == {"S", "X"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("weight: 0.85", "weight: 7", "less than 1"),
        ("weight: 0.85", "weigth: 0.85", "not permitted"),
        ("救命(?!钱", "救命((?!钱", "not a regular expression"),
        ("<person>.{0,8}(?:快|要)?不行了", "<persona>不行了", "<persona> is not a list"),
        ("sounds: [没有呼吸", "sounds: [呼吸", "three syllables"),
        ("name: help.dying", "name: help.save", "used twice"),
        ("immune: [asking]", "immune: [asked]", "names no guard"),
        ("version: 1", "version: [", "not valid YAML"),
    ],
)
def test_wrong_rule_file_is_refused_with_file_and_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = DEFAULT.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RuleFileError) as caught:
        load_rules(path)
    assert "mine.yaml, line " in caught.value.message
    assert says in caught.value.message


def test_wrong_rule_names_its_line(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8").replace("weight: 0.85", "weight: 7", 1)
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "weight: 7" in row)
    with pytest.raises(RuleFileError, match=f"line {line}:"):
        load_rules(path)


def test_absent_rule_file(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError, match="cannot be read"):
        load_rules(tmp_path / "none.yaml")


def test_a_crash_with_nobody_hurt_is_damage_only_and_stays_an_emergency() -> None:
    judge_of_jinjiang = Judge(load_city(Path("cities/jinjiang")))
    verdict = judge_of_jinjiang.judge("122", [Turn("caller", "两辆车撞了，人没有受伤，车头撞坏了。")])
    assert [c.code for c in verdict.candidates][:1] == ["E403"]
    assert verdict.outcome == "emergency"
