"""Which departments the call taker's form proposes, and why."""

import pytest

from tests.desk_fakes import CITY, FIRE, NOISE, Stage
from tests.unit.conftest import SignIn
from ticketing.assign.proposed import Matter, proposed
from ticketing.repository import TicketRepository

#: A second kind of noise that is the call centre's own.
OTHER = CITY.taxonomy[1].model_copy(update={
    "categories": (*CITY.taxonomy[1].categories, CITY.taxonomy[1].categories[0].model_copy(
        update={"code": "S103", "department": "centre"})),
})  # fmt: skip
TWO = CITY.model_copy(update={"taxonomy": (CITY.taxonomy[0], OTHER)})


@pytest.mark.parametrize(
    ("matter", "main"),
    [
        # Another likely category's department stands behind the category's own, before the line's.
        (
            Matter(code="S101", likely=["S103"], line="119"),
            [("urban", ("category",)), ("centre", ("likely",)), ("fire", ("line",))],
        ),
        # The same department again says nothing new.
        (Matter(code="S101", likely=["S102"]), [("urban", ("category",))]),
        (Matter(likely=["S103", "S101"]), [("centre", ("likely",)), ("urban", ("likely",))]),
        (Matter(code="S101", likely=["X"]), [("urban", ("category",))]),
    ],
)
def test_another_likely_category_names_a_second_department(matter: Matter, main: list[object]) -> None:
    assert [(one.department, one.reasons) for one in proposed(TWO, matter)] == main


async def test_the_form_is_told_two_departments_and_who_assists(stage: Stage, sign_in: SignIn) -> None:
    wang = await sign_in("wang")
    await stage.city.arrive("c-1", "119", "13800001234")
    await stage.city.answer("c-1", "1001")
    await stage.city.judge("c-1", FIRE)
    async with stage.services.database.read() as session:
        ticket = await TicketRepository(session).by_call("c-1")
    assert ticket
    path = f"/api/tickets/{ticket.id}/departments"
    assert (await wang.get(path)).json() == [
        {"key": "fire", "name": "消防救援大队", "part": "main", "reasons": ["类别对应 · 建筑火灾", "来话热线 119"]},
        {"key": "medical", "name": "急救中心", "part": "assist", "reasons": ["类别协办"]},
    ]
    # What stands in the ticket is no reason: who chose another still sees what speaks for the first.
    await stage.city.judge("c-1", NOISE)
    edit = {"fields": {"code": "S101", "department": "medical"}, "version": 99}
    assert (await wang.post(f"/api/tickets/{ticket.id}", json=edit)).status_code == 200
    now = (await wang.get(path)).json()
    assert [(one["key"], one["part"]) for one in now] == [("urban", "main"), ("fire", "main")]
    # Not told to a department whose ticket it is not.
    assert (await (await sign_in("urban")).get(path)).status_code == 404
    assert (await wang.get("/api/tickets/none/departments")).status_code == 404
