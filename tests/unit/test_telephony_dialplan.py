"""The city as Asterisk's configuration: whatever stands in the city's files, a line stays a line."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.city import City, Desk, Line
from core.city_ivr import IvrUse
from core.cityfile import load_city
from core.settings import Settings
from telephony.dialplan import VOICE_PATIENCE_S, agi_token, ami_secret, flow_of, free_ports, render, write
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
        step = f"exten => {line.number},1,Gosub(line-in,s,1({line.number},{line.priority}))"
        assert extensions.count(step + "\n") == 1, line.number
        for mode in jinjiang.modes:
            key = mode.groups.get(line.answered_by, line.answered_by)
            step = f"exten => {line.number},1,Gosub({line.kind},s,1({key},"
            assert context(extensions, f"lines-{mode.key}").count(step) == 1, line.number
    unknown = re.search(r"^exten => _X\.,1,(.*)$", extensions, re.MULTILINE)
    assert unknown is not None and unknown[1] == "Hangup(1)"


def context(text: str, name: str) -> str:
    found = re.search(rf"^\[{name}\](?:\([^\n]*\))?\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
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
    path = "".join(context(extensions, name) for name in ("emergency", "line-in", "picked-up", "routed", "waits"))
    used = set(re.findall(r"^(?:exten =>[^,]*,1|\s*same => n(?:\(\w+\))?),(\w+)", path, re.MULTILINE))
    assert used <= {
        "Gosub", "CELGenUserEvent", "Queue", "Dial", "GotoIf", "Set", "Ringing", "Wait", "Goto", "Return", "Answer",
        "MixMonitor",
    }  # fmt: skip
    assert "MixMonitor" in used and "Queue" in used


def test_only_service_lines_meet_a_voice_and_emergencies_nothing_of_it(jinjiang: City, tmp_path: Path) -> None:
    """A menu before 119 would cost lives: no step between its number and its desks asks anything of ours."""
    extensions = rendered(jinjiang, tmp_path)["extensions.conf"]
    entrance = context(extensions, "from-trunk")
    met = set()
    for line in jinjiang.lines:
        steps = re.search(rf"^exten => {line.number},1,.*\n((?: same => .*\n)+)", entrance, re.MULTILINE)
        assert steps is not None, line.number
        flow = re.search(r"Gosub\(voice-flow,s,1\((\w[\w-]*)\)\)", steps[1])
        if flow is None:
            assert steps[1] == f" same => n,Goto(routed,{line.number},1)\n"
        else:
            met.add(line.number)
            assert f"Goto(voiced,{line.number},1)" in steps[1]
        if line.kind == "emergency":
            assert flow is None, line.number
    welcome = next(flow for flow in jinjiang.ivr if flow.key == "welcome")
    assert met == set(welcome.use.lines)
    # From the entrance on, an emergency's contexts neither ask the voice nor lead to one that does.
    path = "".join(context(extensions, name) for name in ("routed", "urgent", "emergency", "line-in", "waits"))
    assert not re.search(r"voice|AGI\(|TIMEOUT\(", re.sub(r"^\s*;.*$", "", path, flags=re.MULTILINE))


def test_a_flow_for_all_service_lines_is_met_by_those_without_one_of_their_own(jinjiang: City, tmp_path: Path) -> None:
    own, others = (flow.model_copy(update={"use": use}) for flow, use in zip(
        jinjiang.ivr[:2], (IvrUse(lines=("12345",)), IvrUse(at=("service",))), strict=True
    ))  # fmt: skip
    city = jinjiang.model_copy(update={"ivr": (own, others)})
    site = Settings(data=tmp_path, secret="for tests only")
    found = {line.number: flow_of(city, line, site) for line in city.lines}
    assert found["12345"] == own.key and found["12315"] == others.key
    assert all(not found[line.number] for line in city.lines if line.kind == "emergency")


def test_without_the_voice_nothing_asks_for_it(jinjiang: City, tmp_path: Path) -> None:
    extensions = rendered(jinjiang, tmp_path, voice=False)["extensions.conf"]
    assert "AGI(" not in extensions
    assert "voice-flow" not in context(extensions, "from-trunk") + context(extensions, "service")


def test_a_voice_that_falls_silent_is_left_within_two_seconds(jinjiang: City, tmp_path: Path) -> None:
    """Each step draws the timeout in when it has ended; the server cannot forget it."""
    assert 1 <= VOICE_PATIENCE_S < 2
    extensions = rendered(jinjiang, tmp_path)["extensions.conf"]
    drawn_in = f"Set(TIMEOUT(absolute)={VOICE_PATIENCE_S})"
    for asks in ("ControlPlayback(", "Record("):
        after = context(extensions, "voice-do").split(asks, 1)[1]
        assert drawn_in in after.splitlines()[1], asks
    flow = context(extensions, "voice-flow")
    assert drawn_in in flow.split("AGI(")[0].splitlines()[-2] and "AGIEXITONHANGUP=yes" in flow
    late = flow.split("exten => T,1,", 1)[1]
    assert "Set(TIMEOUT(absolute)=0)" in late and "Return()" in late


def test_nobody_without_the_sites_token_speaks_for_a_caller(tmp_path: Path) -> None:
    site = Settings(data=tmp_path, secret="for tests only")
    extensions = rendered(small_city(), tmp_path)["extensions.conf"]
    assert f"AGI(agi://127.0.0.1:{site.agi_port}/${{ARG1}},{agi_token(site)}," in extensions
    assert agi_token(site) != agi_token(site.model_copy(update={"secret": "another"}))


def members(files: dict[str, str], queue: str) -> list[tuple[str, str]]:
    """Extension and penalty of the desks of a queue."""
    return re.findall(r"^member => PJSIP/(\d+),(\d+),", context(files["queues.conf"], queue), re.MULTILINE)


def test_the_last_resort_rings_every_telephone_at_once(jinjiang: City, tmp_path: Path) -> None:
    files = rendered(jinjiang, tmp_path)
    steps = context(files["extensions.conf"], "emergency")
    assert steps.index("Queue(last-resort,ri,,,") < steps.index("Goto(last)")
    people = [d for d in jinjiang.desks if d.in_queue and d.kind != "robot"]
    # Penalties would hold telephones back: ringall rings only the lowest that can be reached.
    assert members(files, "last-resort") == [(d.extension, "0") for d in people]


def test_asterisk_reads_the_strategy_that_is_meant(jinjiang: City, tmp_path: Path) -> None:
    """It takes the first that stands in a section, a template's before the section's own."""
    queues = rendered(jinjiang, tmp_path)["queues.conf"]
    for template in ("group", "waits-with-music"):
        assert "strategy" not in context(queues, template)
    for name in re.findall(r"^\[([\w-]+)\]\((?!!)", queues, re.MULTILINE):
        wanted = "ringall" if name == "last-resort" else "rrmemory"
        assert re.findall(r"^strategy = (\w+)$", context(queues, name), re.MULTILINE) == [wanted]


def test_no_telephone_takes_a_caller_out_of_the_house(jinjiang: City, tmp_path: Path) -> None:
    """A telephone that forwards its calls (302) would: option i of Queue and Dial forbids it."""
    extensions = rendered(jinjiang, tmp_path)["extensions.conf"]
    queues = re.findall(r"Queue\((?:\$\{IF\([^)]*\)\}|[\w-]+),(\w*)", extensions)
    dials = re.findall(
        r",Dial\([^,]*(?:\([^)]*\)[^,]*)?,\d+,?(\w*)\)", extensions.replace("FILTER(0-9,", "FILTER(0-9;")
    )
    assert len(queues) >= 3 and len(dials) >= 8
    assert all("i" in options for options in [*queues, *dials]), [*queues, *dials]


def test_a_queue_of_helpers_takes_those_who_waited_longer_first(jinjiang: City, tmp_path: Path) -> None:
    """asterisk#1561, #1637: weight and penalty starve other queues. No caller here is bound to a penalty, so a queue
    with a higher weight holds a desk back only while somebody in it really waits for that desk."""
    files = rendered(jinjiang, tmp_path)
    weights = dict(re.findall(r"^\[([\w-]+)\]\([^\n]*\)\nweight = (\d+)", files["queues.conf"], re.MULTILINE))
    assert int(weights["last-resort"]) > int(weights["emergency"]) > int(weights["service-wide"])
    assert int(weights["service-wide"]) > int(weights["service"])
    # Between two queues of one weight that share a desk chance decides: no emergency caller may be in such a pair.
    for name in ("last-resort", "emergency"):
        assert [other for other, weight in weights.items() if weight == weights[name]] == [name]
    assert not re.search("QUEUE_M(AX|IN)_PENALTY|penaltychange", "".join(files.values()))
    # asterisk#1637, #1691: it passes over priority, and with a caller put to the front offers no call at all.
    assert "force_longest_waiting_caller" not in files["queues.conf"]


def test_every_desk_is_an_endpoint_and_those_of_the_queue_are_its_members(jinjiang: City, tmp_path: Path) -> None:
    files = rendered(jinjiang, tmp_path)
    for group in jinjiang.groups:
        wanted = [(d.extension, str(d.penalty)) for d in jinjiang.desks if d.in_queue and group.key in d.groups]
        assert members(files, group.key) == wanted
    passwords = re.findall(r"^username = (\d+)\npassword = (\S+)$", files["pjsip.conf"], re.MULTILINE)
    assert [user for user, _ in passwords] == [d.extension for d in jinjiang.desks]
    assert len({password for _, password in passwords}) == len(passwords)
    assert all(len(password) >= 32 for _, password in passwords)


def test_a_synthetic_caller_walks_the_lines_own_way_and_rings_nobody(jinjiang: City, tmp_path: Path) -> None:
    files = rendered(jinjiang, tmp_path)
    extensions = files["extensions.conf"]
    assert "?from-trunk,${EXTEN},1)" in context(extensions, "from-probe")
    for name in ("emergency", "service"):
        waits = [step for step in context(extensions, name).splitlines() if "Queue(" in step]
        own = [step for step in waits if "last-resort" not in step]
        assert len(own) == 1 and 'Queue(${IF($["${HEYI_PROBE}"="1"]?probe:' in own[0]
    # Between an emergency's own queue and the last resort it is turned back.
    steps = [step.strip() for step in context(extensions, "emergency").splitlines()]
    first = next(n for n, step in enumerate(steps) if "Queue(${IF" in step)
    last = next(n for n, step in enumerate(steps) if "Queue(last-resort" in step)
    assert any('GotoIf($["${HEYI_PROBE}"="1"]?later)' in step for step in steps[first:last])
    assert re.findall(r"^member => (\S+?),", context(files["queues.conf"], "probe"), re.MULTILINE) == ["PJSIP/probe"]
    assert files["queues.conf"].count("member => PJSIP/probe") == 1
    assert re.search(r"^\[probe\]\ntype = endpoint\ncontext = from-probe$", files["pjsip.conf"], re.MULTILINE)


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
