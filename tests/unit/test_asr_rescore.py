"""The language model of the hotlines, other spellings of the same sound, and what decides between them."""

import math
from pathlib import Path

import pytest

from asr.engines.text import tidy
from asr.engines.whisper import different, mean_score, per_character
from asr.recognition import Capabilities, Effort, Hypothesis, NameCandidate, NameHeard, Pcm, Recognition
from asr.words import hotline
from asr.words.charmodel import CharModel, plain
from asr.words.rescore import Rescored, applied, improver, language_model, texts_of
from asr.words.respell import Edit, Respeller


class FakeJudge:
    """Believes what it is told to; every other character is as likely as the next."""

    name = "judge"
    capabilities = Capabilities(streaming=False, word_times=False, languages=("zh",))

    def __init__(self, belief: dict[str, float] | None = None) -> None:
        self._belief = belief or {}
        self.asked: list[str] = []

    def recognise(self, pcm: Pcm, effort: Effort = "final") -> Recognition:
        return Recognition("", "", 0.0)

    def likely(self, text: str) -> tuple[float, ...]:
        self.asked.append(text)
        return tuple(self._belief.get(char, -1.0) for char in text)


@pytest.fixture(scope="module")
def model() -> CharModel:
    return language_model()


def heard(text: str, *others: tuple[str, float], names: tuple[NameHeard, ...] = ()) -> Recognition:
    hypotheses = tuple(Hypothesis(t, s) for t, s in ((text, -0.3), *others))
    return Recognition(text, text, 0.7, hypotheses=hypotheses, names=names)


def test_probabilities_after_any_history_add_up_to_one() -> None:
    model = CharModel(3)
    model.learn(["着火了", "着凉了", "火着了"])
    for history in ("", "着", "着火", "没见过"):
        seen = sum(math.exp(model.log(history, char)) for char in "着火了凉\x03")
        # A million characters that were never seen share the rest.
        unseen = 1e6 * math.exp(model.log(history, "鱼"))
        assert seen + unseen == pytest.approx(1.0, abs=1e-4)


def test_a_longer_history_that_was_seen_counts_more_than_a_shorter_one() -> None:
    model = CharModel(3)
    model.learn(["水管爆了"] * 3 + ["血管堵了"] * 9)
    assert model.log("水管", "爆") > model.log("水管", "堵")
    assert model.log("管", "堵") > model.log("管", "爆")


def test_marks_are_no_part_of_the_model_and_figures_are_all_alike() -> None:
    assert plain("在3楼，着火了！") == "在0楼着火了"


def test_every_alternative_of_every_line_is_written_out_and_no_brackets_stay() -> None:
    made = list(hotline.sentences(("东石镇",)))
    whole = "\n".join(made)
    assert not set("[]{}|") & set(whole)
    assert len(made) == len(list(hotline.sentences(("东石镇",))))
    for line in hotline.lines():
        for found in hotline._CHOICE.finditer(line):
            for part in (found[1] or "").split("|"):
                assert "{" in part or part in whole


def test_brackets_of_the_corpus_are_closed_and_slots_known() -> None:
    for line in hotline.lines():
        rest = hotline._CHOICE.sub(lambda m: m[1] or "", line)
        rest = hotline._CHOICE.sub("", rest)
        assert not set("[]{}") & set(rest), line
        slots = {found[2] for found in hotline._CHOICE.finditer(line) if found[2]}
        assert slots <= {*hotline.SLOTS, "place"}, line


def test_an_unlikely_homophone_is_proposed_otherwise_and_a_usual_sentence_is_not(model: CharModel) -> None:
    respeller = Respeller(model, 2.0)
    (edit,) = respeller.edits("我家找火了")
    assert (edit.start, edit.end, edit.text) == (2, 3, "着")
    assert edit.gain > 0
    assert respeller.edits("我家着火了") == []


def test_stretches_that_are_kept_and_marks_and_figures_stay(model: CharModel) -> None:
    respeller = Respeller(model, 2.0)
    assert respeller.edits("我家找火了", keep=[(2, 3)]) == []
    assert [edit.start for edit in respeller.edits("110，我家找火了")] == [6]


def test_the_engine_decides_whether_a_proposal_is_taken(model: CharModel) -> None:
    assert Rescored(FakeJudge(), None, model).improve(heard("我家找火了"), "final").text == "我家着火了"
    against = FakeJudge({"找": 0.0, "着": -40.0})
    assert Rescored(against, None, model).improve(heard("我家找火了"), "final").text == "我家找火了"
    assert against.asked == ["我家找火了", "我家着火了"]


def test_a_sentence_without_proposals_costs_the_engine_nothing(model: CharModel) -> None:
    judge = FakeJudge()
    assert Rescored(judge, None, model).improve(heard("着火了"), "final").text == "着火了"
    assert judge.asked == []


def test_an_engine_that_cannot_say_leaves_the_text_alone(model: CharModel) -> None:
    class Mute(FakeJudge):
        def likely(self, text: str) -> tuple[float, ...]:
            return ()

    assert Rescored(Mute(), None, model).improve(heard("我家找火了"), "final").text == "我家找火了"


def test_partials_are_left_to_the_city_words(model: CharModel) -> None:
    judge = FakeJudge()
    found = Rescored(judge, None, model).improve(heard("我家找火了"), "partial")
    assert found.text == "我家找火了"
    assert judge.asked == []


def test_of_two_readings_as_good_by_sound_the_one_that_callers_say_comes_first(model: CharModel) -> None:
    found = Rescored(FakeJudge(), None, model).ranked(heard("有人被捆在里面", ("有人被困在里面", -0.31)))
    assert found.text == "有人被困在里面"
    assert [one.text for one in found.hypotheses] == ["有人被困在里面", "有人被捆在里面"]
    far = Rescored(FakeJudge(), None, model).ranked(heard("有人被捆在里面", ("有人被困在里面", -6.0)))
    assert far.text == "有人被捆在里面"


def test_names_that_the_city_words_found_are_not_touched(model: CharModel) -> None:
    class City:
        def improve(self, recognition: Recognition, effort: Effort) -> Recognition:
            name = NameHeard(2, 4, "找火", "unsure", (NameCandidate("找火村", "", "找火村", 0.4),))
            return Recognition(recognition.text, recognition.raw, 0.7, names=(name,))

    assert Rescored(FakeJudge(), City(), model).improve(heard("我家找火了"), "final").text == "我家找火了"


def test_a_name_of_a_place_that_nobody_knows_stays_as_it_was_heard(model: CharModel) -> None:
    rescored = Rescored(FakeJudge(), None, model)
    assert rescored.respelled("找火了") == "着火了"
    assert rescored.respelled("找火村找火了") == "找火村着火了"


def test_only_an_engine_that_can_judge_is_rescored() -> None:
    class Other:
        name = "other"
        capabilities = FakeJudge.capabilities

        def recognise(self, pcm: Pcm, effort: Effort = "final") -> Recognition:
            return Recognition("", "", 0.0)

    assert improver(Other(), None) is None
    assert isinstance(improver(FakeJudge(), None), Rescored)


def test_texts_of_a_folder_are_learned_without_their_slots(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("line\ttext\n119\t{place}挖机挖到缆线\n110\t\n", encoding="utf-8")
    assert list(texts_of(tmp_path)) == ["挖机挖到缆线", ""]
    assert language_model(texts_of(tmp_path)).score("挖到缆线") > language_model().score("挖到缆线") + 5


def test_edits_keep_the_length() -> None:
    assert applied("去往外喷，红色", [Edit(0, 1, "气", 1.0, 0.0), Edit(5, 7, "黄色", 1.0, 0.0)]) == "气往外喷，黄色"


def test_probabilities_of_bytes_are_summed_for_each_character() -> None:
    assert per_character("a火", [-1.0, -2.0, -2.0, -2.0]) == (-1.0, -6.0)


def test_readings_that_look_alike_are_told_once_with_the_better_score() -> None:
    found = different([("著火了", -0.2), ("著火了。", -0.3), ("著火了", -0.4), ("", -0.5)])
    assert found == (Hypothesis(tidy("著火了"), -0.2), Hypothesis(tidy("著火了。"), -0.3))


def test_the_end_of_a_text_counts_as_a_token() -> None:
    assert mean_score(-0.5, 4) == pytest.approx(-0.4)
