"""Channel events: the wire and the file tell the same, and a damaged file costs only its damaged rows."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from telephony.cel import CelEvent, from_message, from_row, read_file

AT = datetime(2026, 11, 21, 14, 35, 3, 977698, tzinfo=UTC)
STAMP = "1795271703.977698"
HANGUP_EXTRA = '{"hangupcause":16,"hangupsource":"PJSIP/trunk-00000000","dialstatus":"ANSWER"}'


def message(name: str, **more: str) -> dict[str, str]:
    return {
        "Event": "CEL", "Privilege": "call,all", "Timestamp": STAMP, "SystemName": "hy1", "EventName": name,
        "AccountCode": "", "CallerIDnum": "13800138000", "CallerIDname": "林先生", "Exten": "119",
        "Context": "from-trunk", "Channel": "PJSIP/trunk-00000000", "Application": "", "AppData": "",
        "EventTime": "2026-11-21 14:35:03", "AMAFlags": "DOCUMENTATION", "UniqueID": "hy1-1.0", "LinkedID": "hy1-1.0",
        "Userfield": "", "Peer": "PJSIP/1001-00000001", "PeerAccount": "", "Extra": "", **more,
    }  # fmt: skip


def row(kind: str, name: str = "", extra: str = "") -> list[str]:
    return [
        kind, STAMP, "hy1-1.0", "hy1-1.0", "PJSIP/trunk-00000000", "13800138000", "119", "from-trunk",
        "PJSIP/1001-00000001", name, extra,
    ]  # fmt: skip


def line(cells: list[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"


@pytest.mark.parametrize(
    ("on_the_wire", "in_the_file"),
    [
        (message("CHAN_START"), row("CHAN_START")),
        (message("HANGUP", Extra=HANGUP_EXTRA), row("HANGUP", extra=HANGUP_EXTRA)),
        (message("QUEUED", Extra='{"extra":"100"}'), row("QUEUED", "QUEUED", '{"extra":"100"}')),
        (message("QUEUED", Extra='{"extra":"100"}'), row("USER_DEFINED", "QUEUED", '{"extra":"100"}')),
    ],
    ids=["start", "hangup", "named by the dialplan", "named, as other versions write it"],
)
def test_row_and_message_are_the_same_event(
    on_the_wire: dict[str, str], in_the_file: list[str], tmp_path: Path
) -> None:
    live = from_message(on_the_wire)
    assert live is not None and live == from_row(in_the_file)
    assert (live.at, live.uniqueid, live.caller, live.exten) == (AT, "hy1-1.0", "13800138000", "119")
    file = tmp_path / "Master.csv"
    file.write_text(line(in_the_file))
    assert list(read_file(file)) == [live]


def test_what_the_dialplan_names_is_told_apart_from_asterisks_own() -> None:
    queued = from_message(message("QUEUED", Extra='{"extra":"100"}'))
    assert queued is not None
    assert (queued.type, queued.name, queued.extra) == ("USER_DEFINED", "QUEUED", {"extra": "100"})


@pytest.mark.parametrize(
    "bad",
    [
        message("CHAN_START") | {"Event": "Newchannel"},
        message("CHAN_START", Timestamp=""),
        message("CHAN_START", Timestamp="2026-11-21 14:35:03"),
        message("CHAN_START", Timestamp="1795271703.9999999"),
        message("CHAN_START", Timestamp="99999999999999999999"),
        message("CHAN_START", UniqueID=""),
        message(""),
        {"Event": "CEL"},
        {},
    ],
)
def test_a_damaged_message_is_no_event(bad: dict[str, str]) -> None:
    assert from_message(bad) is None


@pytest.mark.parametrize("extra", ["{", "[1]", "null", "12", '"x"', '{"a":', "晋江"])
def test_extra_that_is_no_object_counts_as_empty(extra: str) -> None:
    event = from_row(row("HANGUP", extra=extra))
    assert event is not None and event.extra == {}


@pytest.mark.parametrize("cells", [[], ["x"], row("HANGUP")[:-1], [*row("HANGUP"), "x"], ["HANGUP", "soon", *[""] * 9]])
def test_a_damaged_row_is_no_event(cells: list[str]) -> None:
    assert from_row(cells) is None


def kinds(file: Path, offset: int = 0) -> list[str]:
    return [event.type for event in read_file(file, offset)]


def test_damage_in_the_file_costs_only_what_is_damaged(tmp_path: Path) -> None:
    """A full disk cuts a row short and the next one is written right behind it; a power cut leaves zeros."""
    file = tmp_path / "Master.csv"
    good = line(row("CHAN_START"))
    for damage in (
        line(row("ANSWER"))[:40] + line(row("HANGUP")),
        line(row("HANGUP", extra=HANGUP_EXTRA))[:-60] + line(row("HANGUP")),
        "\n\n",
        '"\n',
        "\0" * 4096 + "\n",
        "\0" * 200_000 + "\n",
        "x" * 200_000 + "\n",
        "晋江\n",
    ):
        file.write_text(good + damage + good + good)
        assert kinds(file).count("CHAN_START") >= 2, damage[:60]
        assert kinds(file)[0] == kinds(file)[-1] == "CHAN_START"
    file.write_bytes(good.encode() + b"\xff\xfe\n" + good.encode())
    assert kinds(file) == ["CHAN_START", "CHAN_START"]


def test_a_half_written_last_line_waits_for_its_rest(tmp_path: Path) -> None:
    file = tmp_path / "Master.csv"
    first, second = line(row("CHAN_START")), line(row("HANGUP", extra=HANGUP_EXTRA))
    for written in range(len(second)):
        file.write_text(first + second[:written])
        assert kinds(file) == ["CHAN_START"], written
    file.write_text(first + second)
    assert kinds(file) == ["CHAN_START", "HANGUP"]
    assert kinds(file, offset=len(first.encode())) == ["HANGUP"]
    assert kinds(tmp_path / "absent.csv") == []


def test_a_line_break_within_a_value_does_not_make_a_row(tmp_path: Path) -> None:
    """A caller's number is the caller's to choose: it must not forge the end of another call."""
    forged = row("CHAN_START")
    forged[5] = "1\n" + line(row("HANGUP")).strip() + "\n"
    file = tmp_path / "Master.csv"
    file.write_text(line(forged) + line(row("ANSWER")))
    events: list[CelEvent] = list(read_file(file))
    assert [event.type for event in events] == ["CHAN_START", "ANSWER"]
    assert "HANGUP" in events[0].caller
