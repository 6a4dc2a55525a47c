"""The learned judge: trained on a small corpus of its own; what it may never do."""

import io
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from scipy.sparse import csr_matrix
from typer.testing import CliRunner

from core.cityfile import load_city
from core.errors import HeyiError
from core.settings import Settings
from heyi.cli import app
from tests.unit.triage_support import small_city
from triage.hearing import Heard, Hearing
from triage.judge import Judge, Turn
from triage.learn.corpus import Example, data_hash, misheard, own_lines, seed_corpus
from triage.learn.features import PAIR, features, twos
from triage.learn.fit import ridge, train
from triage.learn.model import Model, ModelError, load_model
from triage.learn.shelf import ensure_model, own_path, seed_path
from triage.learn.vocabulary import vocabulary_of

WHERE = ("市场门口", "学校后面", "我家楼下", "桥头", "工厂里", "路边", "河边", "店里")
SAID = {
    "E101": ("{}冒黑烟往上窜", "{}火苗窜到屋顶了", "{}烧得噼里啪啦"),
    "E202": ("{}有人在水里扑腾", "{}小孩沉下去了", "{}有人掉下水没上来"),
    "E306": ("{}有个人血流不止", "{}他腿上全是血", "{}手断了在喷血"),
    "S0103": ("{}的路灯不亮了", "{}井盖翘起来了", "{}下水道堵住了"),
    "S0105": ("{}又停电了", "{}电压不稳灯一闪一闪", "{}电费收错了"),
    "S0401": ("{}半夜放音乐吵", "{}施工太吵睡不着", "{}喇叭天天响"),
}
SPOKEN = st.text(alphabet=st.sampled_from("在水里烟血路灯停电吵人火沉楼下，。我家门口 "), max_size=30)


def corpus() -> tuple[Example, ...]:
    city = small_city()
    return tuple(
        Example(
            text=line.format(where), code=code, nature="求助" if code[0] == "E" else "投诉",
            emergency=city.is_emergency(code), hard=code == "S0103", group=f"{code}/{number % 8}",
        )
        for code, lines in SAID.items()
        for number, (line, where) in enumerate((line, where) for line in lines for where in WHERE)
    )  # fmt: skip


@cache
def model() -> Model:
    return train(corpus(), Hearing(small_city()))


@cache
def judge() -> Judge:
    return Judge(small_city(), model=model())


def test_it_learns_what_no_rule_knows() -> None:
    raised = judge().judge("12345", [Turn("caller", "大门口火苗窜到二楼了")])
    calm = judge().judge("12345", [Turn("caller", "小区门口的路灯不亮了")])
    assert (raised.outcome, raised.code) == ("emergency", "E101")
    assert (calm.outcome, calm.code, calm.nature) == ("service", "S0103", "投诉")
    assert raised.p_emergency >= judge().emergency > calm.p_emergency


def test_the_model_must_be_surer_of_what_is_still_being_said() -> None:
    text = "大门口火苗窜到二楼了"
    whole = judge().judge("12345", [Turn("caller", text)])
    running = judge().judge("12345", [Turn("caller", text, partial=True)])
    assert 0 < running.p_emergency < whole.p_emergency


def test_words_that_decided_stand_in_what_was_said() -> None:
    text = "哎呀，村口火苗，窜到二楼了"
    reasons = [r for r in judge().judge("12345", [Turn("caller", text)]).reasons if r.rule.startswith("model.")]
    assert {"model.emergency", "model.E101"} <= {r.rule for r in reasons}
    assert all(r.words and r.words in text for r in reasons)
    assert any("火" in r.words or "窜" in r.words for r in reasons)


@settings(deadline=None)
@given(SPOKEN, st.sampled_from(["E101", "S0103", None]))
def test_words_that_decided_are_whole_and_apart(text: str, code: str | None) -> None:
    seen = features(judge()._hearing.hear(text))
    spans = sorted(model().words(seen, code))
    starts, ends = {start for start, _ in seen.spans}, {end for _, end in seen.spans}
    assert len(spans) <= 3
    assert all(start in starts and end in ends and end - start >= 2 for start, end in spans)
    assert all("，" not in text[start:end] for start, end in spans), "never over a mark"
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_what_is_learned_from_is_what_is_judged_by() -> None:
    lines = [features(judge()._hearing.hear(example.text)) for example in corpus()]
    matrix = model().vocabulary.matrix(lines)
    assert matrix.shape == (len(lines), len(model().weights))
    for row, line in enumerate(lines):
        columns, values = model().vocabulary.vector(line)
        assert matrix[row].nnz == len(columns) == len(set(columns.tolist()))
        assert matrix[row].toarray()[0][columns] == pytest.approx(values, abs=1e-6)


def test_a_gram_has_one_row_whatever_stands_beside_it() -> None:
    vocabulary = vocabulary_of([features(Heard(text, (), (), (), ())) for text in ("水管漏水", "水管坏了", "看水管")])
    rows, known = vocabulary.places(twos(np.array([ord(char) for char in "水管漏"])))
    assert known.tolist() == [True, False], "水管 is in three lines, 管漏 in one"
    assert vocabulary.grams[rows[0]] == ord("水") << 21 | ord("管")
    assert len(vocabulary) == 3, "水, 管 and 水管"
    assert vocabulary.idf == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("strength", [0.2, 1.0, 5.0])
def test_the_ridge_is_that_of_the_normal_equations(strength: float) -> None:
    chance = np.random.default_rng(4)
    lines, wanted = chance.normal(size=(60, 25)).astype(np.float32), chance.normal(size=(60, 6)).astype(np.float32)
    exact = np.linalg.solve(lines.T @ lines + strength * np.eye(25), lines.T @ wanted)
    assert np.allclose(ridge(csr_matrix(lines), wanted, strength), exact, atol=1e-3)


def test_another_learner_trains_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = seed_path(Settings(), corpus())
    monkeypatch.setattr("triage.learn.shelf.LEARNER", 99)
    assert seed_path(Settings(), corpus()) != before


def test_training_is_repeatable_and_depends_on_data_and_seed() -> None:
    again = train(corpus(), Hearing(small_city()))
    assert np.array_equal(again.weights, model().weights)
    assert (again.slope, again.emergency, again.about) == (model().slope, model().emergency, model().about)
    assert not np.array_equal(train(corpus(), Hearing(small_city()), seed=1).weights, model().weights)
    assert data_hash(corpus()) != data_hash(corpus()[1:])


def test_a_saved_model_judges_alike(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "model.npz"
    model().save(path)
    assert [p.name for p in path.parent.iterdir()] == ["model.npz"]
    loaded = load_model(path)
    assert (loaded.codes, loaded.natures, loaded.about) == (model().codes, model().natures, dict(model().about))
    seen = features(Hearing(small_city()).hear("桥头有人在水里"))
    mine, theirs = model().opinion(seen), loaded.opinion(seen)
    assert mine is not None and theirs is not None
    assert theirs.p_emergency == pytest.approx(mine.p_emergency, abs=0.01)
    assert np.allclose(theirs.codes, mine.codes, atol=0.02)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x93NUMPY"])
def test_a_damaged_model_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(path)
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(tmp_path / "none.npz")


@settings(deadline=None)
@given(st.sampled_from(["110", "119", "120", "122"]), st.lists(SPOKEN | st.text(max_size=20), max_size=4))
def test_the_model_never_lowers_a_call_to_an_emergency_line(line: str, texts: list[str]) -> None:
    verdict = judge().judge(line, [Turn("caller", text) for text in texts])
    assert verdict.outcome == "emergency"
    assert verdict.reasons[0].rule == "line"


@settings(deadline=None)
@given(st.lists(SPOKEN, min_size=1, max_size=5))
def test_a_further_utterance_never_lowers(texts: list[str]) -> None:
    turns = [Turn("caller", text) for text in texts]
    chances = [judge().judge("12345", turns[: n + 1]).p_emergency for n in range(len(turns))]
    assert chances == sorted(chances)


@settings(deadline=None)
@given(SPOKEN)
def test_what_rules_found_is_at_least_looked_at(text: str) -> None:
    by_rules = Judge(small_city(), judge().rules, judge().categories, judge().gazetteer)
    for said in (text, f"{text}，着火了", f"去年着火了，{text}"):
        turns = [Turn("caller", said)]
        if by_rules.judge("12345", turns).outcome != "service":
            assert judge().judge("12345", turns).outcome != "service"


def test_an_answer_is_no_report() -> None:
    """对，在池店华洲 says nothing of what happened: the model has no opinion, whatever its base rate."""
    hearing = Hearing(small_city())
    for text in ("", "嗯，对", "在华洲村", "13859501234", "在世纪大道"):
        assert model().opinion(features(hearing.hear(text))) is None
    verdict = judge().judge("12345", [Turn("caller", "嗯，对")])
    assert (verdict.outcome, verdict.p_emergency) == ("service", pytest.approx(0.02))


def test_places_and_figures_are_masked() -> None:
    seen = features(Hearing(small_city()).hear("华洲村3栋路灯坏了"))
    assert seen.masked == "□0栋路灯坏了"
    pairs = seen.grams >= PAIR
    assert (int((~pairs).sum()), int(pairs.sum())) == (7 + 6, 5 + 4 + 3 + 2 + 1)


def test_misheard_keeps_length_and_sound_and_is_repeatable() -> None:
    texts = (*(e.text for e in corpus()), "他在那儿带着孩子等车", "城里的车陈旧了", "门前有钱的人")
    wrong = misheard(texts, seed=3, share=0.5)
    assert wrong == misheard(texts, seed=3, share=0.5) != misheard(texts, seed=4, share=0.5)
    assert [len(t) for t in wrong] == [len(t) for t in texts]
    assert wrong != texts
    assert misheard(texts, seed=3, share=0) == texts


def test_seed_corpus_leaves_no_slot_open_and_no_code_that_the_city_lacks() -> None:
    city = load_city(Path("cities/jinjiang"))
    examples = seed_corpus(city)
    assert len(examples) > 4000
    assert not any("{" in e.text for e in examples)
    assert all(e.emergency == city.is_emergency(e.code) for e in examples if e.code)
    assert {e.code for e in seed_corpus(small_city())} - {""} <= {
        c.code for g in small_city().taxonomy for c in g.categories
    }


def test_a_citys_own_tickets(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("内容,类别\n路灯不亮,S0103\n,S0103\n冒烟了,E101\n", encoding="utf-8-sig")
    made = own_lines(path, small_city(), "内容", "类别")
    assert [(e.text, e.code, e.emergency) for e in made] == [("路灯不亮", "S0103", False), ("冒烟了", "E101", True)]
    with pytest.raises(HeyiError, match="no column 问题"):
        own_lines(path, small_city(), "问题", "类别")
    path.write_text("内容,类别\n路灯不亮,S9999\n", encoding="utf-8")
    with pytest.raises(HeyiError, match="line 2: the city has no code 'S9999'"):
        own_lines(path, small_city(), "内容", "类别")
    path.write_text("内容,类别\n", encoding="utf-8")
    with pytest.raises(HeyiError, match="no row"):
        own_lines(path, small_city(), "内容", "类别")


def test_command_trains_on_own_tickets_and_uses_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEYI_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("HEYI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("heyi.triage_command.seed_corpus", lambda city: corpus())
    monkeypatch.setattr("heyi.triage_loop_command.seed_corpus", lambda city: corpus())
    # What a dozen lines teach would not pass the gate; that it holds is tested with the loop.
    monkeypatch.setattr("heyi.triage_loop_command.fixed_cases", lambda city: ())
    monkeypatch.setattr("heyi.triage_loop_command.policy_cases", lambda city: ())
    monkeypatch.setattr("triage.learn.shelf.seed_corpus", lambda city: corpus())
    run = CliRunner()
    assert run.invoke(app, ["triage", "train", "--missing"]).exit_code == 0
    assert len(list((tmp_path / "cache" / "triage").glob("*.npz"))) == 1
    own = tmp_path / "own.csv"
    own.write_text("text,code\n" + "".join(f"第{n}根水管漏水,S0104\n" for n in range(9)), encoding="utf-8")
    told = run.invoke(app, ["triage", "train", "--data", str(own)])
    assert told.exit_code == 0, told.output
    (kept,) = (tmp_path / "var" / "triage" / "models").glob("*.npz")
    made = load_model(kept)
    assert not (tmp_path / "var" / "triage" / "model.npz").exists(), "a person has not adopted it yet"
    made.save(tmp_path / "var" / "triage" / "model.npz")
    assert "S0104" in made.codes and made.about["lines"] == len(corpus()) + 9
    rows = "id\tline\ttext\tis_emergency\tcode\tplace\tphone\tnature\ttags\n1\t12345\t厨房水管漏水\t0\tS0104\t\t\t\t\n"
    (tmp_path / "one.tsv").write_text(rows, encoding="utf-8")
    told = run.invoke(app, ["triage", "eval", str(tmp_path / "one.tsv"), "--json"])
    assert told.exit_code == 0
    assert f'"model": "{made.about["data"]}"' in told.output
    assert '"l2": {"hits": 1' in told.output


def test_a_citys_own_model_that_cannot_be_read_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triage.learn.shelf.seed_corpus", lambda city: corpus())
    settings = Settings(data=tmp_path / "var", cache=tmp_path / "cache")
    own_path(settings).parent.mkdir(parents=True)
    own_path(settings).write_bytes(b"of another format")
    told = io.StringIO()
    assert ensure_model(settings, small_city(), Console(file=told)).codes
    assert "the model of the corpus judges until then" in told.getvalue()
