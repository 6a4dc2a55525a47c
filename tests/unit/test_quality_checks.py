"""The automatic checks: what each says of a call, and what must hold of all calls."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quality.call import Call, Hold, TicketFacts, Turn
from quality.checks.findings import Review
from quality.checks.rulebook import load_rulebook
from tests.unit.quality_support import GOOD, NUMBER, call, checks
from triage.rulefile import RuleFileError


def said(*turns: str, line: str = "12345", **known: object) -> Review:
    return checks().review(call(*turns, line=line, **known))


def test_a_good_call_has_no_violation() -> None:
    review = said(*GOOD)
    assert review.violations == ()
    assert {review.checks[n].answer for n in ("greeting", "closing", "address", "phone", "polite", "recorded")} == {
        "pass"
    }


@pytest.mark.parametrize(
    ("opening", "answer"),
    [
        ("您好，便民热线，请讲。", "pass"),
        ("119，请讲。", "pass"),
        ("您豪，这里是12345。", "pass"),
        ("早上好，工号0231为您服务。", "pass"),
        ("喂，什么事？", "fail"),
        ("你好，怎么了？", "fail"),
        ("说。", "fail"),
    ],
)
def test_greeting_needs_courtesy_and_a_name_or_an_offer(opening: str, answer: str) -> None:
    assert said(f"A {opening}", *GOOD[1:]).checks["greeting"].answer == answer


def test_closing_has_no_occasion_where_the_caller_went_or_the_line_stays_open() -> None:
    left = said(*GOOD[:3], "C 哎，我这边有人找，先挂了。（来电人挂断）")
    assert left.checks["closing"].answer == "na"
    kept = said(*GOOD[:8], "A 您别挂电话，我一直在线。")
    assert kept.checks["closing"].answer == "na"
    assert said(*GOOD[:8], "A 行。").violations == ("无结束语",)


@pytest.mark.parametrize(
    ("repeated", "answered", "answer"),
    [
        ("学府路36号到48号，实验小学对面，好的。", "嗯。", "pass"),
        ("学府路那边，知道了。", "嗯。", "fail"),
        ("学府路66号到48号，实验小学对面，对吗？", "嗯。", "fail"),
        ("学府路36号到48号，实验小学对面，对吗？", "不对，你听错了。", "fail"),
        ("好的，记下了。", "就是实验小学对面。", "fail"),
        ("雪府路三十六号到四十八号，实验小学对面，对吧？", "对。", "pass"),
    ],
)
def test_address_must_come_back_whole_right_and_from_the_call_taker(repeated: str, answered: str, answer: str) -> None:
    review = said(*GOOD[:4], f"A {repeated}", f"C {answered}", *GOOD[6:])
    assert review.checks["address"].answer == answer


@pytest.mark.parametrize(
    ("asked", "answered", "answer"),
    [
        ("回访打您这个13911112222可以吗？", "可以。", "pass"),
        ("就用您现在打的这个电话联系您，可以吗？", "行。", "pass"),
        ("电话尾号2222，对吧？", "对。", "pass"),
        ("您的电话我这边有显示。", "哦。", "fail"),
        ("电话是13911112222吗？", "不是，打13800001111。", "fail"),
        ("请留个电话。", "13800001111。", "fail"),
    ],
)
def test_phone_must_be_read_back_or_agreed_upon(asked: str, answered: str, answer: str) -> None:
    review = said(*GOOD[:6], f"A 我给您登记。{asked}", f"C {answered}", GOOD[8])
    assert review.checks["phone"].answer == answer


def test_a_number_read_back_wrongly_is_told_as_that() -> None:
    review = said(*GOOD[:6], "A 请留个电话。", "C 13800001111。", "A 13800001117，登记了。", "C 好。", GOOD[8])
    (finding,) = review.checks["phone"].findings
    assert "有误" in finding.reason


def test_a_question_answered_needs_neither_address_nor_phone() -> None:
    review = said("A 您好，12345，请讲。", "C 请问身份证过期了怎么换？", "A 带旧证到派出所就可以。再见。")
    assert (review.checks["address"].answer, review.checks["phone"].answer, review.violations) == ("na", "na", ())


@pytest.mark.parametrize(
    "turns",
    [
        (
            "C 老板，今天的外卖怎么还不送过来，我都等了一个钟头了？",
            "A 这里是报警台，您打错电话了吧？",
            "C 哎呀，抱歉抱歉。",
        ),
        ("C 你好，麻烦给我人民医院的电话，我要人民医院的电话。", "A 号码是0595-85621234，您拿笔记一下。", "C 记住了。"),
        (
            "C 谁举报的我家，你们今天有人上门来讲这讲那，把我妈都搞糊涂了。",
            "A 我这边看不到是哪一位。",
            "C 那算了。",
        ),
    ],
)
def test_a_wrong_number_and_whoever_only_wants_to_know_need_neither(turns: tuple[str, ...]) -> None:
    review = said(GOOD[0], *turns, "A 好的，再见。")
    assert {review.checks[name].answer for name in ("address", "phone")} == {"na"}
    assert review.violations == ()


def test_a_matter_of_the_callers_own_needs_a_number_and_no_place() -> None:
    review = said(GOOD[0], "C 我要投诉，我的退休金拖欠三个月没有发。", "A 我给您登记。", "C 好。", "A 再见。")
    assert (review.checks["address"].answer, review.checks["phone"].answer) == ("na", "fail")


def test_who_is_gone_before_the_number_was_given_leaves_none() -> None:
    cut = "C 喂，喂（嘟嘟嘟）"
    assert said(*GOOD[:6], "A 给您登记了，您的联系电话是？", cut).checks["phone"].answer == "na"
    assert said(*GOOD[:6], "A 给您登记了，马上转过去。", cut).checks["phone"].answer == "fail"


def test_putting_down_on_somebody_who_still_speaks() -> None:
    review = said(*GOOD[:8], "A 我这边还有电话，先这样。", "C 喂？我还没讲完呢（嘟嘟嘟）")
    assert {"提前挂机", "无结束语"} <= set(review.violations)
    assert said(*GOOD[:8], "A 好的，先这样，感谢来电，再见。", "C 再见。").checks["hung_up"].answer == "pass"


@pytest.mark.parametrize(
    ("line", "cut", "answer"),
    [
        ("12345", "合同签的是哪一天？", "fail"),
        ("12345", "别碰开关！听到了吗？", "pass"),
        ("110", "现在人在屋里吗？", "pass"),
    ],
)
def test_cutting_off_twice_with_questions_is_a_fault_and_stopping_a_danger_none(
    line: str, cut: str, answer: str
) -> None:
    turns = ("C 我是去年买的房，后来——", f"A {cut}", "C 不是，我想说当时那个中介——", f"A {cut}", "C 好。")
    assert said(GOOD[0], *turns, line=line).checks["heard_out"].answer == answer


def test_a_nuisance_call_needs_nothing() -> None:
    ticket = TicketFacts(id="t", number="1", flow="", code="X02", emergency=False)
    review = said("A 您好，110，请讲。", "C 你在干嘛呀？", "A 再见。", line="110", ticket=ticket)
    assert review.violations == ()


@pytest.mark.parametrize(
    ("words", "label"),
    [
        ("你急什么急，等着吧。", "态度生硬"),
        ("这个不归我们管，你去找物业呀。", "推诿"),
        ("我保证明天一定给您修好。", "违规承诺"),
        ("举报您的人是隔壁姓王的。", "泄露个人信息"),
        ("您加我微信，我私下跟您说。", "违规索要私人联系方式"),
        ("待会评价一定要按非常满意。", "诱导评价"),
        ("城管那帮人就是不作为。", "贬损他人"),
    ],
)
def test_what_must_not_be_said_is_found_with_its_words(words: str, label: str) -> None:
    review = said(*GOOD[:2], f"A {words}")
    finding = next(f for f in review.findings if f.label == label)
    assert finding.turn == 2
    assert finding.words
    assert finding.words in words


@pytest.mark.parametrize(
    "words",
    [
        "我不能向您保证明天一定修好，但会加急。",
        "举报人的信息我们保密，不能告诉您。",
        "我们热线不能加个人微信，请您谅解。",
        "请您按真实感受评价。",
        "您别着急，慢慢说。",
        "您反映他说“你急什么急”，我如实记录。",
        "社区居委会的电话是0595-85661234。",
        "他妈妈现在会不会说话，话都说不清楚了吗？",
        "是谁让您转账的？",
        "您闻到的是有种臭味对吗，煤气能死人的，先出来。",
        "这个公司天天打桩，三天都没停，对吧？",
        "您在家里等着就行，师傅过来。",
        "公交车上微信、支付宝扫码都能刷。",
        "法院已经判决的事项不归我们受理，很抱歉，您可以打12368。",
    ],
)
def test_what_only_resembles_it_is_not(words: str) -> None:
    assert said(*GOOD[:6], f"A {words}", *GOOD[6:]).violations == ()


def test_the_callers_own_rudeness_is_not_the_call_takers() -> None:
    review = said(*GOOD[:3], "C 你急什么急，学府路36号，实验小学对面！有完没完！", *GOOD[4:])
    assert review.checks["polite"].answer == "pass"


def test_another_persons_mobile_number_is_private_the_callers_own_is_not() -> None:
    told = said(*GOOD[:6], "A 他的号码13588887777，您自己打。", *GOOD[6:])
    assert "泄露个人信息" in told.violations
    assert "泄露个人信息" not in said(*GOOD).violations


def test_an_emergencys_questions() -> None:
    where = ("A 110，您好，请讲。", "C 有人打架，在学府路36号实验小学对面。")
    asked = said(*where, "A 几个人，有没有受伤，拿刀没有？", "C 三个，没有。", line="110", outcome="emergency")
    assert asked.checks["questions"].answer == "pass"
    bare = said(*where, "A 知道了，再见。", line="110", outcome="emergency")
    assert bare.checks["questions"].answer == "fail"
    assert said(*GOOD).checks["questions"].answer == "na"


def timed(*turns: tuple[str, str, float, float], **known: object) -> Call:
    made = call(*(f"{who} {text}" for who, text, _, _ in turns))
    times = [(start, end) for *_, start, end in turns]
    with_times = tuple(replace(t, start_s=s, end_s=e) for t, (s, e) in zip(made.turns, times, strict=True))
    return replace(made, turns=with_times, **known)  # type: ignore[arg-type]


def test_silence_counts_from_the_last_word_of_either_and_not_while_on_hold() -> None:
    quiet = timed(("A", "您好，12345，请讲。", 0, 2), ("C", "我反映路灯不亮。", 3, 5), ("A", "好的。", 30, 31))
    (finding,) = checks().review(quiet).checks["silence"].findings
    assert finding.second == 5
    held = replace(quiet, holds=(Hold(5.5, 29.5),))
    assert checks().review(held).checks["silence"].answer == "pass"


def test_interruptions_are_the_call_takers_long_words_within_the_callers() -> None:
    turns = [("A", "您好，12345，请讲。", 0.0, 2.0)]
    for at in (10.0, 30.0, 50.0):
        turns += [
            ("C", "我家楼下的路灯已经一个月不亮了。", at, at + 10),
            ("A", "您先说一下地址好吗？", at + 4, at + 12),
        ]
    review = checks().review(timed(*turns))
    assert review.checks["interruptions"].answer == "fail"
    assert [f.second for f in review.checks["interruptions"].findings] == [14.0, 34.0, 54.0]
    assert review.checks["talking_over"].answer == "fail"


def test_speed_and_hold() -> None:
    fast = timed(("A", "您好这里是便民服务热线请问有什么可以帮您", 0, 2), ("C", "我反映一下。", 3, 4))
    assert checks().review(fast).checks["speed"].answer == "fail"
    long = timed(("A", "请稍等，我帮您查询一下。", 0, 3), ("C", "好。", 3, 4), holds=(Hold(4, 70),))
    (finding,) = checks().review(long).checks["holds"].findings
    assert "66 秒" in finding.reason


def test_without_times_nothing_is_said_of_time() -> None:
    review = said(*GOOD)
    assert {review.checks[n].answer for n in ("interruptions", "talking_over", "silence", "speed", "holds")} == {"na"}


_ODD = ("你急什么急", "（挂断）", "——", "幺三九", "13588887777", "呜呜")
_TEXT = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from([*(t[2:] for t in GOOD), *_ODD]), max_size=4).map("".join),
)
_TIME = st.one_of(st.none(), st.floats(-5, 500))
_TURN = st.builds(Turn, st.sampled_from(["agent", "caller", "third"]), _TEXT, _TIME, _TIME)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_TURN, max_size=8), st.text(max_size=12), st.sampled_from(["", "emergency", "service"]))
def test_whatever_a_call_holds_spans_lie_in_their_turns(turns: list[Turn], caller: str, outcome: str) -> None:
    made = Call(id="x", line="12345", caller=caller, turns=tuple(turns), outcome=outcome)
    review = checks().review(made)
    for finding in review.findings:
        if finding.turn < 0:
            assert (finding.start, finding.end, finding.words) == (0, 0, "")
            continue
        text = made.turns[finding.turn].text
        assert 0 <= finding.start <= finding.end <= len(text)
        assert finding.words == text[finding.start : finding.end]
    assert checks().review(made) == review


_POLITE = ("请您稍等。", "您别着急，我来帮您。", "感谢您的理解。", "不好意思，让您久等了。")
_MANNERS = ("polite", "wording", "promises", "privacy", "comfort", "greeting", "closing", "hung_up")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 8), st.sampled_from(_POLITE))
def test_a_polite_sentence_makes_no_answer_worse(at: int, polite: str) -> None:
    turns = list(GOOD)
    if turns[at][0] == "C":
        at -= 1
    turns[at] += polite
    before, after = said(*GOOD), said(*turns)
    for name in _MANNERS:
        if before.checks[name].answer == "pass":
            assert after.checks[name].answer == "pass", name
    assert not after.violations


def test_a_citys_words_add_to_heyis(tmp_path: Path) -> None:
    (tmp_path / "checks.yaml").write_text(
        "version: 1\nreviewed: 2026-11-22\n"
        "phrases:\n  farewell: {terms: [得闲来坐]}\n"
        "rules:\n  - {name: city.slang, label: 态度生硬, severity: minor, reason: 本地粗话, terms: [夭寿]}\n",
        encoding="utf-8",
    )
    own = replace(checks(), rules=load_rulebook(tmp_path))
    review = own.review(call(*GOOD[:8], "A 夭寿哦，得闲来坐。"))
    assert review.violations == ("态度生硬",)
    assert "无结束语" in said(*GOOD[:8], "A 夭寿哦，得闲来坐。").violations


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("phrases:\n  nothing_asks: {terms: [好]}\n", "checks.yaml, line 4, phrases.nothing_asks: no check asks"),
        ("phrases:\n  farewell: {patterns: ['(']}\n", "checks.yaml, line 4, phrases.farewell: '(' is not a regular"),
        ("phrases:\n  farewell: {patterns: ['x*']}\n", "would match everything"),
        ("phrases:\n  farewell: {pattern: [好]}\n", "checks.yaml, line 4: phrases.farewell.pattern"),
        ("rules:\n  - {name: a.b, label: 推诿, severity: bad, reason: 因为所以, terms: [x]}\n", "rules.0.severity"),
        (
            "rules:\n  - {name: a.b, label: 推诿, severity: minor, reason: 因为所以}\n",
            "has no terms, patterns or sounds",
        ),
    ],
)
def test_a_wrong_rule_file_names_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "checks.yaml").write_text(f"version: 1\nreviewed: 2026-11-22\n{text}", encoding="utf-8")
    with pytest.raises(RuleFileError) as raised:
        load_rulebook(tmp_path)
    assert told in str(raised.value)


def test_advice_without_a_place_needs_neither_place_nor_number() -> None:
    advice = (
        "A 您好，12320，请讲。", "C 孩子手足口，发烧两天了，三十八度七，嘴里长泡不吃东西，我也不晓得怎么办才好。",
        "A 多喂凉的流食，精神不好就马上去医院。", "C 好，谢谢。", "A 不客气，祝宝宝早日康复，再见。",
    )  # fmt: skip
    told = said(*advice)
    assert not {"未确认地址", "未确认电话"} & set(told.violations)


def test_a_no_to_something_else_does_not_deny_the_number_that_was_read_back() -> None:
    told = said(
        *GOOD[:6],
        f"A 打您{NUMBER}，民警会联系您。",
        "C 不是，同志，他现在拿着扳手站在我车头前面，我要不要——",
        *GOOD[8:],
    )
    assert told.checks["phone"].answer == "pass"
    assert said(*GOOD[:6], f"A 打您{NUMBER}？", "C 不是，换号了。", *GOOD[8:]).checks["phone"].answer == "fail"


def test_who_is_cut_off_in_the_middle_of_a_sentence_was_hung_up_on() -> None:
    ended = (*GOOD[:6], "A 您的问题我答完了，再见。", "C 哎，我还有一件没——（忙音）", "C 喂？喂？")
    assert "提前挂机" in said(*ended).violations
    assert "提前挂机" not in said(*GOOD, "C 喂，好的，拜拜。").violations


def test_who_came_for_the_informants_name_is_not_shifted_off() -> None:
    told = said(
        "A 您好，12345，请讲。", "C 城管来我店里，说有人告我，到底谁举报的？", "A 这个我们不能说。",
        "C 那我找谁问？", "A 您自己去找物业问问看吧。", "C 什么态度！", "A 感谢来电，再见。",
    )  # fmt: skip
    assert "推诿" not in told.violations


def test_a_matter_sent_away_after_the_place_was_read_back_lacks_no_number() -> None:
    sent = (*GOOD[:6], "A 这个灯不归我们管，你找开发商去啊。", "C 早跑了。", "A 感谢来电，再见。")
    told = said(*sent)
    assert "推诿" in told.violations
    assert "未确认电话" not in told.violations
    assert "未确认电话" in said(*GOOD[:6], "A 我给您登记，转给城管局。", "C 好。", "A 感谢来电，再见。").violations


def test_sent_away_politely_is_one_fault_and_asking_in_vain_for_a_record_makes_two() -> None:
    away = (*GOOD[:6], "A 这个灯不归我们管，你找开发商去啊。")
    assert "未记录诉求" not in said(*away, "C 早跑了。", "A 感谢来电，再见。").violations
    assert "未记录诉求" in said(*away, "C 你先帮我登记一下嘛。", "A 感谢来电，再见。").violations


def test_who_calls_into_a_dead_line_was_hung_up_on_unless_he_was_still_asked() -> None:
    assert "提前挂机" in said(*GOOD[:8], "A 我先挂了，再见。", "C 哎，还有一件事，喂？喂？").violations
    assert "提前挂机" not in said(*GOOD[:6], "A 那您的联系电话？", "C 喂，喂，就").violations


def test_a_question_for_what_help_is_wanted_consoles_nobody() -> None:
    cry = ("A 您好，12345，请讲。", "C 我不想活了，学府路36号。", "A 学府路36号。您需要我们帮什么？", "C 不知道。")
    assert "未安抚" in said(*cry, *GOOD[6:]).violations
    assert "未安抚" not in said(*cry, "A 您别怕，我陪着您。", *GOOD[6:]).violations


@pytest.mark.parametrize("first", ["侬好，12345。", "您好，天然气公司。", "110，你说。"])
def test_a_greeting_in_few_words_is_one(first: str) -> None:
    assert said(f"A {first}", *GOOD[1:]).checks["greeting"].answer == "pass"


def test_a_word_that_sounds_like_recording_records_nothing() -> None:
    told = said(*GOOD[:6], "A 主要是不想让您白等几天，等级也没评。", "C 哦。", "A 感谢来电，再见。")
    assert "未确认电话" not in told.violations


def test_a_name_without_the_word_for_its_kind_is_read_back_where_the_caller_has_just_said_it() -> None:
    told = (*GOOD[:1], "C 我送外卖的，盛世名邸保安不让进。", "A 盛世名邸，哪个门？", "C 南门。", *GOOD[6:])
    assert said(*told).checks["address"].answer == "pass"
    many = (
        *GOOD[:2],
        "A 请问在哪里？",
        "C 泉安中路那个白色的楼。",
        "A 泉安中路白色的楼多了，哪个啊？",
        "C 旁边是建行。",
    )
    assert said(*many, *GOOD[6:]).checks["address"].answer == "fail"


def test_a_house_number_said_with_ten_is_the_same_in_figures() -> None:
    told = (*GOOD[:2], "A 哪里？", "C 梅花村，共和路十三号。", "A 共和路13号，对吗？", "C 对。", *GOOD[6:])
    assert said(*told).checks["address"].answer == "pass"
    other = (*GOOD[:2], "A 哪里？", "C 梅花村，共和路十三号。", "A 共和路33号，对吗？", "C 嗯。", *GOOD[6:])
    assert said(*other).checks["address"].answer == "fail"


def test_what_was_bought_on_the_net_has_no_place() -> None:
    told = (
        "A 您好，12315，请讲。",
        "C 我在网上买的羽绒服是假的，找旗舰店不退。",
        "A 哪家店？",
        "C 雪线户外。",
        *GOOD[6:],
    )
    assert said(*told).checks["address"].answer == "na"


def test_a_matter_sent_away_lacks_place_and_number_as_one_taken_up() -> None:
    start = (*GOOD[:3], "C 梅花村，共和路36号。")
    away = said(*start, "A 这个灯不归我们管，你找开发商去啊。", "C 早跑了。", "A 感谢来电，再见。")
    assert {"推诿", "未确认地址", "未确认电话"} <= set(away.violations)
    taken = said(*start, "A 好，给您登记了，转给城管局。", "C 行。", "A 感谢来电，再见。")
    assert {"未确认地址", "未确认电话"} <= set(taken.violations)


def test_who_hangs_up_himself_was_not_hung_up_on() -> None:
    for last in ("（挂断）", "行吧……（挂断）"):
        told = said(*GOOD[:8], "A 还有别的事吗？没有就这样。", f"C {last}")
        assert {"提前挂机", "无结束语"}.isdisjoint(told.violations)
    assert "提前挂机" in said(*GOOD[:8], "A 没有就这样。", "C 我还没说完——（挂断）").violations


def test_a_place_from_the_record_that_the_caller_agrees_to_is_confirmed() -> None:
    told = (*GOOD[:1], "C 我家暖气不热。", "A 您的地址是铁西建设里三门502，对吗？")
    assert said(*told, "C 对，502。", *GOOD[6:]).checks["address"].answer == "pass"
    assert said(*told, "C 不对，是四门。", *GOOD[6:]).checks["address"].answer == "fail"


@pytest.mark.parametrize(("line", "answer"), [("12389", "na"), ("12345", "fail")])
def test_what_somebody_did_has_no_place_on_a_line_for_it(line: str, answer: str) -> None:
    told = ("A 您好，请讲。", "C 我要投诉共和路36号派出所一个民警，态度恶劣。", "A 是哪一天？", "C 周一。", *GOOD[6:])
    assert said(*told, line=line).checks["address"].answer == answer
