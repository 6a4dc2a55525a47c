"""Flows: the three that are shipped, which tickets go them, what a table allows, and what a history proves."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ticket_support import CITY

from core.city_flowchecks import BACK, NEEDED, can_be_there, complaints
from core.city_flows import PHASES, FlowAction, FlowRole, FlowUse, Phase, usual_flows
from core.errors import NotAllowed
from ticketing.flows.diagram import refreshed
from ticketing.flows.table import Flows, FlowTable, replay
from ticketing.states import ACTION_NAMES, STATE_NAMES

FLOWS = Flows(CITY)
ROLES = get_args(FlowRole)
shipped = pytest.mark.parametrize("flow", usual_flows(), ids=lambda flow: flow.key)


@dataclass(frozen=True)
class Row:
    """A history row as :func:`replay` reads it."""

    action: str
    before: Phase | None
    after: Phase
    flow: str
    step_before: str
    step_after: str


@dataclass
class Standing:
    """A ticket as :meth:`Flows.place` reads it."""

    flow: str
    step: str
    state: Phase
    line: str = "12345"
    code: str = ""
    is_emergency: bool = False


def test_docs_show_the_flows_as_they_are():
    page = Path(__file__).parents[2] / "docs" / "tickets.md"
    text = page.read_text(encoding="utf-8")
    assert text.count("stateDiagram-v2") == len(usual_flows())
    assert text == refreshed(text), "run: python -m ticketing.flows.diagram docs/tickets.md"


@shipped
def test_each_shipped_flow_passes_the_checks(flow):
    assert complaints(flow) == []


def test_the_shipped_flows_have_the_steps_that_they_are_known_by():
    known = {flow.key: [step.name for step in flow.steps if not step.aside] for flow in usual_flows()}
    assert known == {
        "six": ["问题上报", "案卷建立", "任务指派", "调查落实", "反馈结果", "结案归档"],
        "four": ["发现受理", "指挥派遣", "任务处理", "反馈核查", "结案"],
        "emergency": ["接警", "派警", "出动", "到场", "处置", "反馈", "结案"],
    }


def test_every_phase_and_every_action_has_a_name():
    assert set(STATE_NAMES) == set(get_args(Phase))
    assert set(ACTION_NAMES) == set(get_args(FlowAction))


def test_step_names_step_or_role_that_forbids_it():
    six = FLOWS.of("six")
    assert six.step("dispatched", "refuse", "department").key == "filed"
    with pytest.raises(NotAllowed, match="调查落实 × 立案"):
        six.step("handling", "file", "agent")
    with pytest.raises(NotAllowed, match="岗位"):
        six.step("dispatched", "accept", "agent")


def test_ways_are_the_buttons_of_a_role():
    def actions(flow: str, step: str, role: FlowRole) -> list[str]:
        return [edge.action for edge in FLOWS.of(flow).ways(step, role)]

    assert actions("six", "draft", "agent") == ["file", "answer"]
    assert actions("six", "dispatched", "department") == ["accept", "refuse"]
    assert actions("six", "closed", "supervisor") == []
    assert actions("emergency", "dispatched", "department") == ["accept", "depart", "arrive", "refuse"]
    assert actions("emergency", "arrived", "department") == ["handle", "report"]


# --- which flow -------------------------------------------------------------------------------------------------


def uses(**given: FlowUse) -> Flows:
    flows = tuple(flow.model_copy(update={"use": given.get(flow.key, flow.use)}) for flow in usual_flows())
    return Flows(CITY.model_copy(update={"flows": flows}))


def test_emergencies_go_one_way_and_all_else_another():
    assert FLOWS.chosen("12345", "", False).key == "six"
    assert FLOWS.chosen("12345", "", True).key == "emergency"
    assert FLOWS.chosen("119", "E101", True).key == "emergency"
    assert FLOWS.chosen("119", "", False).key == "six", "a call taker has taken the mark off"


def test_a_category_goes_before_its_class_and_that_before_the_line():
    flows = uses(four=FlowUse(lines=("85680000",), codes=("S0108",)), six=FlowUse(kinds=("service",), codes=("S01",)))
    assert flows.chosen("12345", "S0108", False).key == "four"
    assert flows.chosen("85680000", "S0104", False).key == "six"
    assert flows.chosen("85680000", "", False).key == "four"
    assert flows.chosen("12345", "", False).key == "six"


def test_an_emergency_on_a_service_line_or_of_a_service_category_goes_the_way_of_emergencies():
    flows = uses(four=FlowUse(lines=("12345",), codes=("S0104",)))
    assert flows.chosen("12345", "S0104", False).key == "four"
    assert flows.chosen("12345", "S0104", True).key == "emergency"


def test_a_ticket_that_its_flow_no_longer_knows_stands_at_the_first_step_of_its_phase():
    for flow, step in (("", ""), ("gone", "somewhere"), ("emergency", "gone"), ("emergency", "closed")):
        table, standing = FLOWS.place(Standing(flow, step, "handling", line="119", is_emergency=True))
        assert (table.key, standing.key) == ("emergency", "accepted")
    assert FLOWS.place(Standing("emergency", "arrived", "handling"))[1].name == "到场"


# --- histories --------------------------------------------------------------------------------------------------

BEGUN = Row("draft", None, "draft", "six", "", "draft")
FILED = Row("file", "draft", "filed", "six", "draft", "filed")


def test_edits_do_not_move():
    edited = Row("edit", "draft", "draft", "six", "draft", "draft")
    assert replay([BEGUN, edited, FILED], FLOWS).step == "filed"


def test_another_flow_is_entered_by_the_phase():
    raised = Row("flow", "draft", "draft", "emergency", "draft", "draft")
    taken = Row("file", "draft", "filed", "emergency", "draft", "filed")
    assert replay([BEGUN, raised, taken], FLOWS).flow == "emergency"


def test_a_history_from_before_there_were_flows_goes_on_in_one():
    old = [Row("draft", None, "draft", "", "", ""), Row("file", "draft", "filed", "", "", "")]
    assert replay(old, FLOWS).phase == "filed"
    entered = Row("flow", "filed", "filed", "six", "", "filed")
    sent = Row("dispatch", "filed", "dispatched", "six", "filed", "dispatched")
    assert replay([*old, entered, sent], FLOWS).step == "dispatched"
    with pytest.raises(ValueError, match="a flow was left"):
        replay([*old, entered, Row("dispatch", "filed", "dispatched", "", "", "")], FLOWS)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [FILED],
        [Row("draft", None, "filed", "six", "", "filed")],
        [BEGUN, Row("dispatch", "filed", "dispatched", "six", "filed", "dispatched")],
        [BEGUN, Row("accept", "draft", "handling", "six", "draft", "handling")],
        [BEGUN, Row("file", "draft", "filed", "emergency", "draft", "filed")],
        [BEGUN, Row("file", "draft", "filed", "gone", "draft", "filed")],
        [BEGUN, Row("edit", "draft", "filed", "six", "draft", "filed")],
        [BEGUN, Row("flow", "draft", "filed", "emergency", "draft", "filed")],
        [BEGUN, FILED, Row("edit", "filed", "filed", "six", "draft", "filed")],
    ],
)
def test_a_broken_history_does_not_replay(rows):
    with pytest.raises(ValueError, match="history"):
        replay(rows, FLOWS)


# --- whoever does whatever --------------------------------------------------------------------------------------


def walk(flow: FlowTable, wishes: list[tuple[FlowAction, FlowRole]]) -> Iterator[Row]:
    """The history of a ticket of which these roles want these things, one after the other."""
    yield Row("draft", None, flow.first.phase, flow.key, "", flow.first.key)
    now = flow.first
    for action, role in wishes:
        try:
            after = flow.step(now.key, action, role)
        except NotAllowed:
            continue
        yield Row(action, now.phase, after.phase, flow.key, now.key, after.key)
        now = after


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(["six", "four", "emergency"]), st.data())
def test_random_walks_never_leave_the_table_nor_go_back(key, data):
    flow, rows = FLOWS.of(key), []
    # Half of the wishes are such as the flow allows somewhere, or a walk would seldom get far.
    likely = st.sampled_from([(edge.action, role) for edge in flow.edges for role in edge.roles])
    anything = st.tuples(st.sampled_from(get_args(FlowAction)), st.sampled_from(ROLES))
    rows = list(walk(flow, data.draw(st.lists(likely | anything, max_size=60))))
    told = replay(rows, FLOWS)
    assert (told.flow, told.step, told.phase) == (key, rows[-1].step_after, rows[-1].after)
    for row in rows[1:]:
        edge = flow.edge(row.step_before, row.action)
        assert edge is not None
        assert edge.after == row.step_after
        assert row.action in BACK or PHASES.index(row.before) <= PHASES.index(row.after)


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(["six", "four", "emergency"]), st.data())
def test_wherever_a_walk_has_led_people_and_software_can_bring_it_to_its_end(key, data):
    flow = FLOWS.of(key)
    wishes = st.sampled_from([(edge.action, role) for edge in flow.edges for role in edge.roles])
    *_, last = walk(flow, data.draw(st.lists(wishes, max_size=40)))
    onward = [e for e in flow.edges if e.action not in ("overrule", "follow", "reopen", "refuse")]
    step = last.step_after
    for _ in range(len(flow.steps)):
        if flow.steps[step].phase == "closed":
            break
        phase = flow.steps[step].phase
        step = next(
            e.after for e in onward if e.before == step and any(can_be_there(r, phase, e.action) for r in e.roles)
        )
    assert flow.steps[step].phase == "closed"


@shipped
def test_what_the_machinery_does_by_itself_every_step_allows(flow):
    table = FlowTable(flow)
    for step in table.steps.values():
        for phase, action, role in NEEDED:
            if step.phase == phase:
                edge = table.edge(step.key, action)
                assert edge is not None
                assert role is None or role in edge.roles
