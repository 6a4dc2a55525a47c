"""Whole calls replayed: when it alarms, what it knows at the end, and what is said of a wrong file."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from core.errors import HeyiError
from tests.unit.triage_support import small_city, small_judge
from triage.measure.calls import Dialogue, read_dialogues
from triage.measure.dialogues import evaluate_dialogues
from triage.measure.links import links
from triage.measure.replay import PARTIAL, replay

A, C = "A", "C"
GREETING = (A, "您好，请讲")


def call(number: str, line: str, turns: tuple[tuple[str, str], ...], **gold: Any) -> dict[str, Any]:
    usual = {"is_emergency": False, "becomes_emergency_at_turn": None, "code": "", "nature": "", "place": "",
             "contact_name": "", "contact_phone": ""}  # fmt: skip
    return {
        "id": number, "line": line, "turns": [{"who": who, "text": text} for who, text in turns],
        "gold": usual | gold, "incident_id": "", "caller_number": "13800000001", "tags": gold.pop("tags", []),
    }  # fmt: skip


FROM_THE_START = call(
    "start", "12345", (GREETING, (C, "你快点来，他拿着刀追人砍，在华洲村"), (A, "好的"), (C, "快点")),
    is_emergency=True, code="E501", place="池店镇华洲村", contact_phone="13800000001",
)  # fmt: skip
TURNS = call(
    "turns", "供电", (GREETING, (C, "家里停电了"), (A, "哪里停电"), (C, "坑边村，深沪的"),
                    (C, "哎呀着火了，三楼着火了"), (A, "马上来")),
    is_emergency=True, becomes_emergency_at_turn=4, code="E101", nature="求助", contact_phone="13859501234",
)  # fmt: skip
MISSED = call("missed", "12345", (GREETING, (C, "那个那个"), (C, "我也不知道")), is_emergency=True, tags=["covert"])
CALM = call("calm", "12345", (GREETING, (C, "路灯坏了"), (C, "电话13859501234")), code="S0103",
            contact_phone="13859501234")  # fmt: skip
RAISED = call("raised", "12345", (GREETING, (C, "昨天的事"), (C, "有人没有呼吸了")), tags=["hardneg"])
ON_110 = call("on110", "110", (GREETING, (C, "我想问一下身份证在哪里办")))
ALL = (FROM_THE_START, TURNS, MISSED, CALM, RAISED, ON_110)


def write(path: Path, calls: tuple[dict[str, Any], ...] = ALL) -> Path:
    path.write_text("".join(json.dumps(c, ensure_ascii=False) + "\n" for c in calls), encoding="utf-8")
    return path


def read(tmp_path: Path, one: dict[str, Any]) -> Dialogue:
    return read_dialogues(write(tmp_path / "one.jsonl", (one,)), small_city())[0]


def test_alert_at_the_first_partial_that_tells(tmp_path: Path) -> None:
    heard = replay(read(tmp_path, FROM_THE_START), small_judge())
    text = FROM_THE_START["turns"][1]["text"]
    assert heard.alert is not None
    assert (heard.alert.turn, heard.alert.utterances, heard.alert.utterances_late) == (1, 1, 0)
    # 他拿着刀追人砍 is whole after thirteen characters: the alert does not wait for the place behind it.
    assert text.index("砍") <= heard.alert.characters < len(text)
    assert heard.alert.characters % PARTIAL == 0
    assert heard.outcome == "emergency"
    assert list(heard.p_by_turn) == sorted(heard.p_by_turn)


def test_characters_count_from_the_turn_at_which_a_person_knows(tmp_path: Path) -> None:
    heard = replay(read(tmp_path, TURNS), small_judge())
    assert heard.alert is not None
    before = len("家里停电了") + len("坑边村，深沪的")
    assert heard.alert.turn == 4
    assert heard.alert.characters == before + heard.alert.characters_late
    assert 0 < heard.alert.characters_late <= len("哎呀着火了，三楼着火了")
    assert (heard.alert.utterances, heard.alert.utterances_late) == (3, 0)


def test_an_alert_before_the_turn_is_negative(tmp_path: Path) -> None:
    late = json.loads(json.dumps(TURNS))
    late["turns"].append({"who": "C", "text": "快来人啊"})
    late["gold"]["becomes_emergency_at_turn"] = 6
    heard = replay(read(tmp_path, late), small_judge())
    assert heard.alert is not None
    assert heard.alert.utterances_late == -1
    assert heard.alert.characters_late < 0


def test_what_only_the_beginning_of_an_utterance_raises_stays_raised(tmp_path: Path) -> None:
    """As live: the alert is out before the caller says that it is a film."""
    film = call("film", "12345", (GREETING, (C, "三楼着火了，我们在拍电影")))
    heard = replay(read(tmp_path, film), small_judge())
    assert heard.alert is not None
    assert heard.outcome == "emergency"
    assert heard.verdict.outcome == "review"
    assert not heard.by_finals
    report = evaluate_dialogues(
        write(tmp_path / "two.jsonl", (film, RAISED)), small_city(), small_judge(), progress=False
    )
    assert (report.false_alarms.hits, report.false_alarms_by_finals.hits) == (2, 1)


def test_what_partials_take_is_told(tmp_path: Path) -> None:
    ticks: Iterator[int] = count()
    heard = replay(read(tmp_path, CALM), small_judge(), lambda: next(ticks) / 1000)
    parts = sum((len(t["text"]) - 1) // PARTIAL + 1 if t["who"] == C else 1 for t in CALM["turns"])
    assert heard.took_ms == pytest.approx([1.0] * parts)


def test_figures(tmp_path: Path) -> None:
    report = evaluate_dialogues(write(tmp_path / "six.jsonl"), small_city(), small_judge(), progress=False)
    assert report.dialogues == 6
    assert (report.found.hits, report.found.of) == (2, 3)
    assert (report.found_at_once.hits, report.found_at_once.of) == (2, 3)
    assert (report.left_as_service.hits, report.left_as_service.of) == (1, 3)
    assert (report.upgraded.hits, report.upgraded.of) == (1, 1)
    assert (report.upgraded_at_once.hits, report.upgraded_before.hits) == (1, 0)
    assert (report.utterances_until_alert.of, report.utterances_until_alert.p50) == (1, 1)
    assert report.characters_until_upgrade.of == 1
    assert (report.false_alarms.hits, report.false_alarms.of) == (1, 3)
    assert (report.false_alarms_on_service_lines.hits, report.false_alarms_on_service_lines.of) == (1, 2)
    assert report.found_per_tag["covert"].share == 0.0
    assert report.false_alarms_per_tag["hardneg"].share == 1.0


def test_what_is_known_at_the_end(tmp_path: Path) -> None:
    report = evaluate_dialogues(write(tmp_path / "six.jsonl"), small_city(), small_judge(), progress=False)
    assert (report.code.hits, report.code.of) == (3, 3)
    assert (report.place.hits, report.place.of) == (1, 1)
    # Of five calls with no place labelled one names 坑边村.
    assert (report.place_invented.hits, report.place_invented.of) == (1, 5)
    # The number called from where none was said; the third was never told.
    assert (report.phone.hits, report.phone.of) == (2, 3)
    assert (report.phone_other.hits, report.phone_other.of) == (1, 2)
    assert (report.nature.hits, report.nature.of) == (1, 1)


def test_predictions_and_json(tmp_path: Path) -> None:
    report = evaluate_dialogues(write(tmp_path / "six.jsonl"), small_city(), small_judge(), progress=False)
    data = json.loads(json.dumps(report.to_dict()))
    assert data["upgraded"]["of"] == 1
    assert "predictions" not in data
    report.write_predictions(tmp_path / "out.jsonl")
    lines = [json.loads(text) for text in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    by_id = {line["id"]: line for line in lines}
    assert list(by_id) == ["start", "turns", "missed", "calm", "raised", "on110"]
    assert by_id["missed"]["alert"] is None
    assert by_id["turns"]["alert"]["turn"] == 4
    assert by_id["on110"]["outcome"] == "emergency"
    assert by_id["calm"]["phone"] == "13859501234"
    assert len(by_id["turns"]["p_by_turn"]) == len(TURNS["turns"])
    # What raised the call counts, however the last utterance sounds.
    assert by_id["start"]["p_emergency"] == max(by_id["start"]["p_by_turn"])


def test_calls_of_one_incident_find_each_other(tmp_path: Path) -> None:
    """The later call about the fire is offered the earlier; the lamp in the same village is not, nor the other fire."""
    fire = call(
        "fire",
        "119",
        (
            GREETING,
            (C, "华洲村水果市场着火了，烟好大"),
        ),
        is_emergency=True,
    ) | {"incident_id": "f"}
    lamp = call(
        "lamp",
        "12345",
        (
            GREETING,
            (C, "华洲村路灯坏了，晚上看不见"),
        ),
    ) | {"incident_id": "l"}
    again = fire | {"id": "again", "turns": [{"who": "C", "text": "水果市场这里起火了，华洲村，烟很大"}]}
    other = fire | {"id": "other", "turns": [{"who": "C", "text": "坑边村祠堂后面着火了"}], "incident_id": "o"}
    calls = tuple(read_dialogues(write(tmp_path / "four.jsonl", (fire, lamp, again, other)), small_city()))
    found, offered = links([replay(one, small_judge()) for one in calls])
    assert [link.id for link in offered["again"]] == ["fire"]
    assert [offered[name] for name in ("fire", "lamp", "other")] == [(), (), ()]
    assert (found.pairs.recall.hits, found.pairs.recall.of, found.pairs.precision.share) == (1, 1, 1.0)
    assert (found.best_recall.hits, found.best_threshold) == (1, offered["again"][0].probability)
    assert (found.calls_linked.hits, found.calls_linked.of) == (1, 1)
    assert (found.calls_linked_wrongly.hits, found.calls_linked_wrongly.of) == (0, 3)


def test_calls_are_linked_to_earlier_ones_by_their_times(tmp_path: Path) -> None:
    """The second row was the first call; a third, a day later, is about another fire in the same market."""
    fire = call("first", "119", (GREETING, (C, "华洲村水果市场着火了，烟好大")), is_emergency=True) | {
        "incident_id": "f"
    }
    calls = (
        fire | {"id": "second", "at": "2026-03-01T08:30"},
        fire | {"at": "2026-03-01T08:20"},
        fire | {"id": "next day", "at": "2026-03-02T08:30", "incident_id": "g"},
    )
    read_back = read_dialogues(write(tmp_path / "three.jsonl", calls), small_city())
    found, offered = links([replay(one, small_judge()) for one in read_back])
    assert [[link.id for link in offered[name]] for name in ("first", "second", "next day")] == [[], ["first"], []]
    assert (found.calls_linked.of, found.calls_linked_wrongly.hits) == (1, 0)


def spoilt(change: str, value: Any) -> str:
    one = json.loads(json.dumps(TURNS))
    (one["gold"] if change in one["gold"] else one)[change] = value
    return json.dumps(one, ensure_ascii=False)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "row 2: not JSON"),
        ("[]", "row 2: a JSON object"),
        (spoilt("is_emergency", 1), "row 2: gold.is_emergency"),
        (spoilt("turns", []), "row 2: turns"),
        (spoilt("turns", [{"who": "B", "text": "x"}]), "row 2: turn 0 needs who"),
        (spoilt("becomes_emergency_at_turn", 9), "row 2: becomes_emergency_at_turn must be null or 0 to 5, not 9"),
        (spoilt("becomes_emergency_at_turn", True), "row 2: becomes_emergency_at_turn"),
        (spoilt("line", ["110"]), "row 2: line must be text"),
        (spoilt("tags", "covert"), "row 2: tags must be a list"),
        (spoilt("at", "morning"), "row 2: at must be a time"),
    ],
)
def test_wrong_file(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(CALM, ensure_ascii=False) + "\n" + text + "\n", encoding="utf-8")
    with pytest.raises(HeyiError, match=says):
        read_dialogues(path, small_city())


def test_absent_or_empty_file(tmp_path: Path) -> None:
    with pytest.raises(HeyiError, match="cannot be read"):
        read_dialogues(tmp_path / "none.jsonl", small_city())
    with pytest.raises(HeyiError, match="no dialogues"):
        read_dialogues(write(tmp_path / "empty.jsonl", ()), small_city())
