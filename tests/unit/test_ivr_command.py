"""``heyi ivr``: check, draw, try; and the page that shows the flows."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.cityfile import load_city
from core.errors import HeyiError
from heyi.ivr_command import app
from heyi.ivr_try import Walk
from ivr.diagram import mermaid, refreshed
from ivr.signals import Judged

ROOT = Path(__file__).parents[2]
JINJIANG = ROOT / "cities" / "jinjiang"
FLOWS = {flow.key: flow for flow in load_city(JINJIANG).ivr}
KNOWN = {"city": "晋江市", "line": "12345", "line_name": "便民热线", "caller": "known", "place": "3", "wait": "5"}
CITY = ("--city", str(JINJIANG))


class Ears:
    """Recognition and judgement as a test wants them."""

    def __init__(self, outcome: str = "service", category: str = "", heard: str = "") -> None:
        self._judged, self._heard = Judged(outcome, category, 0.8), heard
        self.said: list[list[str]] = []

    def words(self, sound: Path) -> str:
        return self._heard

    def judged(self, words: list[str]) -> Judged:
        self.said.append(list(words))
        return self._judged


def walked(key: str, *lines: str, ears: Ears | None = None) -> tuple[str, list[str]]:
    shown: list[str] = []
    ended = Walk(FLOWS, key, KNOWN, ears or Ears(), lines, shown.append, echo=True).run()
    return ended, shown


def test_docs_show_the_flows_as_they_are() -> None:
    page = (ROOT / "docs" / "ivr.md").read_text(encoding="utf-8")
    assert page.count("flowchart TD") == len(FLOWS)
    assert page == refreshed(page), "run: python -m ivr.diagram docs/ivr.md"


@pytest.mark.parametrize("key", sorted(FLOWS))
def test_a_picture_has_every_step_and_only_ways_between_them(key: str) -> None:
    flow = FLOWS[key]
    drawn = mermaid(flow).splitlines()
    names = {f"s_{step.key}".replace("-", "_") for step in flow.steps}
    others = {line.split("[")[0].strip() for line in drawn if "[/" in line}
    for name in names:
        assert any(line.startswith(f"    {name}[") or line.startswith(f"    {name}{{") or f"    {name}(" in line
                   for line in drawn), name  # fmt: skip
    for line in drawn:
        if "-->" in line and not line.startswith("    begin"):
            before, after = line.split()[0], line.split()[-1]
            assert before in names
            assert after in names | others


def test_silence_is_walked_to_a_person() -> None:
    ended, shown = walked("welcome", "", "")
    assert ended == "queue"
    assert [line for line in shown if "🔊" in line][1].endswith("闽南语按7，English 按8。")


def test_words_are_judged_with_all_that_was_said_before() -> None:
    ears = Ears("service", "S0104")
    ended, shown = walked(
        "welcome", "> 我家停水了", "unclear", "> 池店镇华洲村", "found area=华洲村 announcement=抢修", ears=ears
    )
    assert ended == "hung up"
    assert ears.said == [["我家停水了"], ["我家停水了", "池店镇华洲村"]]
    assert any(line.endswith("🔎 announcement words=池店镇华洲村") for line in shown)
    assert any(line.endswith("🔊 华洲村，抢修。") for line in shown)


def test_an_emergency_ends_the_walk() -> None:
    assert walked("welcome", "> 着火了", ears=Ears("emergency", "E101"))[0] == "emergency"
    assert walked("progress", "*")[0] == "emergency"


def test_a_recording_is_heard() -> None:
    ended, shown = walked("move-car", "plate.wav", "none", ears=Ears(heard="闽C12345"))
    assert ended == "queue"
    assert any(line.endswith("heard: 闽C12345") for line in shown)


def test_the_caller_may_be_called_back_or_message_a_department() -> None:
    assert walked("waiting", "1")[0] == "call back"
    ended, shown = walked(
        "progress", "0007#", "found ticket=7 matter=路灯 progress=已派单", "2", "> 三天了还没修", "done", "> 谢谢"
    )
    assert ended == "hang up"
    assert any(line.endswith("🔎 message ticket=7 recording=三天了还没修") for line in shown)


def test_time_goes_on_as_it_would() -> None:
    _, shown = walked("welcome", "", "")
    stamps = [float(line[1:6]) for line in shown if line.startswith("[")]
    assert stamps == sorted(stamps)
    assert stamps[-1] - stamps[1] <= 20


@pytest.mark.parametrize(("line", "sentence"), [("hello", "is nothing a caller can do"), ("found x", "is nothing")])
def test_what_no_caller_can_do_is_told(line: str, sentence: str) -> None:
    with pytest.raises(HeyiError, match=sentence):
        walked("welcome", line)


def test_an_answer_that_a_look_up_never_gives_is_told() -> None:
    with pytest.raises(HeyiError, match="ticket cannot answer 'maybe'"):
        walked("progress", "0007#", "maybe")


# --- on the command line --------------------------------------------------------------------------------------------


def test_check_says_how_long_a_silent_caller_waits() -> None:
    result = CliRunner().invoke(app, ["check", *CITY])
    assert result.exit_code == 0
    assert "welcome 来电导航" in result.output
    assert "with a person after at most" in result.output


def test_draw_prints_one_or_all() -> None:
    one = CliRunner().invoke(app, ["draw", "hours", *CITY])
    every = CliRunner().invoke(app, ["draw", *CITY])
    assert one.stdout.count("flowchart TD") == 1
    assert every.stdout.count("flowchart TD") == len(FLOWS)


def test_try_walks_a_script(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("1\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["try", "waiting", "--script", str(script), "--set", "place=12", *CITY])
    assert result.exit_code == 0, result.output
    assert "您前面还有12位，预计等候5分钟。" in result.output
    assert result.output.splitlines()[-1].endswith("keeps the place and is called back")


def test_try_reads_what_is_typed() -> None:
    result = CliRunner().invoke(app, ["try", "satisfaction", *CITY], input="3\ndone\n")
    assert "🔎 result ticket=1 satisfied=no" in result.output
    assert result.output.splitlines()[-1].endswith("→ hangs up")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["try", "nothing"], "the city has no voice flow 'nothing'"),
        (["draw", "nothing"], "the city has no voice flow 'nothing'"),
        (["try", "hours", "--line", "1"], "the city has no line 1"),
        (["try", "hours", "--set", "place"], "--set place sets nothing"),
        (["try", "hours", "--script", "/nowhere/at/all"], "/nowhere/at/all cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(app, [*arguments, *CITY])
    assert isinstance(result.exception, HeyiError)
    assert sentence in str(result.exception)
