"""Proposed models at the desk: who may see and decide, what is answered, and that callers' words stay words."""

import pytest

from tests.desk_fakes import START, Stage
from tests.loop_scene import case, model, proposed, says, weeks_of_labels
from tests.unit.conftest import SignIn
from triage.loop.gate import Answered
from triage.loop.models import version_of


@pytest.mark.parametrize("login", ["wang", "fire"])
async def test_only_supervisors_see_and_decide(stage: Stage, sign_in: SignIn, login: str) -> None:
    number = await proposed(stage)
    someone = await sign_in(login)
    for page in ("/models", "/drift"):
        assert (await someone.get(page)).status_code == 403
    reason = {"reason": "好"}
    for path in (f"proposals/{number}/promote", f"proposals/{number}/reject"):
        assert (await someone.post(f"/api/models/{path}", json=reason)).status_code == 403
    body = reason | {"version": version_of(model())}
    assert (await someone.post("/api/models/back", json=body)).status_code == 403
    lin = await sign_in("lin")
    assert (await lin.post(f"/api/models/proposals/{number}/promote", json=reason)).json() == {
        "version": version_of(model(newer=True)), "state": "promoted",
    }  # fmt: skip


async def test_what_cannot_be_done_is_said_in_the_readers_language(stage: Stage, sign_in: SignIn) -> None:
    number = await proposed(stage)
    lin = await sign_in("lin")
    path = f"/api/models/proposals/{number}"
    empty = await lin.post(f"{path}/promote", json={"reason": " "})
    assert (empty.status_code, empty.json()["message"]) == (400, "请写明理由")
    assert (await lin.post("/api/models/proposals/99/reject", json={"reason": "好"})).status_code == 400
    assert (await lin.get("/models", params={"proposal": 99})).status_code == 404
    assert (await lin.post(f"{path}/reject", json={"reason": "样本太少"})).status_code == 200
    again = await lin.post(f"{path}/promote?lang=en", json={"reason": "好"})
    assert (again.status_code, again.json()["message"]) == (
        409, "This candidate has been decided on already: reload the page",
    )  # fmt: skip
    week = await lin.get("/drift", params={"week": "last"})
    assert week.status_code == 400 and "2026-W47" in week.text


async def test_callers_words_are_words_and_every_text_has_its_english(stage: Stage, sign_in: SignIn) -> None:
    fire = case(1, "<b>着火</b>了", emergency=True, code="E101", nature="求助")
    alarm = says(alarmed=True, outcome="emergency", codes=("E101",), nature="求助")
    await proposed(stage, [Answered(fire, says(), alarm)])
    await weeks_of_labels(stage, START)
    lin = await sign_in("lin")
    page = (await lin.get("/models")).text
    assert "&lt;b&gt;着火&lt;/b&gt;了" in page and "<b>着火" not in page
    english = (await lin.get("/models", params={"lang": "en"})).text
    assert "To be decided" in english and "Emergencies missed" in english and "E101 Building fire" in english
    report = (await lin.get("/drift", params={"lang": "en"})).text
    assert "40 tickets this week, 320 in the 8 weeks before" in report


async def test_a_proposal_compared_with_another_model_offers_no_adoption(stage: Stage, sign_in: SignIn) -> None:
    number = await proposed(stage)
    lin = await sign_in("lin")
    assert 'data-test="promote"' in (await lin.get("/models")).text
    await lin.post(f"/api/models/proposals/{number}/promote", json={"reason": "好"})
    await proposed(stage)  # a restart with the former model, compared with it
    body = {"reason": "退", "version": version_of(model(newer=True))}
    assert (await lin.post("/api/models/back", json=body)).status_code == 200
    page = (await lin.get("/models")).text
    assert 'data-test="stale"' in page and 'data-test="promote"' not in page and 'data-test="reject"' in page
