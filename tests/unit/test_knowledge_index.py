"""The knowledge base's index: found by words and by sounds, proposed only over the bar, expired never."""

import math
from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ticket_support import CITY, verdict
from ticketing.knowledge.content import Content
from ticketing.knowledge.index import Entry, Index, asked
from ticketing.knowledge.proposing import BAR, propose
from triage.verdict import Candidate, Place, Verdict

TODAY = date(2026, 11, 22)


def article(key: str, title: str, *questions: str, steps: tuple[str, ...] = ("请看公告",), **more: object) -> Entry:
    published = bool(more.pop("published", True))
    return Entry(key, key, 1, published, Content(title=title, questions=questions, steps=steps, **more))  # type: ignore[arg-type]


ENTRIES = (
    article("water", "停水、水管漏水怎么办", "家里没水了怎么办", "水费突然很高", codes=("S0104",)),
    article("illegal", "举报违法建筑", "邻居违建怎么举报", "楼顶加盖找谁", codes=("S0108",)),
    article("fire", "家里着火怎么办", "油锅起火怎么办", codes=("E101",)),
    article("old", "高温补贴怎么领", "高温补贴有多少", valid_until=date(2026, 10, 31)),
    article("draft", "养犬登记怎么办", "养狗要办证吗", published=False),
)


def telling(gram: str) -> float:
    """Pairs are telling, single characters less."""
    return 6.0 if len(gram) > 1 else 3.0


INDEX = Index(ENTRIES, telling)


def keys(query: str, **more: object) -> list[str]:
    return [found.entry.key for found in INDEX.search(query, TODAY, **more)]  # type: ignore[arg-type]


def test_found_by_words_by_sounds_and_by_one_character() -> None:
    assert keys("水管漏水")[0] == "water"
    assert keys("水费")[0] == "water"
    # 威建 for 违建, 举抱 for 举报: what a recogniser or a hurried typist writes.
    assert keys("威建举抱")[0] == "illegal"
    assert keys("火") == ["fire"]
    assert keys("") == keys("？！") == keys("医保报销") == []


def test_what_is_written_alike_stands_before_what_only_sounds_alike() -> None:
    index = Index([article("sound", "水非标准"), article("written", "水费标准")], telling)
    found = index.search("水费", TODAY)
    assert [one.entry.key for one in found] == ["written", "sound"]
    assert found[0].score > found[1].score


def test_expired_and_unpublished_ones_are_for_editors_alone() -> None:
    assert keys("高温补贴") == keys("养犬登记") == []
    assert [f.entry.key for f in INDEX.search("高温补贴", date(2026, 10, 31))] == ["old"]
    assert [f.entry.key for f in INDEX.search("养犬登记", unpublished=True)] == ["draft"]


def test_question_words_do_not_count() -> None:
    assert asked("家里没水了怎么办") == ["家里"]
    assert asked("请问怎么办") == []


def test_proposed_with_the_words_that_matched_and_only_over_the_bar() -> None:
    found = propose(INDEX, CITY, ["喂你好", "我想举报邻居违建"], None, TODAY)
    assert [one.entry.key for one in found] == ["illegal"]
    assert "邻居违建" in "".join(found[0].words) and found[0].score >= BAR
    assert propose(INDEX, CITY, ["今天天气不错，我邻居人很好"], None, TODAY) == []
    assert propose(INDEX, CITY, [], None, TODAY) == []


def test_an_expired_article_is_never_proposed() -> None:
    assert propose(INDEX, CITY, ["高温补贴有多少"], None, TODAY) == []
    assert [f.entry.key for f in propose(INDEX, CITY, ["高温补贴有多少"], None, date(2026, 10, 31))] == ["old"]


def of(outcome: str, *codes: str) -> Verdict:
    candidates = tuple(Candidate(code=code, probability=0.5) for code in codes)
    return replace(verdict(outcome), candidates=candidates)


def test_service_calls_first_and_emergencies_get_only_what_their_category_needs() -> None:
    said = ["油锅起火怎么办，楼顶加盖的"]
    assert [f.entry.key for f in propose(INDEX, CITY, said, of("service", "S0108"), TODAY)] == ["illegal"]
    assert [f.entry.key for f in propose(INDEX, CITY, said, of("emergency", "E101"), TODAY)] == ["fire"]
    assert propose(INDEX, CITY, said, of("emergency", "S0108"), TODAY) == []


def test_the_category_of_the_verdict_decides_between_two() -> None:
    two = Index(
        [
            article("a", "漏水赔偿", "漏水找谁", codes=("S0104",)),
            article("b", "漏水赔钱", "漏水找谁", codes=("S0108",)),
        ],
        telling,
    )
    for code, first in (("S0104", "a"), ("S0108", "b")):
        assert propose(two, CITY, ["家里漏水赔偿"], of("service", code), TODAY)[0].entry.key == first


def test_an_article_for_another_town_is_left_out_where_the_town_is_known() -> None:
    index = Index([article("a", "安置房选房", "安置房选房", area="池店镇")], telling)
    said = ["安置房选房"]
    elsewhere = Place(canonical="陈埭镇", town="陈埭镇", community="", mention="陈埭镇", score=1.0)
    known = replace(of("service"), places=(elsewhere,))
    assert len(propose(index, CITY, said, of("service"), TODAY)) == 1
    assert propose(index, CITY, said, known, TODAY) == []


TEXT = st.text(alphabet="水管漏违建举报邻居火油锅高温补贴养犬楼顶加盖家里喂你好，。a1 \ue001", max_size=60)


@given(TEXT)
def test_whatever_is_said_or_typed_scores_are_bounded_and_words_are_its_own(text: str) -> None:
    for found in (*INDEX.search(text, TODAY), *propose(INDEX, CITY, [text], None, TODAY)):
        assert found.entry.published and found.entry.content.holds(TODAY)
        assert 0 < found.score <= 1 and math.isfinite(found.score)
        assert all(word in text for word in found.words)
    assert len(propose(INDEX, CITY, [text], None, TODAY)) <= 3
