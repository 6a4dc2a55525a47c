"""The city as configuration: tried in a scratch Asterisk, applied to a running one."""

import shutil
from pathlib import Path

import pytest

from core.city import City, Line
from core.settings import Settings
from telephony import dialplan
from telephony.events import CallArrived, CallEnded, DeskJoined
from telephony.install import Install
from tests.asterisk.conftest import TONE, House, Site, Taker

pytestmark = pytest.mark.asterisk


def test_asterisk_has_nothing_to_say_of_the_example_city(settings: Settings, jinjiang: City) -> None:
    assert dialplan.check(jinjiang, settings, Install.find(settings)) == []


def test_a_step_that_no_module_has_is_found_before_a_caller_meets_it(
    settings: Settings, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = tmp_path / "dialplans"
    shutil.copytree(dialplan.TEMPLATES, templates)
    extensions = templates / "extensions.conf.j2"
    extensions.write_text(extensions.read_text().replace("n,StopMusicOnHold()", "n,Festival(hello)", 1))
    monkeypatch.setattr(dialplan, "TEMPLATES", templates)
    found = dialplan.check(city, settings, Install.find(settings))
    assert ["Festival" in line for line in found] == [True]


def test_a_broken_configuration_is_reported_in_asterisks_own_words(
    settings: Settings, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = tmp_path / "dialplans"
    shutil.copytree(dialplan.TEMPLATES, templates)
    pjsip = templates / "pjsip.conf.j2"
    pjsip.write_text(pjsip.read_text().replace("protocol = ws\n", "protocol = pigeon\n", 1))
    monkeypatch.setattr(dialplan, "TEMPLATES", templates)
    found = dialplan.check(city, settings, Install.find(settings))
    assert any("pigeon" in line or "'ws'" in line for line in found), found


async def test_a_new_line_is_applied_without_dropping_a_call(site: Site, house: House) -> None:
    taker = Taker(await site.phone("1001"))
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("119", caller="13800138000")
    await house.until(lambda: bool(house.of(DeskJoined)), "answered")

    more = Line(
        number="12315", name="消费投诉", name_en="Consumers", kind="service", priority=12, opening="您好。",
        department="centre",
    )  # fmt: skip
    city = site.city.model_copy(update={"lines": (*site.city.lines, more)})
    folder = site.settings.data / "asterisk"
    assert dialplan.apply(city, site.settings, Install.find(site.settings), folder) == ["extensions.conf"]

    await call.play(TONE)
    await house.until(lambda: taker.hears(40), "the call goes on")
    assert not call.ended.is_set() and not house.of(CallEnded)
    other = await trunk.call("12315", caller="13800138001")
    await house.until(lambda: [e.line for e in house.of(CallArrived) if isinstance(e, CallArrived)] == ["119", "12315"],
                      "the new line takes calls")  # fmt: skip
    await other.hang_up()
    await call.hang_up()
    await house.until(lambda: len(house.of(CallEnded)) == 2, "both ended")
