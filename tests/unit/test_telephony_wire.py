"""The manager interface's bytes: any split gives the same messages, and nothing slips a second action in."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AmiError
from telephony.wire import MAX_MESSAGE, Decoder, Message, encode, parse

GREETING = b"Asterisk Call Manager/11.0.0\r\n"

_KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1, max_size=12)
_VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=20)
_MESSAGES = st.lists(st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=6), max_size=6)


def on_the_wire(messages: list[Message], blank_lines: list[int]) -> bytes:
    """As Asterisk sends them; it ends some events with one blank line too many."""
    stream = GREETING
    for index, message in enumerate(messages):
        lines = [f"{key}: {value}" for key, value in message.items()]
        extra = blank_lines[index % len(blank_lines)] if blank_lines else 0
        stream += ("\r\n".join(lines) + "\r\n\r\n").encode() + b"\r\n" * extra
    return stream


@given(messages=_MESSAGES, blank_lines=st.lists(st.integers(0, 4), max_size=3), cuts=st.lists(st.integers(0, 600)))
def test_any_split_of_the_stream_gives_the_same_messages(
    messages: list[Message], blank_lines: list[int], cuts: list[int]
) -> None:
    stream = on_the_wire(messages, blank_lines)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    decoder = Decoder()
    got = [m for a, b in itertools.pairwise(places) for m in decoder.feed(stream[a:b])]
    assert got == messages


def test_a_chinese_name_split_over_segments_stays_whole() -> None:
    message = {"Event": "CEL", "CallerIDname": "晋江市紫帽镇园坂村林𠮷", "Exten": "119"}
    stream = on_the_wire([message], [])
    for cut in range(len(stream)):
        decoder = Decoder()
        assert decoder.feed(stream[:cut]) + decoder.feed(stream[cut:]) == [message], cut
    decoder = Decoder()
    assert [m for byte in stream for m in decoder.feed(bytes([byte]))] == [message]


def test_bytes_that_are_no_text_do_not_stop_the_stream() -> None:
    decoder = Decoder()
    messages = decoder.feed(GREETING + b"Event: A\r\nName: \xff\xfe\xe6\x99\r\n\r\nEvent: B\r\n\r\n")
    assert [m["Event"] for m in messages] == ["A", "B"]


def test_a_header_that_repeats_keeps_all_its_values() -> None:
    assert parse(b"Variable: a=1\r\nVariable: b=2\r\nno colon\r\nEmpty:\r\nTight:x") == {
        "Variable": "a=1\nb=2", "Empty": "", "Tight": "x"
    }  # fmt: skip


@given(st.sampled_from("\r\n\0"), st.text(max_size=8), st.text(max_size=8))
def test_a_line_break_is_refused_everywhere(bad: str, before: str, after: str) -> None:
    text = before + bad + after
    for action, headers in (
        (text, {}),
        ("Originate", {text: "x"}),
        ("Originate", {"Channel": text}),
        ("Originate", {"Variable": ["HEYI_TICKET=JJ20261121-0001", text]}),
    ):
        with pytest.raises(AmiError):
            encode(action, headers)


@given(_VALUES.filter(lambda v: "\0" not in v))
def test_an_action_comes_back_as_one_message_with_its_value_whole(value: str) -> None:
    """panoramisk would have sent two actions for a caller's name with a line break in it; ours is always one."""
    sent = encode("Originate", {"ActionID": "7", "CallerID": value, "Variable": ["a=1", "b=2"]})
    decoder = Decoder()
    assert decoder.feed(GREETING + sent) == [
        {"Action": "Originate", "ActionID": "7", "CallerID": value, "Variable": "a=1\nb=2"}
    ]


@pytest.mark.parametrize("garbage", [b"x" * 65536, b"GET / HTTP/1.1\r\n" + b"x" * 65536, b"a: b\r\n" * 10000])
def test_garbage_without_an_end_is_an_error_and_not_a_full_memory(garbage: bytes) -> None:
    decoder = Decoder()
    with pytest.raises(AmiError, match="without an end"):
        for _ in range(2 * MAX_MESSAGE // len(garbage) + 1):
            decoder.feed(garbage)
