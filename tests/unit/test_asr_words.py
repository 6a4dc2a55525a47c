"""The city's words: sounds, likelihoods, names set right, plain sentences left alone."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypinyin import Style, lazy_pinyin

from asr.decode.serving import serve
from asr.recognition import NOTHING, Capabilities, Effort, Hypothesis, NameHeard, Pcm, Recognition
from asr.words import overlay
from asr.words.city import CityWords, FreshWords
from asr.words.confusion import EXTRA, MISSING, NEVER, TONE, UNLIKE, Sounds, cost, parse
from asr.words.context import points
from asr.words.lexicon import names_of
from asr.words.match import Matcher
from asr.words.plain import Plain
from asr.words.sounds import syllable
from core.city import City, Term
from core.cityfile import load_city

JINJIANG = Path(__file__).parents[2] / "cities" / "jinjiang"


@pytest.fixture(scope="module")
def city() -> City:
    return load_city(JINJIANG)


@pytest.fixture(scope="module")
def words(city: City) -> CityWords:
    return CityWords(city)


# --- sounds -------------------------------------------------------------------------------------------------------


def test_mergers_cost_less_than_neighbours_and_those_less_than_strangers() -> None:
    def between(one: str, two: str) -> float:
        return cost(parse(one), parse(two))

    assert between("zhou1", "zhou1") == 0
    assert between("zhou1", "zhou4") == TONE
    merged, near, strange = between("zhu1", "zu1"), between("bi1", "pi1"), between("bi1", "ha1")
    assert 0 < merged < near < strange <= UNLIKE
    assert between("ni3", "li3") == between("li3", "ni3") == merged
    assert between("fu2", "hu2") == between("jin1", "jing1") == merged


@pytest.mark.parametrize(
    ("pinyin", "start", "end"),
    [
        ("ju1", "j", "v"),
        ("yu2", "y", "v"),
        ("yuan2", "y", "van"),
        ("ye3", "y", "ie"),
        ("wei4", "w", "ui"),
        ("er2", "", "er"),
    ],
)
def test_a_syllable_is_taken_as_it_sounds(pinyin: str, start: str, end: str) -> None:
    found = parse(pinyin)
    assert (found.start, found.end) == (start, end)


def test_the_matrix_agrees_with_the_rule_and_keeps_what_is_not_chinese_out() -> None:
    sounds = Sounds()
    first, second, mark = sounds.read("池吃，")
    costs = sounds.costs()
    assert mark == 0
    assert costs[first, second] == pytest.approx(cost(parse("chi2"), parse("chi1")))
    assert costs[0, first] == NEVER
    (third,) = sounds.read("镇")
    assert sounds.costs()[first, third] == pytest.approx(cost(parse("chi2"), parse("zhen4")))


def test_a_character_is_read_in_its_word() -> None:
    bank, walk = Sounds(), Sounds()
    assert bank.read("银行")[1] == bank.read("航")[0] or bank.read("银行")[1] != bank.read("行人")[0]
    assert walk.read("a行b")[0] == walk.read("a行b")[2] == 0


# --- everyday text ------------------------------------------------------------------------------------------------


def test_usual_text_is_worth_more_than_odd_text_and_both_directions_agree() -> None:
    plain = Plain()
    usual, odd = plain.weigh("在门口"), plain.weigh("在摘眼")
    assert usual[0][-1] > odd[0][-1]
    assert usual[0][-1] == pytest.approx(usual[1][0])
    before, after = plain.weigh("我们小区门口停水了")
    assert all(b + a <= before[-1] + 1e-6 for b, a in zip(before, after, strict=True))


def test_a_name_counts_as_a_word_once_it_is_known() -> None:
    assert Plain([("茂亭", -7.0)]).weigh("茂亭")[0][-1] == -7.0
    assert Plain().weigh("茂亭")[0][-1] < -7.0


# --- matching -----------------------------------------------------------------------------------------------------


def test_a_village_behind_its_town_is_likelier_than_behind_another(city: City) -> None:
    matcher = Matcher(names_of(city))

    def best(text: str) -> float:
        return max(hit.score for hit in matcher.hits(text, -20.0) if hit.name.text == "华洲村" and hit.end == len(text))

    assert best("池店镇花州村") > best("安海镇花州村") + 1.0
    (hit, *_) = matcher.hits("他在吃点镇花州村", 0.0)
    assert (hit.text, hit.start, hit.middle, hit.end) == ("池店镇华洲村", 2, 5, 8)


def test_one_syllable_more_or_less_is_borne_and_dear(city: City) -> None:
    matcher = Matcher(names_of(city))
    exact, short = (
        next(hit for hit in matcher.hits(text, -30.0) if hit.name.text == "洪宅垵社区" and hit.end == len(text))
        for text in ("红宅安社区", "红安社区")
    )
    assert short.cost - exact.cost >= MISSING - 1.0
    assert short.worst == EXTRA > exact.worst


def test_marks_cut_names(words: CityWords) -> None:
    assert words.correct("领山社区").text == "岭山社区"
    assert words.correct("领山，社区").text == "领山，社区"


# --- correction ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heard", "right"),
    [
        ("我住在吃点镇，楼上漏水", "我住在池店镇，楼上漏水"),
        ("地址是磁照镇大埔村", "地址是磁灶镇大埔村"),
        ("陈带镇四静社区有人打架", "陈埭镇四境社区有人打架"),
        ("我要打给人设局", "我要打给人社局"),
        ("我们装不了充电装", "我们装不了充电桩"),
    ],
)
def test_homophones_of_names_are_set_right(words: CityWords, heard: str, right: str) -> None:
    assert words.correct(heard).text == right


PLAIN = (
    "我想问一下", "社保怎么转", "身份证丢了", "怎么补办", "昨天晚上", "一直没有人来", "楼上很吵", "水管坏了",
    "请帮我登记", "我的电话没变", "他说过两天", "孩子发烧了", "要不要去医院", "路上堵车", "车子停在门口", "工资没有发",
    "老板不接电话", "我已经投诉过", "还没有回复", "垃圾没人收", "味道很大", "设计得不好", "尽量快一点", "谢谢你",
    "后面那一栋", "第三个路口左转", "前面有学校", "上面有人说话", "他打了我", "我很害怕", "门反锁了", "钥匙在里面",
)  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=4))
def test_everyday_sentences_stay_as_they_are(words: CityWords, parts: list[str]) -> None:
    text = "，".join(parts) + "。"
    assert words.correct(text).text == text


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="abcXYZ0123456789 ,.!?-，。", max_size=40))
def test_text_without_chinese_has_no_names(words: CityWords, text: str) -> None:
    assert words.correct(text).text == text
    assert words.correct(text).names == ()


HOMOPHONES = str.maketrans("池店镇华洲村岭山社区陈埭梅灵源街道", "吃点阵花州寸领汕射取沉代没零元接到")


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PLAIN), st.integers(0, 405), st.booleans(), st.sampled_from(PLAIN))
def test_correcting_twice_is_correcting_once(
    city: City, words: CityWords, before: str, number: int, comma: bool, after: str
) -> None:
    communities = [(town.name, community.name) for town in city.towns for community in town.communities]
    town, community = communities[number % len(communities)]
    heard = f"{before}{'，' if comma else ''}{(town + community).translate(HOMOPHONES)}{after}"
    once = words.correct(heard)
    assert words.correct(once.text).text == once.text
    for name in once.names:
        assert 0 <= name.start < name.end <= len(once.text)
        assert name.heard in heard
        assert 1 <= len(name.candidates) <= 3
        shares = [candidate.score for candidate in name.candidates]
        assert shares == sorted(shares, reverse=True) and sum(shares) <= 1.001


def test_right_names_stay_and_are_told_with_their_place(words: CityWords) -> None:
    found = words.correct("在池店镇华洲村门口")
    assert found.text == "在池店镇华洲村门口"
    (name,) = found.names
    assert name.state == "said"
    assert found.text[name.start : name.end] == name.heard == "池店镇华洲村"
    assert (name.candidates[0].town, name.candidates[0].community) == ("池店镇", "华洲村")


def test_a_name_of_several_villages_tells_all_of_them(words: CityWords) -> None:
    (name,) = words.correct("我在东山村，快来").names
    assert {c.town for c in name.candidates if c.text == "东山村"} == {"磁灶镇", "深沪镇", "池店镇"}


def test_improving_keeps_what_the_engine_gave_and_writes_numbers(words: CityWords) -> None:
    given_ = Recognition("我在领山社区五十六号，电话幺三八五九五零幺二三四", "我在領山社區…", 0.7)
    made = words.improve(given_)
    assert made.raw == given_.raw and made.confidence == given_.confidence
    assert "岭山社区" in made.text and "13859501234" in made.text
    (name,) = made.names
    assert made.text[name.start : name.end] == "岭山社区"
    assert (name.heard, name.state) == ("领山社区", "corrected")


@pytest.mark.parametrize("effort", ["partial", "final", "record"])
def test_where_nothing_was_said_no_word_of_the_city_appears(city: City, effort: Effort) -> None:
    """FunASR#3718: words that were given to recognition beforehand are written where nobody speaks."""
    words = CityWords(city, [overlay.Word("", "雍景湾", "landmark")])
    for nothing in (NOTHING, Recognition("", "嗯", 0.1, 0.9, hypotheses=(Hypothesis("池店镇溪头村", -9.0),))):
        assert words.improve(nothing, effort) == nothing
    for breath in ("嗯", "哎", "喂", "。"):
        assert words.improve(Recognition(breath, breath, 0.2), effort).names == ()


def test_a_citys_own_terms_are_known(city: City) -> None:
    more = city.model_copy(update={"terms": (Term(name="戏台楼"),)})
    assert "戏台楼" in {name.text for name in names_of(more)}


def test_surroundings_that_speak_of_a_place_help(city: City) -> None:
    matcher = Matcher(names_of(city))

    def helped(text: str) -> float:
        hit = next(h for h in matcher.hits(text, -20.0) if h.name.text == "华洲村" and h.town is None)
        return points(text, hit)

    assert helped("我在华洲村附近") > helped("说华洲村很好")


# --- added words, decode process ----------------------------------------------------------------------------------


def test_words_that_people_add_are_known_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / overlay.FILE
    fresh = FreshWords(JINJIANG, file)
    heard = Recognition("我在雍景湾，麻烦快点", "", 0.5)
    assert fresh.improve(heard).names == ()
    overlay.write(file, [overlay.Word("拥井弯", "雍景湾", "landmark")])
    assert fresh.improve(heard).names[0].candidates[0].text == "雍景湾"
    assert fresh.improve(Recognition("我在拥井弯，麻烦快点", "", 0.5)).text == "我在雍景湾，麻烦快点"
    file.write_text("broken", encoding="utf-8")
    assert fresh.improve(heard).names[0].candidates[0].text == "雍景湾"


def test_names_come_back_from_a_decode_process(words: CityWords) -> None:
    class Engine:
        name = "fake"
        capabilities = Capabilities(streaming=False, word_times=False, languages=("zh",))

        def recognise(self, pcm: Pcm, effort: Effort = "final") -> Recognition:
            return Recognition("我在领山社区", "我在领山社区", 0.5)

    jobs = BytesIO(json.dumps({"effort": "final", "samples": 2}).encode() + b"\n" + np.zeros(2, "<i2").tobytes())
    out = BytesIO()
    serve(Engine(), jobs, out, words.improve)
    answer = json.loads(out.getvalue())
    assert (answer["text"], answer["raw"]) == ("我在岭山社区", "我在领山社区")
    assert NameHeard.of(answer["names"][0]) == words.correct("我在领山社区").names[0]


def test_another_reading_is_taken_where_it_names_a_place(words: CityWords) -> None:
    readings = (Hypothesis("旁边是池电系统", -0.30), Hypothesis("旁边是池店镇溪头存", -0.31))
    given_ = Recognition(readings[0].text, "raw", 0.7, hypotheses=readings)
    made = words.improve(given_)
    assert made.text == "旁边是池店镇溪头村"
    # A partial is wanted at once: only its first reading is looked at.
    assert "溪头村" not in words.improve(replace(given_, text=readings[0].text), "partial").text


def test_the_engines_own_choice_is_kept_where_no_other_reading_names_a_place(words: CityWords) -> None:
    readings = (Hypothesis("今天没有水了", -0.20), Hypothesis("今天没水了", -0.21))
    made = words.improve(Recognition("今天没水了", "raw", 0.7, hypotheses=readings), "partial")
    assert made.text == "今天没水了"
    alone = words.improve(Recognition("今天停水了", "raw", 0.7, hypotheses=readings), "record")
    assert alone.text == "今天停水了"


def test_a_long_text_is_looked_through_within_bounds(city: City) -> None:
    """What is traced back does not grow with the text: only the programme itself does."""
    matcher = Matcher(names_of(city))
    assert 0 < len(matcher.hits("我在吃点镇花州村，" * 40, -5.0)) <= 24


def test_a_syllable_from_the_table_is_that_of_pypinyin() -> None:
    for char in ("火", "女", "吕", "略", "嗯", "鿮", "A", "，", *map(chr, range(0x4E00, 0xA000, 37))):
        assert syllable(char) == "".join(lazy_pinyin(char, style=Style.NORMAL, errors="ignore")), char
