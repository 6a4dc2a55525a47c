"""What callers hear: every sound that the dialplan plays has a text, and the first run speaks only what it needs."""

import re
from pathlib import Path

import pytest

from core.city import City
from core.cityfile import load_city
from core.settings import Settings
from ivr.phrases import prompts
from telephony.dialplan import render
from telephony.install import Install

JINJIANG = Path(__file__).resolve().parents[2] / "cities" / "jinjiang"


@pytest.fixture(scope="module")
def city() -> City:
    return load_city(JINJIANG)


def played(city: City, folder: Path) -> set[str]:
    """Names of the sounds that Asterisk's configuration plays; what depends on the line ends with ``*``."""
    files = render(city, Settings(data=folder, secret="for tests only"), Install(folder / "prefix"), folder)
    text = files["extensions.conf"] + files["queues.conf"]
    names = re.findall(rf"{re.escape(str(folder.resolve()))}/sounds/([\w-]*(?:\$\{{\w+\}})?)", text)
    names += re.findall(r"Gosub\(returned,s,1\([^,]+,([\w-]+)", text)
    return {re.sub(r"\$\{\w+\}", "*", name) for name in names} - {"", "*"}


def test_every_sound_that_is_played_has_a_text(city: City, tmp_path: Path) -> None:
    texts, names = prompts(city), played(city, tmp_path)
    assert {"greeting-*", "please-wait", "keep-offer", "place-kept", "silent-ask", "mode-typhoon", "recall-intro",
            "kept-intro", "callback-ask"} <= names  # fmt: skip
    for name in names:
        assert any(re.fullmatch(name.replace("*", r"\d+"), text) for text in texts), name
    assert all(text.endswith(("。", "！")) for text in texts.values())


def test_every_emergency_line_rings_back_under_its_own_name(city: City) -> None:
    texts = prompts(city)
    emergencies = {line.number for line in city.lines if line.kind == "emergency"}
    spoken = {name.removeprefix("recall-"): text for name, text in texts.items() if re.fullmatch(r"recall-\d+", name)}
    assert spoken.keys() == emergencies
    for number, text in spoken.items():
        line = city.line(number)
        assert line is not None and number in text and line.name in text and "晋江市" in text


def test_the_first_run_speaks_only_for_its_lines(city: City) -> None:
    few = prompts(city, {"119", "12345"})
    named = {name for name in few if re.search(r"\d", name) or name.startswith("mode-")}
    assert named == {"greeting-12345"}
    assert few.items() <= prompts(city).items()
