"""The city as Asterisk's configuration: whatever stands in the city's files, a line stays a line."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.city import City, Desk, Line
from core.cityfile import load_city
from core.settings import Settings
from telephony.dialplan import ami_secret, free_ports, render, write
from telephony.install import Install
from tests.citykit import small_city

JINJIANG = Path(__file__).resolve().parents[2] / "cities" / "jinjiang"


def rendered(city: City, folder: Path, **changes: object) -> dict[str, str]:
    site = Settings(data=folder, secret="for tests only").model_copy(update=changes)
    return render(city, site, Install(folder / "prefix"), folder)


@pytest.fixture(scope="module")
def jinjiang() -> City:
    return load_city(JINJIANG)


def named(name: str) -> City:
    """The small city with this name wherever a city file has a text of its own, unchecked as no city file can be."""
    city = small_city()
    lines = tuple(
        Line.model_construct(**{**dict(x), "name": name, "greeting": name, "opening": name}) for x in city.lines
    )
    desks = tuple(Desk.model_construct(**{**dict(x), "name": name}) for x in city.desks)
    return City.model_construct(**{**dict(city), "lines": lines, "desks": desks})


def settings_of(text: str) -> list[str]:
    """A configuration file as Asterisk reads it: without comments and with its names' texts masked."""
    return [re.sub(r'"[^"]*"', '""', line.split(";")[0]).rstrip() for line in re.split(r"[\r\n]", text)]


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
@example(name="火警\nexten => 119,1,Hangup()")
@example(name="火警\r\n[from-trunk]\r\n")
@example(name='1号席" <1001>\n#exec "/bin/sh"')
@example(name="席\\")
@example(name=";-- 注释 --;")
@example(name="--;")
@example(name="${SHELL(id)}")
def test_a_hostile_name_never_breaks_out_of_its_line(name: str, tmp_path: Path) -> None:
    harmless, hostile = rendered(named("名"), tmp_path), rendered(named(name), tmp_path)
    for file in harmless:
        assert settings_of(hostile[file]) == settings_of(harmless[file]), file
        # the block comments of Asterisk's files
        assert ";--" not in hostile[file] and "--;" not in hostile[file], file


def test_every_line_can_be_dialled_with_its_own_priority(jinjiang: City, tmp_path: Path) -> None:
    assert len(jinjiang.lines) >= 23
    extensions = rendered(jinjiang, tmp_path)["extensions.conf"]
    for line in jinjiang.lines:
        step = f"exten => {line.number},1,Gosub({line.kind},s,1({line.number},{line.priority}))"
        assert extensions.count(step + "\n") == 1, line.number
    unknown = re.search(r"^exten => _X\.,1,(.*)$", extensions, re.MULTILINE)
    assert unknown is not None and unknown[1] == "Hangup(1)"


def context(text: str, name: str) -> str:
    found = re.search(rf"^\[{name}\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def test_a_service_call_ages_but_never_into_the_emergencies(jinjiang: City, tmp_path: Path) -> None:
    """asterisk#1561: waiting calls starve. Each round raises a service call, up to below the lowest emergency."""
    extensions = rendered(jinjiang, tmp_path)["extensions.conf"]
    step = re.search(r"\$\[\$\{QUEUE_PRIO\} < (\d+)\]\?Set\(QUEUE_PRIO=\$\[\$\{QUEUE_PRIO\}\+1\]\)", extensions)
    assert step is not None and step[0] in context(extensions, "service")
    highest_service = int(step[1])
    emergencies = [line.priority for line in jinjiang.lines if line.kind == "emergency"]
    services = [line.priority for line in jinjiang.lines if line.kind == "service"]
    assert max(services) <= highest_service < min(emergencies)


def test_the_emergency_path_needs_nothing_of_ours(jinjiang: City, tmp_path: Path) -> None:
    """With every process of ours stopped, Asterisk alone rings the desks and records."""
    extensions = rendered(jinjiang, tmp_path)["extensions.conf"]
    path = context(extensions, "emergency") + context(extensions, "line-in")
    used = set(re.findall(r"^(?:exten =>[^,]*,1|\s*same => n(?:\(\w+\))?),(\w+)", path, re.MULTILINE))
    assert used <= {
        "Gosub", "CELGenUserEvent", "Queue", "Dial", "GotoIf", "Set", "Ringing", "Wait", "Goto", "Return", "Answer",
        "MixMonitor",
    }  # fmt: skip
    assert "MixMonitor" in used and "Queue" in used
    (dialled,) = re.findall(r"Dial\(([^,]*),", path)
    expected = [f"PJSIP/{d.extension}" for d in jinjiang.desks if d.in_queue and d.emergency]
    assert dialled.split("&") == expected and expected


def test_every_desk_is_an_endpoint_and_those_of_the_queue_are_its_members(jinjiang: City, tmp_path: Path) -> None:
    files = rendered(jinjiang, tmp_path)
    members = re.findall(r"^member => PJSIP/(\d+),(\d+),", files["queues.conf"], re.MULTILINE)
    assert members == [(d.extension, str(d.penalty)) for d in jinjiang.desks if d.in_queue]
    passwords = re.findall(r"^username = (\d+)\npassword = (\S+)$", files["pjsip.conf"], re.MULTILINE)
    assert [user for user, _ in passwords] == [d.extension for d in jinjiang.desks]
    assert len({password for _, password in passwords}) == len(passwords)
    assert all(len(password) >= 32 for _, password in passwords)


def test_no_device_of_the_world_outside_reaches_the_manager_interface(tmp_path: Path) -> None:
    """And what floods is kept back by Asterisk itself (asterisk#1972)."""
    site = Settings(data=tmp_path, secret="for tests only", host="192.0.2.1")
    manager = rendered(small_city(), tmp_path, host="192.0.2.1")["manager.conf"]
    assert "bindaddr = 127.0.0.1\n" in manager and f"secret = {ami_secret(site)}\n" in manager
    told = re.findall(r"^eventfilter\(action\(include\),name\((\w+)\)\)", manager, re.MULTILINE)
    assert "CEL" in told and not {"VarSet", "Newexten", "DeviceStateChange"} & set(told)


def test_files_are_written_for_their_owner_alone(tmp_path: Path) -> None:
    write(rendered(small_city(), tmp_path), tmp_path)
    found = sorted((tmp_path / "etc").iterdir())
    assert "extensions.conf" in [p.name for p in found] and not [p for p in found if p.name.startswith(".")]
    assert {p.stat().st_mode & 0o777 for p in found} == {0o600}


def test_free_ports_are_free_and_different() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20 and all(1024 <= port < 65536 for port in ports)
