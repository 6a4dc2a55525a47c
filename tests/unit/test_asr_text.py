"""Engine output made fit for people."""

import pytest

from asr.engines.spacing import spaced
from asr.engines.text import cut_loops, is_phantom, punctuated, simplified, tidy
from asr.engines.vosk import joined, parse
from asr.engines.whisper import PROMPT, window_s
from asr.recognition import Recognition, Word


def test_traditional_becomes_simplified() -> None:
    assert simplified("請問這裡發生火災嗎") == "请问这里发生火灾吗"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("你好,我们楼下着火了.", "你好，我们楼下着火了。"),
        ("您好12345, 请问有什么可以帮您?", "您好12345，请问有什么可以帮您？"),
        ("花了3.5元,在10:30", "花了3.5元，在10:30"),
        ("call 120, please", "call 120, please"),
    ],
)
def test_marks_are_those_of_chinese(written: str, shown: str) -> None:
    assert punctuated(written) == shown


@pytest.mark.parametrize(
    ("stuck", "kept"),
    [
        ("青阳街道社区区区区区区区区", "青阳街道社区区"),
        ("我要投诉我要投诉我要投诉我要投诉我要投诉", "我要投诉我要投诉"),
        ("救命救命", "救命救命"),
        ("快快快", "快快快"),
        ("电话是13888888888", "电话是13888888888"),
        ("", ""),
    ],
)
def test_loops_are_cut_and_figures_stay(stuck: str, kept: str) -> None:
    assert cut_loops(stuck) == kept


@pytest.mark.parametrize(
    "text", ["", "。", "…… ，", "字幕by索兰娅", "请不吝点赞 订阅 转发", PROMPT, "以下是普通话的句子"]
)
def test_phantoms_vanish(text: str) -> None:
    assert is_phantom(text, PROMPT)
    assert tidy(text, PROMPT) == ""


@pytest.mark.parametrize("text", ["喂", "着火了", "这是我上次投诉的句子", "120吗"])
def test_what_a_caller_says_stays(text: str) -> None:
    assert tidy(text, PROMPT) == text


def test_a_character_that_was_cut_in_two_is_not_shown() -> None:
    assert tidy("着火\ufffd") == "着火"
    assert tidy("\ufffd\ufffd") == ""


@pytest.mark.parametrize(("seconds", "live", "record"), [(0.5, 6, 10), (7, 8, 10), (12, 13, 13), (29.8, 30, 30)])
def test_window_is_as_long_as_needed(seconds: float, live: float, record: float) -> None:
    assert window_s(seconds, "final") == window_s(seconds, "partial") == live
    assert window_s(seconds, "record") == record


def test_kaldi_answer_with_words() -> None:
    found = parse(
        '{"text": "着火 了", "result": [{"word": "着火", "start": 0.1, "end": 0.5, "conf": 0.8},'
        ' {"word": "了", "start": 0.5, "end": 0.6, "conf": 1.0}]}'
    )
    assert (found.text, found.raw, found.confidence) == ("着火了", "着火 了", 0.9)
    assert found.words[1] == Word("了", 0.5, 0.6, 1.0)


def test_kaldi_heard_nothing() -> None:
    assert parse('{"text": ""}').text == ""


def test_spaces_stay_between_foreign_words() -> None:
    assert spaced("我 住 a b 栋") == "我住a b栋"


def test_two_stretches_become_one_utterance_weighted_by_words() -> None:
    one = Recognition("甲", "甲", 1.0, words=(Word("甲", 0, 1, 1.0),))
    two = Recognition("乙丙", "乙 丙", 0.4, words=(Word("乙", 1, 2, 0.4), Word("丙", 2, 3, 0.4)))
    found = joined([one, two])
    assert found.text == "甲乙丙"
    assert found.confidence == pytest.approx(0.6)
