"""``ivr/*.yaml``: a broken voice flow is refused, with the right sentence at the right line."""

import shutil
from pathlib import Path

import pytest
from ivr_support import flow

from core.city_ivr import ALWAYS, KNOWN_AT, LONGEST, LOOK_UPS, filled, slots
from core.city_ivrpaths import SILENT_S, Paths
from core.cityfile import load_city
from core.errors import CityFileError
from core.speaking import seconds
from ivr.readings import spoken

JINJIANG = Path(__file__).parents[2] / "cities" / "jinjiang"
CITY = load_city(JINJIANG)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(JINJIANG, tmp_path / "city"))


def refused(folder: Path, name: str, old: str, new: str) -> str:
    file = folder / "ivr" / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CityFileError) as error:
        load_city(folder)
    return error.value.message


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        ("hours.yaml", "next: more}", "next: mroe}", 'said leads to "mroe", which is no step of this flow'),
        ("hours.yaml", "prompt: bye}", "prompt: by}", 'prompt "by", which is no prompt of this flow'),
        ("hours.yaml", "out: person", "out: persons", 'out "persons", which is no step of this flow'),
        ("hours.yaml", "do: say", "do: speak", "expected do to be 'say', 'ask'"),
        ("hours.yaml", "do: say, ", "", "expected the key do beside it"),
        ("hours.yaml", "next: more}", "nxet: more}", 'unknown key "nxet", did you mean "next"?'),
        ("hours.yaml", "name: hours, ", "name: ours, ", 'name "ours", which is no look-up, did you mean "hours"?'),
        ("hours.yaml", "open: open, ", "", 'look-up hours may answer "open", expected a way for it'),
        ("hours.yaml", "open: open, ", "open: open, shut: open, ", 'result "shut", which is no answer of hours'),
        ("hours.yaml", "{key: bye,", "{key: person,", 'step "person" stands twice'),
        ("hours.yaml", "    en: Thank you for calling. Goodbye.\n", "", 'prompt "bye" has no en, expected a text'),
        ("hours.yaml", "en: For an agent", "en: '{hours} for an agent'\n  x:\n    zh: 您", "has other slots in en"),
        ("hours.yaml", "{hours}。热线", "{hours。热线", "has a brace without its pair"),
        ("hours.yaml", "heard: person", "heard: /nowhere", 'heard leads to "/nowhere", which is no flow of this city'),
        ("hours.yaml", "languages: [zh, en]", "languages: [zh, en, nan]", "expected the name of a recording"),
        ("welcome.yaml", "next: /hours", "next: person", 'flow "hours" is used nowhere and no flow leads to it'),
        ("welcome.yaml", "lines: [12345,", "lines: [119, 12345,", "line 119 is an emergency line, expected none"),
        ("welcome.yaml", "lines: [12345,", "lines: [12344,", 'line "12344", which is no line of this city'),
        ("welcome.yaml", "{key: 2,", "{key: 1,", '"1" means two choices, expected one'),
        ("welcome.yaml", "{key: 2,", "{key: 9,", 'key is "9", expected a key from 1 to 8: 0 is always a person'),
        ("welcome.yaml", "group: english", "group: englsh", 'group "englsh", which is no group of this city, did you'),
        ("welcome.yaml", "on_silence: menu", "on_silence: greet", "is never with a person, expected within 20 s"),
        ("waiting.yaml", "at: [waiting]", "lines: [12345]", "12345 has the flow"),
        ("waiting.yaml", "at: [waiting]", "at: [service]", '"place" is used at step "offer", and nothing'),
        ("waiting.yaml", "otherwise: tell-place", "otherwise: tell", '"wait" is used at step "tell", and nothing'),
        ("waiting.yaml", "{on: wait, at_least: 1, next: tell}", "{on: x, equals: [y], next: tell}", '"x" is used'),
        ("progress.yaml", "arguments: {ticket: '{ticket}'}", "arguments: {}", 'look-up urge needs "ticket"'),
        ("progress.yaml", "{ticket: '{ticket}'}", "{ticket: '{ticket}', x: '1'}", 'argument "x", which is no argument'),
        ("progress.yaml", "most: 12, next: look}", "most: 3, next: look}", "most is 3, expected at least 4"),
        ("progress.yaml", "{words: [人工, 话务员], next: person}", "{key: 1, next: person}", "one of the figures"),
        ("progress.yaml", "{words: [人工, 话务员], next: person}", "{next: person}", "a choice that nothing chooses"),
        ("move-car.yaml", "party: owner", "party: owner, group: service", "group and party at once, expected one"),
        ("move-car.yaml", ", party: owner", "", "a transfer to nobody, expected group, line or party"),
        ("satisfaction.yaml", "key: satisfaction", "key: hours", 'flow "hours" is in two files'),
    ],
)  # fmt: skip
def test_a_broken_flow_is_refused(folder: Path, name: str, old: str, new: str, sentence: str) -> None:
    message = refused(folder, name, old, new)
    assert sentence in message, message
    assert "/ivr/" in message


def test_a_fault_has_the_line_of_its_step(folder: Path) -> None:
    message = refused(
        folder, "hours.yaml", "{key: bye, do: hang_up, prompt: bye}", "{key: bye, do: hang_up, prompt: b}"
    )
    text = (folder / "ivr" / "hours.yaml").read_text(encoding="utf-8")
    line = text[: text.index("prompt: b}")].count("\n") + 1
    assert f"hours.yaml:{line}: " in message


def test_a_city_needs_no_flows(folder: Path) -> None:
    shutil.rmtree(folder / "ivr")
    assert load_city(folder).ivr == ()


def test_no_emergency_line_has_a_flow() -> None:
    emergency = {line.number for line in CITY.lines if line.kind == "emergency"}
    assert emergency
    assert not emergency & {number for one in CITY.ivr for number in one.use.lines}


def test_lines_of_people_in_need_have_none_either() -> None:
    """心理援助, 反诈, 燃气, 高速救援, 妇女, 青少年: whoever calls there is answered without a machine."""
    assert not {"12356", "96110", "95158", "12122", "12338", "12355"} & {n for one in CITY.ivr for n in one.use.lines}


@pytest.mark.parametrize("one", CITY.ivr, ids=lambda one: one.key)
def test_shipped_prompts_are_short(one) -> None:
    """Nobody is talked at: a sentence of the shipped flows without what it reads out takes at most 12 s."""
    for name, prompt in one.prompts.items():
        assert seconds(spoken(filled(prompt.zh, {}))) <= 12, name


def test_whatever_prompts_read_out_has_a_stated_length() -> None:
    read = {name for one in CITY.ivr for prompt in one.prompts.values() for name in slots(prompt.zh)}
    assert read <= set(LONGEST)
    given = {name for kind in LOOK_UPS.values() for names in kind.results.values() for name in names}
    assert read <= ALWAYS | given | {name for names in KNOWN_AT.values() for name in names}


def test_the_longest_name_of_the_city_fits_its_slot() -> None:
    assert len(CITY.profile.name) <= LONGEST["city"]
    assert max(len(line.name) for line in CITY.lines) <= LONGEST["line_name"]


@pytest.mark.parametrize(
    ("text", "measured_s"),
    # Spoken by the shipped voice, in seconds of sound.
    [("请稍候，为您转接话务员。", 4.00), ("感谢来电，再见。", 2.92), ("请说出挡路车辆的车牌号，例如闽C12345。", 6.08)],
)
def test_speaking_times_are_those_of_the_voice(text: str, measured_s: float) -> None:
    assert seconds(text) == pytest.approx(measured_s, abs=0.3)


def test_speaking_grows_with_the_text_and_nothing_takes_no_time() -> None:
    assert seconds("") == seconds("，。") == seconds("", "en") == 0
    assert seconds("您好") < seconds("您好，请讲")
    assert seconds("English") < seconds("ENGLISH")
    assert seconds("one two", "en") < seconds("one two three", "en")


def test_slots_count_with_the_most_they_may_hold() -> None:
    made = flow(
        prompts={"a": {"zh": "{answer}", "en": "{answer}"}},
        languages=["zh", "en"],
        steps=[{"key": "person", "do": "queue", "prompt": "a"}],
    )
    said = Paths({"test": made}).said_s(("test", "person"))
    assert said >= seconds("字" * LONGEST["answer"])


def test_shipped_flows_keep_a_margin() -> None:
    """A prompt may take 0.6 s more than is reckoned; that must not decide."""
    paths = Paths({one.key: one for one in CITY.ivr})
    for one in CITY.ivr:
        for step in one.steps:
            if step.do in ("ask", "record"):
                assert paths.silent_asked((one.key, step.key)).seconds <= SILENT_S - 0.5, (one.key, step.key)
