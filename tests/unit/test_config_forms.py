"""Lines, desks and groups as a table: what is entered stands in the file, what is not touched stays as it was."""

from collections.abc import Mapping, Sequence

import pytest

from core.city import City
from core.cityfile import load_city
from core.yamlrows import NotRows, rows
from desk.config.faultwords import in_words
from desk.config.forms import FIELDS, blank, choices, entries, faulty, split, taken
from tests.unit.config_support import JINJIANG


def text_of(name: str) -> str:
    return (JINJIANG / name).read_text("utf-8")


def sent(name: str, text: str, **changed: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """What a browser sends of the whole table where these fields were changed (``_`` for the dot)."""
    form: dict[str, Sequence[str]] = {"row": [str(n) for n in range(len(entries(name, text)))]}
    for number, entry in enumerate(entries(name, text)):
        for field in FIELDS[name]:
            value, key = entry[field.key], f"{number}.{field.key}"
            if field.sort == "members":
                form[f"{number}.own"], form[key] = value[:1], list(value[1:])
            elif field.sort == "words":
                form[key] = ["，".join(value)]
            elif field.sort != "check":
                form[key] = [str(value)]
            elif value:
                form[key] = ["true"]
    return {**form, **{key.replace("_", ".", 1): value for key, value in changed.items()}}


@pytest.mark.parametrize("name", FIELDS)
def test_a_table_that_was_only_looked_at_is_the_same_file(name: str) -> None:
    text = text_of(name)
    assert taken(name, text, sent(name, text)) == text


@pytest.mark.parametrize("name", FIELDS)
def test_the_table_has_every_key_that_a_city_may_write(name: str) -> None:
    """Red: a key is new in core/city.py. Add it to the table."""
    model = {"lines.yaml": "lines", "desks.yaml": "desks", "groups.yaml": "groups"}[name]
    record = City.model_fields[model].annotation.__args__[0]  # type: ignore[union-attr]
    assert {field.key for field in FIELDS[name]} == set(record.model_fields)
    for field in FIELDS[name]:
        default = record.model_fields[field.key].get_default()
        if not field.required:
            shown = (
                default if isinstance(default, tuple) else {"True": "true", "False": ""}.get(str(default), str(default))
            )
            assert field.default == shown, field.key
        assert field.required == record.model_fields[field.key].is_required()


def test_what_is_entered_stands_in_the_file() -> None:
    text = text_of("lines.yaml")
    made = taken("lines.yaml", text, sent(
        "lines.yaml", text, **{"0_name": ["报警 服务台"], "0_aliases": ["公安、报警，110"], "0_target_s": ["15"],
                               "5_local": ["true"], "gone": ["1"]}))  # fmt: skip
    first, second = rows(made)[0], rows(made)[1]
    assert (first["name"], first["aliases"]) == ("报警 服务台", ["公安", "报警", "110"])
    assert first["target_s"] == "15", "written, though it is what would be taken without"
    assert second["number"] == "120" and rows(made)[4]["local"] == "true"
    desks = text_of("desks.yaml")
    made = taken("desks.yaml", desks, sent("desks.yaml", desks, **{"0_own": ["minnan"], "0_groups": ["service"],
                                                                  "0_in_queue": []}))  # fmt: skip
    assert rows(made)[0] == {
        "extension": "1001", "name": "1号席", "kind": "browser", "groups": ["minnan", "service"], "in_queue": "false",
    }  # fmt: skip


def test_a_new_entry_and_one_that_nobody_filled_in() -> None:
    text = text_of("desks.yaml")
    form = dict(sent("desks.yaml", text))
    form["row"] = [*form["row"], "new0", "new1"]
    form |= {"new0.extension": ["1008"], "new0.name": ["8号席"], "new0.kind": ["phone"], "new0.penalty": ["0"],
             "new0.in_queue": ["true"], "new0.own": ["service"], "new1.kind": ["browser"], "new1.in_queue": ["true"],
             "new1.own": ["emergency"]}  # fmt: skip
    made = taken("desks.yaml", text, form)
    assert made == text + "- {extension: 1008, name: 8号席, kind: phone, groups: [service]}\n"


def test_a_file_with_a_key_that_the_table_lacks_is_no_table() -> None:
    with pytest.raises(NotRows):
        entries("desks.yaml", "- {extension: 1001, name: a, colour: blue}\n")
    assert set(blank("desks.yaml")) == {field.key for field in FIELDS["desks.yaml"]}


def test_words_by_any_comma_and_faults_by_entry() -> None:
    assert split(" 公安，报警、a b;c；， ") == ("公安", "报警", "a b", "c")
    assert faulty([1, 9, 20], [6, 15]) == {0: [9], 1: [20]}
    offered = choices(load_city(JINJIANG))
    assert offered["groups"]["minnan"] == "闽南语席" and offered["departments"]["police"] == "公安局"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('department "pwoer" does not exist, did you mean "power"?', '承办部门：没有 "pwoer"，是否应为 "power"？'),
        ('key "name" is missing, expected in every line', "缺少“名称”"),
        ('priority is "x", expected a whole number', '优先级："x" 不是整数'),
        ("kind is \"urgent\", expected 'a' or 'b'", "类别：\"urgent\" 不可用，可用：'a' or 'b'"),
        ("nobody has put this into Chinese", "nobody has put this into Chinese"),
    ],
)  # fmt: skip
def test_faults_are_told_in_chinese(said: str, told: str) -> None:
    assert in_words(said, "zh", "lines.yaml") == told
    assert in_words(said, "en", "lines.yaml") == said
