"""``flows.yaml``: a broken flow is refused, with the right sentence at the right line."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.city_flowchecks import complaints
from core.city_flows import Flow, usual_flows
from core.cityfile import load_city
from core.errors import CityFileError
from core.newcity import write_city

JINJIANG = Path(__file__).parents[2] / "cities" / "jinjiang"


def six() -> dict[str, Any]:
    flow = next(flow for flow in usual_flows() if flow.key == "six").model_dump()
    return {**flow, "steps": list(flow["steps"]), "edges": list(flow["edges"])}


def edge(flow: dict[str, Any], action: str, before: str) -> dict[str, Any]:
    return next(e for e in flow["edges"] if e["action"] == action and before in e["before"])


def step(flow: dict[str, Any], key: str) -> dict[str, Any]:
    return next(s for s in flow["steps"] if s["key"] == key)


def drop(action: str, before: str) -> Callable[[dict[str, Any]], None]:
    def change(flow: dict[str, Any]) -> None:
        found = edge(flow, action, before)
        found["before"] = tuple(key for key in found["before"] if key != before)
        flow["edges"] = [e for e in flow["edges"] if e["before"]]

    return change


def put(action: str, start: str, /, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda flow: edge(flow, action, start).update(values)


def more(**values: Any) -> Callable[[dict[str, Any]], None]:
    """One edge more."""
    usual = {"roles": ("department",), "reason": "有理由", "reason_en": "a reason"}
    return lambda flow: flow["edges"].append({**usual, **values})


def first_is_filed(flow: dict[str, Any]) -> None:
    flow["steps"] = sorted(flow["steps"], key=lambda s: s["key"] != "filed")


def no_callback(flow: dict[str, Any]) -> None:
    step(flow, "callback")["phase"] = "reported"


def a_step_nobody_goes_to(flow: dict[str, Any]) -> None:
    flow["steps"].append({"key": "waiting", "name": "待查", "name_en": "Waiting", "phase": "handling"})
    for action in ("follow", "overrule"):
        edge(flow, action, "draft")["before"] += ("waiting",)
    edge(flow, "report", "handling")["before"] += ("waiting",)


def a_step_nobody_leaves(flow: dict[str, Any]) -> None:
    a_step_nobody_goes_to(flow)
    edge(flow, "report", "handling")["before"] = ("handling",)
    more(before=("handling",), action="handle", after="waiting")(flow)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (lambda f: f["steps"].append(step(f, "filed")), 'step "filed" stands twice, expected each key once'),
        (first_is_filed, 'the first step "filed" lies in phase filed, expected draft'),
        (no_callback, "no step lies in phase callback, expected one in each"),
        (
            put("accept", "dispatched", after="handlin"),
            'after "handlin" is no step of this flow, did you mean "handling"?',
        ),
        (put("accept", "dispatched", before=("nowhere",)), 'before "nowhere" is no step of this flow'),
        (
            more(before=("dispatched",), action="accept", after="handling"),
            'there is another way to accept from "dispatched", expected one for a step and action',
        ),
        (more(before=("handling",), action="handle", after="handling"), 'handle leads from "handling" to itself'),
        (
            more(before=("handling",), action="arrive", after="dispatched"),
            'arrive leads from "handling" back to "dispatched" (phase handling to dispatched), '
            "expected onward: only refuse and reopen lead back",
        ),
        (
            put("dispatch", "filed", after="handling"),
            'dispatch leads from "filed" to "handling" (phase filed to handling), expected filed to dispatched',
        ),
        (put("refuse", "dispatched", after="draft"), 'refuse leads from "dispatched" to "draft"'),
        (
            put("file", "draft", roles=("department",)),
            "department cannot file in phase draft, expected a role",
        ),
        (put("report", "handling", roles=("system",)), "system cannot report in phase handling"),
        (
            put("accept", "dispatched", name="接令"),
            "a name in one language, expected both",
        ),
        (
            drop("call_back", "reported"),
            'from "reported" there is no way to call_back, expected one with the role system',
        ),
        (put("reopen", "callback", roles=("supervisor",)), 'from "callback" there is no way to reopen'),
        (drop("follow", "handling"), 'from "handling" there is no way to follow, expected one with'),
        (drop("overrule", "filed"), 'from "filed" there is no way to overrule, expected one with the role supervisor'),
        (drop("file", "draft"), 'from "draft" there is no way to file, expected one'),
        (drop("accept", "dispatched"), 'from "dispatched" nobody who can be there brings a ticket to closed'),
        (a_step_nobody_goes_to, 'step "waiting" is never reached from "draft", expected an edge to it'),
        (a_step_nobody_leaves, 'from "waiting" nobody who can be there brings a ticket to closed'),
    ],
)
def test_a_broken_flow_is_refused_with_the_right_sentence(broken, sentence):
    flow = six()
    broken(flow)
    found = [text for _, text in complaints(Flow.model_validate(flow))]
    assert any(text.startswith(sentence) for text in found), found


def test_a_supervisors_last_word_is_no_way_to_the_end():
    """``overrule`` starts everywhere: were it counted, nothing else would be missed."""
    flow = six()
    drop("report", "handling")(flow)
    found = [text for _, text in complaints(Flow.model_validate(flow))]
    assert [text for text in found if "brings a ticket to closed" in text], found


# --- in the city's folder ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(JINJIANG, tmp_path / "city"))


def refused(folder: Path, old: str, new: str) -> str:
    file = folder / "flows.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CityFileError) as error:
        load_city(folder)
    return error.value.message


def line_of(text: str, number: int = 1) -> int:
    """Where this line stands for the ``number``-th time."""
    lines = (JINJIANG / "flows.yaml").read_text(encoding="utf-8").splitlines()
    return [at for at, line in enumerate(lines, 1) if line == text][number - 1]


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("      reason: 来电诉求已核实，编号建档\n", "", line_of("    - before: [draft]"),
         'key "reason" is missing, expected in every flowedge'),
        ("action: dispatch", "action: despatch", line_of("      action: dispatch"), "action is \"despatch\", expected"),
        ("after: dispatched", "after: handling", line_of("      after: dispatched"), 'dispatch leads from "filed"'),
        ("key: four", "key: six", line_of("- key: four"), "key \"six\" is taken by the flow on line"),
        ("{kinds: [service]}", "{kinds: [service, emergency]}", line_of("  use: {kinds: [emergency]}"),
         'kind "emergency" is taken by the flow on line'),
        ("{kinds: [service]}", "{kinds: []}", 1, "no flow is for kind service, expected one with use"),
        ("{kinds: [service]}", "{kinds: [service], lines: [12346]}", line_of("  use: {kinds: [service]}"),
         'lines "12346" does not exist, did you mean'),
        ("{kinds: [service]}", "{kinds: [service], codes: [S99]}", line_of("  use: {kinds: [service]}"),
         'codes "S99" does not exist'),
        ("{kinds: [service]}", "{kind: [service]}", line_of("  use: {kinds: [service]}"), 'unknown key "kind", did'),
        ("callback, aside: true", "callback, asied: true",
         line_of("    - {key: callback, name: 回访, name_en: Callback, phase: callback, aside: true}"),
         'unknown key "asied", did you mean "aside"?'),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(folder: Path, old: str, new: str, line: int, sentence: str) -> None:
    message = refused(folder, old, new)
    assert any(f"flows.yaml:{line}: {sentence}" in told for told in message.splitlines()), message


def test_a_city_without_the_file_has_the_usual_flows(folder: Path) -> None:
    (folder / "flows.yaml").unlink()
    assert load_city(folder).flows == usual_flows()


def test_flows_are_written_as_they_are_read(tmp_path: Path) -> None:
    city = load_city(JINJIANG)
    write_city(city.model_copy(update={"landmarks": ()}), tmp_path / "written")
    assert load_city(tmp_path / "written").flows == city.flows
