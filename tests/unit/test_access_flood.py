"""Guesses and floods at the sign-in page: what they cost, and whom they do not keep out."""

import asyncio
import threading
from datetime import timedelta

import httpx
import pytest

from core.clock import ManualClock
from desk.access import hashing, users
from desk.access.hashing import Crowded, Lane
from desk.access.known import KNOWN_COOKIE, PEOPLE, browser_of, with_login
from desk.pages import LONGEST, inside
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import until
from tests.unit.conftest import SignIn

WRONG = {"login": "wang", "password": "not it"}
RIGHT = {"login": "wang", "password": PASSWORD}


async def test_a_lane_does_so_much_at_once_and_has_room_for_so_many() -> None:
    lane, go = Lane("test", threads=2, most=3), threading.Event()
    working: list[int] = []

    def work(number: int) -> int:
        working.append(number)
        go.wait()
        return number

    tasks = [asyncio.create_task(lane.run(work, number)) for number in range(5)]
    await until(lambda: len(working) == 2, "two are at work")
    with pytest.raises(Crowded):
        await lane.run(work, 9)
    assert (sorted(working), lane.inside) == ([0, 1], 5)
    go.set()
    assert await asyncio.gather(*tasks) == [0, 1, 2, 3, 4] and lane.inside == 0
    assert await lane.run(work, 6) == 6


def test_a_browser_proves_who_signed_in_there_and_nobody_else() -> None:
    cookie = with_login("secret", "", "wang")
    number = browser_of("secret", cookie, "wang")
    assert len(number) >= 20 and browser_of("secret", cookie, "chen") == ""
    both = with_login("secret", cookie, "chen")
    assert browser_of("secret", both, "wang") == browser_of("secret", both, "chen") == number
    # Made up, of another site, of another browser, another login put in.
    other = with_login("secret", "", "wang").split("!")[0]
    for forged in (
        "",
        "x",
        "!",
        f"{number}!wang:",
        cookie.replace("wang", "chen"),
        cookie.replace(number, other),
        "!wang:é",
    ):
        assert browser_of("secret", forged, "wang") == browser_of("secret", forged, "chen") == "", forged
    assert browser_of("another", cookie, "wang") == ""
    for each in range(PEOPLE):
        both = with_login("secret", both, f"agent!{each}")
    assert browser_of("secret", both, "wang") == "" and browser_of("secret", both, "agent!0") == number


async def test_who_guesses_at_the_same_address_locks_nobody_out_of_their_own_browser(
    stage: Stage, sign_in: SignIn
) -> None:
    own, guesser = await sign_in("wang"), await sign_in("chen")
    assert KNOWN_COOKIE in own.cookies
    for _ in range(5):
        assert (await guesser.post("/api/login", json=WRONG)).status_code == 401
    refused = await guesser.post("/api/login", json=RIGHT)
    assert (refused.status_code, refused.json()["message"]) == (401, "密码错误次数过多，请几分钟后再试")
    assert (await own.post("/api/login", json=RIGHT)).status_code == 200
    # And five tries are five there, too.
    answers = [await own.post("/api/login", json=WRONG) for _ in range(6)]
    assert [answer.json()["message"][:4] for answer in answers] == ["用户名或"] * 5 + ["密码错误"]
    assert (await own.post("/api/login", json=RIGHT)).status_code == 401


async def test_a_centre_behind_one_address_signs_in_and_a_flood_from_it_is_stopped(
    stage: Stage, sign_in: SignIn
) -> None:
    async def tries(client: httpx.AsyncClient, login: str, count: int) -> list[int]:
        bodies = [{"login": f"{login}{number}", "password": "guess"} for number in range(count)]
        return [(await client.post("/api/login", json=body)).status_code for body in bodies]

    for _ in range(150):
        assert (await (await sign_in("")).post("/api/login", json=RIGHT)).status_code == 200
    own, flood = await sign_in("wang"), await sign_in("")
    assert await tries(flood, "a", 125) == [401] * 120 + [429] * 5
    page = await flood.post("/login", data={"login": "b", "password": "guess"})
    assert page.status_code == 429 and "登录人数过多" in page.text
    assert (await own.post("/api/login", json=RIGHT)).status_code == 200
    assert isinstance(stage.clock, ManualClock)
    stage.clock.advance(timedelta(minutes=2).total_seconds())
    assert await tries(flood, "c", 1) == [401]


async def test_while_strangers_fill_their_lane_a_known_browser_gets_in(
    stage: Stage, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = await sign_in("wang")
    lane, go, begun = Lane("test", threads=1, most=2), threading.Event(), threading.Event()
    monkeypatch.setattr("desk.access.auth.STRANGERS", lane)
    verify = users._hasher.verify

    def slow(password: str, known: str) -> bool:
        if password == "guess":
            begun.set()
            go.wait()
        return verify(password, known)

    monkeypatch.setattr(users._hasher, "verify", slow)
    strangers = [await sign_in("") for _ in range(4)]
    guess = {"login": "wang", "password": "guess"}
    waiting = [asyncio.create_task(client.post("/api/login", json=guess)) for client in strangers[:3]]
    await until(lambda: lane.inside == 3 and begun.is_set(), "the lane is full")
    try:
        for _ in range(7):
            assert (await strangers[3].post("/api/login", json=RIGHT)).status_code == 429
        assert (await own.post("/api/login", json=RIGHT)).status_code == 200
    finally:
        go.set()
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [401] * 3
    # Who was sent away unheard had no try.
    assert (await strangers[3].post("/api/login", json=RIGHT)).status_code == 200


def test_the_lanes_of_the_house_are_narrow() -> None:
    assert hashing.STRANGERS._pool._max_workers == 1 and hashing.KNOWN._pool._max_workers == 2


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/desk", True), ("/tickets/JJ1?part=1#x", True), ("/api/docs", True), ("/" + "x" * (LONGEST - 1), True),
        ("/" + "x" * LONGEST, False), ("desk", False), ("//elsewhere.test", False), ("/\\elsewhere.test", False),
        ("https://elsewhere.test", False), ("/a\r\nSet-Cookie: x=y", False), ("/\tx", False), ("", False),
        ("/login?next=/login", False), ("/logout", False), ("/api/tickets", False), ("/live", False),
    ],
)  # fmt: skip
def test_where_somebody_goes_on_after_signing_in(path: str, taken: bool) -> None:
    assert inside(path) == (path if taken else "")


async def test_a_long_or_foreign_address_does_not_stop_a_sign_in(sign_in: SignIn) -> None:
    client = await sign_in("")
    for next in ("https://elsewhere.test", "/" + "x" * 1500):
        page = await client.get("/login", params={"next": next})
        assert page.status_code == 200 and next not in page.text
        answer = await client.post("/login", data={**RIGHT, "next": next})
        assert (answer.status_code, answer.headers["location"]) == (303, "/desk")
    assert (await (await sign_in("")).post("/login", data={**RIGHT, "next": "/" * 2001})).status_code == 422
    stranger = await sign_in("")
    assert (await stranger.get("/tickets/a&b=c")).headers["location"] == "/login?next=/tickets/a%26b%3Dc"
    assert (await stranger.get("/tickets/" + "x" * 600)).headers["location"] == "/login"


async def test_whom_the_crowd_keeps_out_has_not_guessed(
    stage: Stage, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await sign_in("")

    async def crowded(*_: object) -> None:
        raise Crowded

    with monkeypatch.context() as patched:
        patched.setattr(users.Users, "verify", crowded)
        for _ in range(12):
            assert (await client.post("/api/login", json=RIGHT)).status_code == 429
    assert (await client.post("/api/login", json=RIGHT)).status_code == 200
