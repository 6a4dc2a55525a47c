"""Reading a city folder: every kind of fault is told with its file and its line."""

import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.city import City
from core.cityfile import MAX_FAULTS, load_city
from core.errors import CityFileError
from core.yamltext import YamlFault, read

SMALL = {
    "city.yaml": "code: 350582\nname: 晋江市\nname_en: Jinjiang\narea_code: 0595\n",
    "lines.yaml": (
        "- number: 110\n  name: 报警\n  name_en: Police\n  kind: emergency\n  priority: 100\n  opening: 请讲。\n"
        "  department: police\n"
        "- number: 95598\n  name: 供电\n  name_en: Power\n  kind: service\n  priority: 20\n  opening: 您好。\n"
        "  department: power\n  aliases: [电力]\n"
        "- number: 12345\n  name: 便民\n  name_en: Service\n  kind: service\n  priority: 10\n  opening: 您好。\n"
        "  department: police\n"
    ),
    "desks.yaml": "- {extension: 1001, name: 一号席}\n- {extension: 1901, name: 机器人, kind: robot, penalty: 50}\n",
    "departments.yaml": (
        "- {id: police, name: 公安局, name_en: Police, kind: emergency}\n"
        "- {id: power, name: 供电公司, name_en: Power, kind: utility}\n"
    ),
    "towns.yaml": "- name: 青阳街道\n  communities:\n  - {name: 青华社区}\n  - {name: 象山社区}\n- name: 安海镇\n",
    "taxonomy.yaml": (
        "- code: E5\n  name: 警情\n  name_en: Police\n  emergency: true\n  categories:\n"
        "  - {code: E501, name: 斗殴, name_en: Fight, department: police, due_hours: 2}\n"
        "  - {code: E502, name: 抢劫, name_en: Robbery, department: police, assist: [power], due_hours: 2}\n"
    ),
    "people.yaml": "- {login: agent1, name: 甲, role: agent, password: secret1, extension: 1001}\n",
    "groups.yaml": (
        "- {key: emergency, name: 紧急席, name_en: Emergency}\n"
        "- {key: service, name: 服务席, name_en: Service, overflow: [emergency]}\n"
        "- {key: medical, name: 急救, name_en: Medical, linkage: true, hotkey: 1, outside: 5550120}\n"
    ),
    "modes.yaml": (
        "- {key: normal, name: 正常, name_en: Normal}\n"
        "- {key: night, name: 夜间, name_en: Night, groups: {service: emergency}}\n"
    ),
    "matters.yaml": "- {source: 110, target: 12345, name: 停电, name_en: Power cut}\n",
    "exchanges.yaml": "- {prefix: 8571, town: 安海镇, radius_km: 4.5}\n",
    "landmarks.yaml": "- {name: 世纪大道, kind: road}\n- {name: 安平桥, town: 安海镇}\n",
}


def write(folder: Path) -> Path:
    for name, text in SMALL.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path)


def fault(folder: Path) -> str:
    with pytest.raises(CityFileError) as caught:
        load_city(folder)
    return caught.value.message.replace(f"{folder}/", "")


def test_a_sound_folder_is_read_as_written(folder: Path) -> None:
    city = load_city(folder)
    assert (city.profile.code, city.profile.area_code) == ("350582", "0595")
    assert [line.number for line in city.lines] == ["110", "95598", "12345"]
    assert city.line_called("电力") is city.line_called("供电") is city.line("95598")
    assert city.line_called("没有的") is None
    assert [c.name for c in city.towns[0].communities] == ["青华社区", "象山社区"]
    assert city.is_emergency("E501")
    assert city.taxonomy[0].categories[1].assist == ("power",)

    assert [(g.key, g.overflow, g.hotkey, g.outside) for g in city.groups] == [
        ("emergency", (), "", ""), ("service", ("emergency",), "", ""), ("medical", (), "1", "5550120")
    ]  # fmt: skip
    assert city.mode("night").groups == {"service": "emergency"}
    assert city.mode("flood") is city.modes[0]
    assert [(m.source, m.target, m.name) for m in city.matters] == [("110", "12345", "停电")]
    assert [(e.prefix, e.town, e.radius_km) for e in city.exchanges] == [("8571", "安海镇", 4.5)]


OPTIONAL = ("people", "landmarks", "groups", "modes", "matters", "exchanges")


def test_some_files_may_be_absent(folder: Path) -> None:
    for name in OPTIONAL:
        (folder / f"{name}.yaml").unlink()
    city = load_city(folder)
    assert not (city.people or city.landmarks or city.matters or city.exchanges)
    assert [g.key for g in city.groups] == ["emergency", "service"]
    assert [m.key for m in city.modes] == ["normal"]


@pytest.mark.parametrize("name", OPTIONAL)
def test_what_may_be_absent_may_also_be_an_empty_list(folder: Path, name: str) -> None:
    (folder / f"{name}.yaml").write_text("# nothing yet\n[]\n", "utf-8")
    assert isinstance(load_city(folder), City)


@pytest.mark.parametrize(
    ("written", "value"), [("0575", "0575"), ("'0575'", "0575"), ("010", "010"), ("021 # 上海", "021")]
)
def test_an_area_code_is_never_an_octal_number(folder: Path, written: str, value: str) -> None:
    (folder / "city.yaml").write_text(SMALL["city.yaml"].replace("0595", written), "utf-8")
    assert load_city(folder).profile.area_code == value


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CityFileError, match="there is no such city folder"):
        load_city(tmp_path / "nowhere")


def test_a_missing_file(folder: Path) -> None:
    (folder / "desks.yaml").unlink()
    assert fault(folder).startswith("desks.yaml:1: cannot be read (No such file or directory), expected a YAML file")


#: file, text replaced, replacement, the whole message.
FAULTS = [
    # YAML itself
    ("lines.yaml", "kind: service", "kind: [service", "lines.yaml:12: is not YAML: "),
    ("city.yaml", "name: 晋江市", "name: 晋江市\x00", "city.yaml:2: holds the character U+0000, expected text without"),
    ("city.yaml", "name_en:", "name:", "city.yaml:3: key 'name' stands on line 2 too, expected each key once"),
    ("desks.yaml", "{extension: 1001, name: 一号席}", "&a {extension: 1001}", "desks.yaml:1: uses an anchor"),
    ("desks.yaml", "1001", "!!int 1001", "desks.yaml:1: uses a tag"),
    ("city.yaml", "name_en", "---\nname_en", "city.yaml:4: a second document begins, expected one document"),
    ("city.yaml", "name: ", "[a]: b\nname: ", "city.yaml:2: a key is a list or a mapping, expected a word"),
    # shape
    ("city.yaml", SMALL["city.yaml"], "", "city.yaml:1: the file is empty"),
    ("city.yaml", SMALL["city.yaml"], "- a\n", "city.yaml:1: the entry is a list, expected keys with values"),
    ("towns.yaml", SMALL["towns.yaml"], "[]\n", "towns.yaml:1: the list is empty, expected at least one of town"),
    ("towns.yaml", SMALL["towns.yaml"], "name: 青阳\n", "towns.yaml:1: is keys with values, expected a list of town"),
    ("desks.yaml", "{extension: 1001, name: 一号席}", "一号席", 'desks.yaml:1: the entry is "一号席", expected keys'),
    # keys
    ("lines.yaml", "  priority: 20\n", "", 'lines.yaml:8: key "priority" is missing, expected in every line'),
    ("lines.yaml", "aliases:", "aliasses:", 'lines.yaml:15: unknown key "aliasses", did you mean "aliases"?'),
    ("city.yaml", "name_en", "colour: red\nname_en", 'city.yaml:3: unknown key "colour", expected one of code, name,'),
    (
        "towns.yaml",
        "{name: 象山社区}",
        "{code: '350582001017'}",
        'towns.yaml:4: key "name" is missing, expected in every comm',
    ),
    (
        "towns.yaml",
        "{name: 象山社区}",
        "{name: 象山社区, cod: 1}",
        'towns.yaml:4: unknown key "cod", did you mean "code"?',
    ),
    # types and patterns
    (
        "lines.yaml",
        "number: 95598",
        "number: 95-598",
        'lines.yaml:8: number is "95-598", expected a telephone number of',
    ),
    ("lines.yaml", "priority: 20", "priority: high", 'lines.yaml:12: priority is "high", expected a whole number'),
    ("lines.yaml", "priority: 20", "priority: 999", 'lines.yaml:12: priority is "999", expected at most 200'),
    (
        "lines.yaml",
        "kind: service",
        "kind: other",
        "lines.yaml:11: kind is \"other\", expected 'emergency' or 'service'",
    ),
    ("lines.yaml", "aliases: [电力]", "aliases: 电力", 'lines.yaml:15: aliases is "电力", expected a list'),
    ("lines.yaml", "aliases: [电力]", "aliases: ['']", 'lines.yaml:15: aliases is "", expected text on one line'),
    (
        "lines.yaml",
        "opening: 您好。",
        'opening: "您\\n好"',
        "lines.yaml:13: opening is '\\u60a8\\n\\u597d', expected text on one",
    ),
    (
        "desks.yaml",
        "name: 一号席",
        "name: 一号席, in_queue: 也许",
        'desks.yaml:1: in_queue is "也许", expected true or',
    ),
    ("taxonomy.yaml", "due_hours: 2}", "due_hours: 0}", 'taxonomy.yaml:6: due_hours is "0", expected more than 0'),
    ("taxonomy.yaml", "E501", "501", 'taxonomy.yaml:6: code is "501", expected a capital letter and 2 to 4 digits'),
    ("people.yaml", "secret1", "abc", 'people.yaml:1: password is "abc", expected at least 6 characters'),
    # the same twice
    ("lines.yaml", "95598", "110", 'lines.yaml:8: number "110" stands on line 1 too, expected each number once'),
    (
        "lines.yaml",
        "[电力]",
        "[电力, 报警]",
        'lines.yaml:15: alias "报警" already means line 110, expected a name of its',
    ),
    ("desks.yaml", "1901", "1001", 'desks.yaml:2: extension "1001" stands on line 1 too, expected each extension once'),
    (
        "departments.yaml",
        "公安局",
        "供电公司",
        'departments.yaml:2: name "供电公司" stands on line 1 too, expected each',
    ),
    (
        "towns.yaml",
        "- name: 安海镇",
        "- name: 安海镇\n- name: 青阳街道",
        'towns.yaml:6: name "青阳街道" stands on line 1 too, expected each name once',
    ),
    (
        "towns.yaml",
        "象山社区",
        "青华社区",
        'towns.yaml:4: community name "青华社区" stands on line 3 too, expected each',
    ),
    ("taxonomy.yaml", "E502", "E501", 'taxonomy.yaml:7: code "E501" stands on line 6 too, expected each code once'),
    (
        "people.yaml",
        "- {l",
        "- {login: agent1, name: 乙, role: supervisor, password: secret1}\n- {l",
        "people.yaml:2: login",
    ),
    # what does not exist
    (
        "lines.yaml",
        "department: power",
        "department: powr",
        'lines.yaml:14: department "powr" does not exist, did you mean',
    ),
    (
        "lines.yaml",
        "department: power",
        "department: gas",
        'lines.yaml:14: department "gas" does not exist, expected one',
    ),
    ("taxonomy.yaml", "[power]", "[power, gas]", 'taxonomy.yaml:7: assist "gas" does not exist, expected one that dep'),
    ("people.yaml", "1001", "1002", 'people.yaml:1: extension "1002" does not exist, did you mean "1001"?'),
    ("landmarks.yaml", "安海镇", "安海", 'landmarks.yaml:2: town "安海" does not exist, did you mean "安海镇"?'),
    (
        "landmarks.yaml",
        "安海镇",
        "安海镇, community: 安平村",
        'landmarks.yaml:2: community "安平村" does not exist, exp',
    ),
    ("landmarks.yaml", "kind: road", "community: 青华社区", "landmarks.yaml:1: community without a town, expected key"),
    # the house's rules
    (
        "lines.yaml",
        "priority: 100",
        "priority: 20",
        "lines.yaml:5: emergency line 110 has priority 20, expected above every",
    ),
    (
        "lines.yaml",
        "opening: 请讲。",
        "opening: 请讲。\n  greeting: 您好",
        "lines.yaml:7: emergency line 110 has a greeting",
    ),
    ("desks.yaml", "1901", "95598", "desks.yaml:2: extension 95598 is a line's number, expected one that no line has"),
    # groups, modes, matters, exchanges
    ("groups.yaml", "key: medical", "key: service", 'groups.yaml:3: key "service" stands on line 2 too, expected'),
    ("groups.yaml", "key: emergency", "key: urgent", 'groups.yaml:1: no group has the key "emergency", expected'),
    ("groups.yaml", "[emergency]", "[emergncy]", 'groups.yaml:2: overflow "emergncy" does not exist, did you mean'),
    ("groups.yaml", "linkage: true, hotkey: 1, outside: 5550120", "hotkey: 1", "groups.yaml:3: hotkey of a group that"),
    ("groups.yaml", "hotkey: 1", "hotkey: F1", 'groups.yaml:3: hotkey is "F1", expected a digit from 1 to 9, or not'),
    ("groups.yaml", "5550120", "555-0120", 'groups.yaml:3: outside is "555-0120", expected a telephone number, or'),
    ("modes.yaml", "key: night", "key: normal", 'modes.yaml:2: key "normal" stands on line 1 too, expected each key'),
    ("modes.yaml", "service: emergency", "servce: emergency", 'modes.yaml:2: groups "servce" does not exist, did you'),
    ("modes.yaml", "service: emergency", "service: all", 'modes.yaml:2: groups "all" does not exist, expected one'),
    ("matters.yaml", "12345", "12346", 'matters.yaml:1: target "12346" does not exist, did you mean "12345"?'),
    ("matters.yaml", "12345", "110", "matters.yaml:1: target is 110, the line that passes it on, expected another"),
    ("exchanges.yaml", "安海镇", "安海", 'exchanges.yaml:1: town "安海" does not exist, did you mean "安海镇"?'),
    ("exchanges.yaml", "4.5", "0", 'exchanges.yaml:1: radius_km is "0", expected more than 0'),
    ("desks.yaml", "一号席", "一号席, groups: [emergecy]", 'desks.yaml:1: groups "emergecy" does not exist, did you'),
    ("lines.yaml", "department: police", "department: police\n  group: medical", "lines.yaml:8: line 110 leads to med"),
    ("towns.yaml", "青华社区", "青华社区, lon: 118.5", 'towns.yaml:3: "青华社区" has one of lon and lat, expect'),
    ("towns.yaml", "青华社区", "青华社区, lon: 24.8, lat: 118.5", 'towns.yaml:3: lat is "118.5", expected'),
    ("towns.yaml", "青华社区", "青华社区, approximate: true", 'towns.yaml:3: "青华社区" is approximate without coordi'),
    (
        "towns.yaml",
        "青阳街道\n  communities:\n  - {name: 青华社区}",
        "青阳街道\n  lon: 118.5\n  lat: 24.8\n  communities:\n  - {name: 青华社区, lon: 119.5, lat: 24.8}",
        'towns.yaml:5: "青华社区" lies 101 km from the middle of 青阳街道, expected at most 30',
    ),
    ("landmarks.yaml", "kind: road", "kind: road, lat: 24.8", 'landmarks.yaml:1: "世纪大道" has one of lon and lat'),
    ("people.yaml", ", extension: 1001", "", 'people.yaml:1: agent1 is of role agent, expected key "extension"'),
    ("taxonomy.yaml", "E501", "S501", 'taxonomy.yaml:6: code "S501" lies in group E5, expected to begin with E5'),
]


@pytest.mark.parametrize(("name", "old", "new", "message"), FAULTS, ids=[f"{f[0]}-{n}" for n, f in enumerate(FAULTS)])
def test_a_fault_is_told_with_its_line(folder: Path, name: str, old: str, new: str, message: str) -> None:
    assert old in SMALL[name]
    (folder / name).write_text(SMALL[name].replace(old, new, 1), "utf-8")
    told = fault(folder)
    assert told.startswith(message)
    assert "\n" not in told


def test_a_file_that_is_not_utf8(folder: Path) -> None:
    (folder / "city.yaml").write_bytes(b"code: 350582\nname: " + "晋江市".encode("gb18030") + b"\n")
    assert fault(folder) == "city.yaml:2: is not UTF-8, expected a UTF-8 text file"


def test_emergency_calls_need_a_desk(folder: Path) -> None:
    text = SMALL["desks.yaml"].replace("席", "席, in_queue: false").replace("robot", "robot, groups: [service]")
    (folder / "desks.yaml").write_text(text, "utf-8")
    assert fault(folder) == "desks.yaml:1: no desk in the queue takes emergency calls, expected at least one"


def test_all_faults_of_the_folder_come_at_once_in_order(folder: Path) -> None:
    (folder / "towns.yaml").write_text("- name: ''\n- {name: 安海镇, code: x}\n", "utf-8")
    (folder / "lines.yaml").write_text(SMALL["lines.yaml"].replace("department: p", "department: x", 2), "utf-8")
    told = fault(folder).splitlines()
    assert [line.rsplit(": ", 1)[0].split(": ")[0] for line in told] == [
        "lines.yaml:7",
        "lines.yaml:14",
        "towns.yaml:1",
        "towns.yaml:2",
    ]


def test_a_broken_file_does_not_accuse_those_that_refer_to_it(folder: Path) -> None:
    (folder / "departments.yaml").write_text(SMALL["departments.yaml"].replace("utility", "wrong"), "utf-8")
    told = fault(folder).splitlines()
    assert len(told) == 1
    assert told[0].startswith('departments.yaml:2: kind is "wrong", expected')


def test_many_faults_are_counted_not_listed(folder: Path) -> None:
    rows = "".join(f"- {{extension: {n}, name: 席, kind: browser}}\n" for n in range(1, 31))
    (folder / "desks.yaml").write_text(rows, "utf-8")
    told = fault(folder).splitlines()
    assert len(told) == MAX_FAULTS + 1
    assert told[-1] == f"… and {30 - MAX_FAULTS} more"


def test_control_characters_of_a_wrong_value_never_reach_the_terminal(folder: Path) -> None:
    (folder / "city.yaml").write_text(SMALL["city.yaml"].replace("350582", '"\\e[31m\\u202e"'), "utf-8")
    told = fault(folder)
    assert told.replace("\n", "").isprintable()


@pytest.mark.parametrize("text", ["[" * 50_000, "{a: " * 30_000, "- " * 30_000, "&a [*a, *a]", "a: &b {c: *b}"])
def test_deep_and_looping_files_are_refused(text: str) -> None:
    with pytest.raises(YamlFault):
        read(text.encode())


PIECES = st.sampled_from([
    "- ", "  ", "\n", ": ", "name", "code", "{", "}", "[", "]", "'", '"', "&a", "*a", "!t", "#", "|", "晋江", "110",
    "---\n", "...\n", "%YAML 9.9\n", "\\x", "<<", "~", "\t", "\x00", "\u2028", "\ufeff",
])  # fmt: skip
HOSTILE = st.binary(max_size=200) | st.lists(PIECES, max_size=30).map(lambda parts: "".join(parts).encode())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("city"))


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(SMALL)), data=HOSTILE, keep=st.integers(0, 300))
def test_whatever_a_file_holds_there_is_a_city_or_a_fault(shared: Path, name: str, data: bytes, keep: int) -> None:
    (shared / name).write_bytes(SMALL[name].encode()[:keep] + data)
    try:
        assert isinstance(load_city(shared), City)
    except CityFileError as error:
        for line in error.message.split("\n"):
            place = line.removeprefix(f"{shared}/").split(":")
            assert line.startswith("… and ") or (place[0] in SMALL and int(place[1]) >= 1)
    finally:
        (shared / name).write_text(SMALL[name], "utf-8")


@given(st.dictionaries(st.text(string.ascii_letters, min_size=1), st.lists(st.text("晋江 :-#'\"{}[]\\n", min_size=1))))
def test_quoted_text_comes_back_as_it_was(value: dict[str, list[str]]) -> None:
    quoted = {key: [f"'{x.replace(chr(39), chr(39) * 2)}'" for x in texts] for key, texts in value.items()}
    text = "{" + ", ".join(f"'{key}': [{', '.join(texts)}]" for key, texts in quoted.items()) + "}"
    assert read(text.encode()).plain() == value
