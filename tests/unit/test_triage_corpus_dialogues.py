"""The written dialogues of the corpus: well formed, in the city's codes, and labelled with what was really said."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from asr.words.digits import phones
from core.cityfile import load_city
from triage.facts.phones import callers_phone

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "triage" / "corpus"
NATURES = {"咨询", "求助", "投诉", "举报", "建议", "表扬", "其他"}
KEYS = {"id", "line", "turns", "gold", "incident_id", "caller_number", "tags"}
GOLD_KEYS = {
    "is_emergency", "becomes_emergency_at_turn", "code", "nature", "place", "place_mentions",
    "contact_name", "contact_phone",
}  # fmt: skip
#: The two halves of the corpus; a file that is not there fails, it is not passed over.
EXPECTED = ("dialogues-emergency", "dialogues-service")
ROUNDS = (6, 20)
"""Fewest and most turns of a call."""
#: Local time at which the call began; told only where calls of one incident and their near misses are to be told apart.
BEGAN = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d")

Call = dict[str, Any]
FILES = {path.stem: path for path in sorted(CORPUS.glob("*.jsonl"))}
CALLS: dict[str, list[Call]] = {
    stem: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] for stem, path in FILES.items()
}
STEMS = sorted({*EXPECTED, *FILES})
ALL = [call for calls in CALLS.values() for call in calls]
CITY = load_city(ROOT / "cities" / "jinjiang")
CODES = {category.code: group.emergency for group in CITY.taxonomy for category in group.categories}
TOWNS = {town.name: [community.name for community in town.communities] for town in CITY.towns}


def said(call: Call, who: str = "AC") -> list[str]:
    return [turn["text"] for turn in call["turns"] if turn["who"] in who]


def bare(texts: list[str]) -> str:
    """The letters alone: what is left when punctuation and spaces go."""
    return re.sub(r"\W", "", "".join(texts))


def phone_was_said(call: Call) -> bool:
    """The number labelled is what the caller said; where that is none, one read out, or the one that called."""
    wanted, own = call["gold"]["contact_phone"], callers_phone(said(call, "C"))
    if own:
        return bool(own == wanted)
    return wanted == call["caller_number"] or wanted in {p.number for text in said(call, "A") for p in phones(text)}


def test_both_halves_are_there() -> None:
    assert set(EXPECTED) <= FILES.keys()


@pytest.mark.parametrize("stem", STEMS)
def test_a_file_is_lines_of_json(stem: str) -> None:
    raw = FILES[stem].read_text(encoding="utf-8")
    assert "\r" not in raw and raw.endswith("\n") and "\n\n" not in raw
    assert CALLS[stem]


@pytest.mark.parametrize("stem", STEMS)
def test_a_call_is_well_formed(stem: str) -> None:
    for call in CALLS[stem]:
        assert call.keys() - {"at"} == KEYS, call["id"]
        assert BEGAN.fullmatch(call.get("at", "2026-01-01T00:00")), call["id"]
        assert call["gold"].keys() == GOLD_KEYS, call["id"]
        assert CITY.line_called(call["line"]), call["id"]
        assert re.fullmatch(r"1[3-9]\d{9}|0\d{9,11}|", call["caller_number"]), call["id"]
        assert isinstance(call["incident_id"], str), call["id"]
        assert all(isinstance(tag, str) and tag for tag in call["tags"]), call["id"]
        assert ROUNDS[0] <= len(call["turns"]) <= ROUNDS[1], call["id"]
        for turn in call["turns"]:
            assert turn.keys() == {"who", "text"}, (call["id"], turn)
            assert turn["who"] in {"A", "C"}, (call["id"], turn)
            assert turn["text"] and turn["text"] == turn["text"].strip(), (call["id"], turn)
            assert not re.search(r"[{}【】\[\]\t]", turn["text"]), (call["id"], turn)


@pytest.mark.parametrize("stem", STEMS)
def test_the_labels_agree_with_each_other(stem: str) -> None:
    for call in CALLS[stem]:
        gold, turns = call["gold"], call["turns"]
        assert gold["code"] in CODES, call["id"]
        assert gold["nature"] in NATURES, call["id"]
        assert gold["is_emergency"] is CODES[gold["code"]], call["id"]
        at = gold["becomes_emergency_at_turn"]
        if at is not None:  # null: from the caller's first words on, or never
            assert gold["is_emergency"], call["id"]
            assert type(at) is int and 0 <= at < len(turns), call["id"]
            assert turns[at]["who"] == "C", call["id"]


@pytest.mark.parametrize("stem", STEMS)
def test_the_labels_were_said(stem: str) -> None:
    for call in CALLS[stem]:
        gold, heard = call["gold"], "\n".join(said(call))
        assert [words for words in gold["place_mentions"] if words not in heard] == [], call["id"]
        assert bool(gold["place"]) <= bool(gold["place_mentions"]), (call["id"], "a place that nobody spoke of")
        if gold["contact_phone"]:
            assert re.fullmatch(r"1[3-9]\d{9}|0\d{9,11}|[2-8]\d{6,7}", gold["contact_phone"]), call["id"]
            assert phone_was_said(call), (call["id"], gold["contact_phone"], callers_phone(said(call, "C")))


@pytest.mark.parametrize("stem", STEMS)
def test_a_place_names_a_town_and_a_community_of_it(stem: str) -> None:
    for call in CALLS[stem]:
        place: str = call["gold"]["place"]
        town = next((town for town in sorted(TOWNS, key=len, reverse=True) if place.startswith(town)), "")
        every = [name for names in TOWNS.values() for name in names]
        if town:
            rest = place.removeprefix(town)
            wrong = [name for name in every if rest.startswith(name) and len(name) > 2]
            assert not wrong or any(rest.startswith(name) for name in TOWNS[town]), (
                f"{call['id']}: {wrong[0]} is not in {town}"
            )


def test_ids_are_unique() -> None:
    assert [number for number, times in Counter(call["id"] for call in ALL).items() if times > 1] == []


def test_no_dialogue_is_written_twice() -> None:
    """Neither a whole call nor a caller's longer sentence; call takers do repeat themselves."""
    whole = Counter(bare(said(call, "C")) for call in ALL)
    assert [text for text, times in whole.items() if times > 1] == []
    spoken = Counter(bare([text]) for call in ALL for text in said(call, "C"))
    assert [text for text, times in spoken.items() if times > 1 and len(text) >= 14] == []


@pytest.mark.parametrize("stem", EXPECTED)
def test_one_incident_is_told_by_different_callers(stem: str) -> None:
    callers: dict[str, list[str]] = defaultdict(list)
    for call in CALLS[stem]:
        if call["incident_id"]:
            callers[call["incident_id"]].append(call["caller_number"])
    assert any(len(numbers) > 1 for numbers in callers.values())
    assert {name for name, numbers in callers.items() if len(set(numbers)) < len(numbers)} == set()


def test_service_calls_cover_every_service_code_and_stay_service() -> None:
    calls = CALLS["dialogues-service"]
    assert not any(call["gold"]["is_emergency"] for call in calls)
    assert {code for code, emergency in CODES.items() if not emergency} - {c["gold"]["code"] for c in calls} == set()
