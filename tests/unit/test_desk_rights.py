"""Who may what: pure tables of rights, lockout, recordings' names."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from desk.access.lockout import Lockout
from desk.access.rights import (
    Audience,
    audience_of_call,
    may_correct,
    may_decide_clocks,
    may_decide_models,
    may_hear,
    may_hear_private,
    may_see_caller,
    may_see_calls,
    may_see_ticket,
    may_see_unit,
    only,
    receives,
)
from desk.access.users import Role, User
from desk.calls.hearing import recording_file
from desk.pages import inside

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass
class Place:
    department: str
    assist: tuple[str, ...] = ()


def user(
    role: Role, extension: str | None = None, department: str | None = None, below: frozenset[str] = frozenset()
) -> User:
    return User(login="x", name="x", role=role, extension=extension, department=department, below=below)


AGENT, FIRE, LEAD = user("agent", "1001"), user("department", department="fire"), user("supervisor")
JUDGE, SENDER, GRID = user("arbiter"), user("dispatcher"), user("grid", department="village")
TOWN = user("department", department="town", below=frozenset({"village", "block"}))


@pytest.mark.parametrize(
    ("audience", "agent", "department"),
    [
        (Audience(), False, False),
        (Audience(all_desks=True), True, False),
        (Audience(desks=frozenset({"1001"})), True, False),
        (Audience(desks=frozenset({"1002"})), False, False),
        (Audience(departments=frozenset({"fire"})), False, True),
        (Audience(departments=frozenset({"urban"})), False, False),
    ],
)
def test_the_live_stream_gives_each_role_its_own(audience: Audience, agent: bool, department: bool) -> None:
    assert (receives(AGENT, audience), receives(FIRE, audience), receives(LEAD, audience)) == (agent, department, True)


def test_a_department_sees_its_tickets_and_those_it_assists() -> None:
    assert may_see_ticket(FIRE, Place("fire"))
    assert may_see_ticket(FIRE, Place("urban", ("fire",)))
    assert not may_see_ticket(FIRE, Place("urban"))
    assert not may_see_ticket(user("department"), Place(""))
    assert may_see_ticket(AGENT, Place("urban")) and may_see_ticket(LEAD, Place("urban"))


@pytest.mark.parametrize(
    ("ticket", "town", "grid", "fire", "sender"),
    [
        (Place("village"), True, True, False, True),
        (Place("block"), True, False, False, True),
        (Place("town"), True, False, False, True),
        (Place("fire", ("village",)), True, True, True, True),
        (Place("other"), False, False, False, True),
        (Place(""), False, False, False, True),
    ],
)
def test_who_sees_which_ticket(ticket: Place, town: bool, grid: bool, fire: bool, sender: bool) -> None:
    assert [may_see_ticket(who, ticket) for who in (TOWN, GRID, FIRE, SENDER)] == [town, grid, fire, sender]
    assert [may_hear(who, only("1001"), ticket) for who in (TOWN, GRID, FIRE, SENDER)] == [town, False, fire, sender]


@pytest.mark.parametrize(
    ("who", "units", "calls", "clocks", "numbers"),
    [
        (AGENT, True, True, False, True), (LEAD, True, True, True, True), (JUDGE, True, True, True, False),
        (SENDER, True, False, False, False), (FIRE, False, False, False, False), (GRID, False, False, False, False),
    ],
    ids=lambda value: value.role if isinstance(value, User) else str(value),
)  # fmt: skip
def test_what_each_role_may(who: User, units: bool, calls: bool, clocks: bool, numbers: bool) -> None:
    assert may_see_unit(who, "urban") == units
    assert may_see_calls(who) == calls
    assert may_decide_clocks(who) == clocks
    assert may_see_caller(who, only("1001")) == numbers
    assert (may_correct(who), may_decide_models(who)) == (who is LEAD, who is LEAD)
    assert may_hear_private(who) == (who is LEAD)


def test_units_of_ones_own_and_what_they_do() -> None:
    assert may_see_unit(TOWN, "village") and may_see_unit(GRID, "village") and not may_see_unit(GRID, "town")
    told = audience_of_call("UnitChanged", {"department": "village"})
    assert told is not None
    assert [receives(who, told) for who in (SENDER, TOWN, GRID, FIRE, JUDGE)] == [True, True, True, False, False]
    of_ticket = Audience(departments=frozenset({"town"}), arbiters=True)
    assert [receives(who, of_ticket) for who in (SENDER, TOWN, GRID, FIRE, JUDGE)] == [True, True, False, False, True]
    assert not receives(SENDER, Audience(all_desks=True))


def test_a_recording_is_for_supervisor_own_call_taker_and_the_tickets_department() -> None:
    assert may_hear(LEAD, only(None), None)
    assert may_hear(AGENT, only("1001"), None)
    assert not may_hear(AGENT, only("1002"), Place("fire"))
    assert not may_hear(user("agent"), only(""), Place("fire"))
    assert may_hear(FIRE, only("1001"), Place("fire"))
    assert not may_hear(FIRE, only("1001"), Place("urban")) and not may_hear(FIRE, only("1001"), None)


def test_callers_numbers_are_for_the_desk_that_has_the_call() -> None:
    assert may_see_caller(AGENT, only("1001")) and may_see_caller(LEAD, only(""))
    assert not may_see_caller(AGENT, only("1002")) and not may_see_caller(AGENT, only(""))
    assert not may_see_caller(FIRE, only("1001"))


def test_every_desk_that_rings_counts_as_having_the_call() -> None:
    ringing = frozenset({"1001", "1002"})
    for extension in sorted(ringing):
        assert may_hear(user("agent", extension), ringing, None) and may_see_caller(user("agent", extension), ringing)
    assert not may_hear(user("agent", "1003"), ringing, None) and not may_see_caller(user("agent", "1003"), ringing)


def test_five_wrong_passwords_lock_this_login_from_this_address_for_a_while() -> None:
    lockout = Lockout(limit=5, pause=timedelta(minutes=5))
    assert [lockout.begin("wang", "10.0.0.9", NOW) for _ in range(7)] == [True] * 5 + [False] * 2
    assert lockout.begin("wang", "10.0.0.10", NOW), "another address waits for nobody"
    assert not lockout.begin("wang", "10.0.0.9", NOW + timedelta(seconds=299))
    later = NOW + timedelta(minutes=5)
    assert [lockout.begin("wang", "10.0.0.9", later) for _ in range(6)] == [True] * 5 + [False]
    lockout.succeeded("wang", "10.0.0.9")
    assert lockout.begin("wang", "10.0.0.9", later)


def test_the_lockout_remembers_a_bounded_number_of_guessers() -> None:
    lockout = Lockout(limit=1, room=3)
    for number in range(10):
        assert lockout.begin("wang", f"10.0.0.{number}", NOW)
    assert [n for n in reversed(range(10)) if not lockout.begin("wang", f"10.0.0.{n}", NOW)] == [9, 8, 7]


def test_a_recordings_name_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "monitor"
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"x")
    (folder / "link.wav").symlink_to(tmp_path / "secret")
    assert recording_file(folder, "a.wav") == (folder / "a.wav").resolve()
    for name in ("", "../secret", str(tmp_path / "secret"), "link.wav", "b.wav", ".", "a\0.wav"):
        assert recording_file(folder, name) is None


@pytest.mark.parametrize(
    "path", ["", "https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere", "desk", "/a\nb"]
)
def test_signing_in_never_leads_to_another_site(path: str) -> None:
    assert inside(path) == ""


def test_signing_in_leads_back_to_the_page_that_was_asked_for() -> None:
    assert inside("/tickets/JJ1?lang=en") == "/tickets/JJ1?lang=en"


def test_a_try_that_nobody_looked_at_counts_for_nothing() -> None:
    lockout, now = Lockout(limit=2, pause=timedelta(minutes=5)), datetime(2026, 11, 20, tzinfo=UTC)
    for _ in range(5):
        assert lockout.begin("wang", "here", now)
        lockout.unheard("wang", "here")
    assert lockout.begin("wang", "here", now) and lockout.begin("wang", "here", now)
    assert not lockout.begin("wang", "here", now), "and what was looked at counts"
    lockout.unheard("wang", "here")
    assert lockout.begin("wang", "here", now) and not lockout.begin("wang", "here", now)
    lockout.unheard("nobody", "here")
