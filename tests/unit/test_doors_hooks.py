"""Messages to other systems: signed, in order, again after failures, never inside; nothing is lost by a kill."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from core.errors import HeyiError
from telephony.ledger import CallRow
from tests.eventually import PATIENCE_S
from tests.unit.doors_support import Receiver, doors
from tests.unit.ticket_support import AGENT, CHIEF, FIRE, Room
from ticketing.doors import hooks, signing
from ticketing.doors.deliver import AT_ONCE_EACH, FIRST_S, HELD, LONGEST_S, TRIES, Deliverer, wait
from ticketing.doors.outward import Answer, Blocked, Sender, judge, networks, target
from ticketing.doors.room import Doors
from ticketing.doors.tables import Delivery, Hook
from ticketing.doors.topics import TOPICS

INSIDE = networks("127.0.0.1")
EIDO = Draft202012Validator(json.loads((Path(__file__).parent / "schemas" / "eido.json").read_text(encoding="utf-8")))


class Scene:
    """Doors, a receiver, and what delivers to it."""

    def __init__(self, room: Room, made: Doors, receiver: Receiver) -> None:
        self.room, self.doors, self.receiver = room, made, receiver
        self.sender = Sender(INSIDE)
        self.deliverer = self.another()

    def another(self) -> Deliverer:
        return Deliverer(self.room.database, self.doors.hooks, self.sender, self.room.clock, dice=lambda: 1.0)

    async def subscribe(self, *topics: str, personal: bool = False) -> Hook:
        url = f"http://127.0.0.1:{self.receiver.port}/in?a=1"
        return await self.doors.hooks.add("指挥中心", url, topics or TOPICS, "lin", personal=personal)

    async def pump(self, rounds: int = 1) -> None:
        for _ in range(rounds):
            while await self.deliverer.tick():
                await self.deliverer.settle()

    async def rows(self) -> list[Delivery]:
        async with self.room.database.read() as session:
            return list(await hooks.deliveries(session))[::-1]

    def told(self) -> list[tuple[str, str]]:
        """Topic and number or step of what was received."""
        bodies = [json.loads(body) for _, body in self.receiver.got]
        return [(b["topic"], b["data"].get("event", {}).get("after", "")) for b in bodies]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with doors(tmp_path) as (room, made, _judge), Receiver().open() as receiver:
        opened = Scene(room, made, receiver)
        yield opened
        await opened.sender.close()


async def test_a_receiver_can_prove_what_it_is_sent(scene: Scene) -> None:
    hook = await scene.subscribe("ticket.created")
    await scene.room.drafted()
    await scene.pump()
    headers, body = scene.receiver.got[0]
    (secret,) = scene.doors.hooks.secrets(hook, scene.room.clock.now())
    assert signing.verified(secret, headers, body) == (headers["webhook-id"], scene.room.clock.now())
    assert headers["path"] == "/in?a=1" and headers["host"] == f"127.0.0.1:{scene.receiver.port}"
    for changed in (body + b" ", body.replace(b"12345", b"12346")):
        assert signing.verified(secret, headers, changed) is None
    for name, value in (("webhook-id", "x"), ("webhook-timestamp", "1"), ("webhook-signature", "v1,AAAA")):
        assert signing.verified(secret, {**headers, name: value}, body) is None
    assert signing.verified("whsec_AAAA", headers, body) is None
    assert json.loads(body)["data"]["ticket"]["number"].startswith("JJ")


def test_signatures_are_those_of_the_standard() -> None:
    """The example that Standard Webhooks' own libraries test with."""
    at = datetime.fromtimestamp(1614265330, UTC)
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = signing.sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_who_the_caller_is_only_those_learn_who_may(scene: Scene) -> None:
    await scene.subscribe("ticket.created")
    await scene.subscribe("ticket.created", personal=True)
    await scene.room.drafted(caller="13800138000")
    await scene.pump(3)
    bodies = [body for _, body in scene.receiver.got]
    assert sorted(b"13800138000" in body for body in bodies) == [False, True]


async def test_a_tickets_messages_keep_their_order_also_when_one_must_be_tried_again(scene: Scene) -> None:
    await scene.subscribe("ticket.moved", "ticket.closed")
    scene.receiver.statuses = [500, 503, 200]
    await scene.room.reported()
    await scene.pump()
    assert len(scene.receiver.got) == 1  # the first failed: the others wait behind it
    scene.room.clock.advance(FIRST_S)
    await scene.pump()
    scene.room.clock.advance(3 * FIRST_S)
    await scene.pump()
    steps = [after for _, after in scene.told()]
    assert steps[:3] == ["filed"] * 3 and steps[2:] == ["filed", "dispatched", "handling", "reported", "callback"]
    assert len({headers["webhook-id"] for headers, _ in scene.receiver.got}) == 5
    assert [row.attempts for row in await scene.rows()] == [3, 1, 1, 1, 1]


async def test_what_fails_for_hours_is_a_dead_letter_that_a_person_sends_again(scene: Scene) -> None:
    await scene.subscribe("ticket.created")
    scene.receiver.statuses = [500]
    await scene.room.drafted("1.1")
    for _ in range(TRIES):
        await scene.pump()
        scene.room.clock.advance(LONGEST_S)
    (dead,) = await scene.rows()
    assert (dead.state, dead.attempts, dead.status, len(scene.receiver.got)) == ("dead", TRIES, 500, TRIES)
    scene.room.clock.advance(86400)
    await scene.pump()
    assert len(scene.receiver.got) == TRIES
    # What comes later is not held up by it.
    scene.receiver.statuses = [200]
    await scene.room.drafted("1.2")
    await scene.pump()
    assert len(scene.receiver.got) == TRIES + 1
    assert await scene.doors.hooks.replay(delivery_id=dead.id) == 1
    assert await scene.doors.hooks.replay(delivery_id=dead.id) == 0
    await scene.pump()
    assert [row.state for row in await scene.rows()] == ["done", "done"]
    assert scene.receiver.got[-1][0]["webhook-id"] == scene.receiver.got[0][0]["webhook-id"]


async def test_a_dead_letter_leaves_a_gap_in_the_count_and_comes_back_into_it(scene: Scene) -> None:
    await scene.subscribe("ticket.moved")
    ticket = await scene.room.reported()
    other = await scene.room.drafted("1.2")
    await scene.room.tickets.submit(other.id, AGENT, {"code": "S0104"})
    scene.receiver.statuses = [410, 200]
    await scene.pump()
    counted = [json.loads(body)["sequence"] for _, body in scene.receiver.got if ticket.number.encode() in body]
    assert counted == [1, 2, 3, 4, 5], "the first was refused for good: the others went on behind it"
    dead = next(row for row in await scene.rows() if row.state == "dead")
    assert (dead.sequence, [row.sequence for row in await scene.rows()]) == (1, [1, 2, 3, 4, 5, 1, 2])
    scene.receiver.got.clear()
    scene.receiver.statuses = [503, 200]
    # What is sent again goes before what waits of its ticket, and holds it up as any other does.
    await scene.doors.hooks.replay(delivery_id=dead.id)
    await scene.room.key(await scene.room.dial(10), "1")
    await scene.pump()
    assert [json.loads(body)["sequence"] for _, body in scene.receiver.got] == [1]
    scene.room.clock.advance(FIRST_S)
    await scene.pump()
    assert [json.loads(body)["sequence"] for _, body in scene.receiver.got] == [1, 1, 6]


async def test_the_count_goes_on_when_what_was_delivered_is_cleared_away(scene: Scene) -> None:
    await scene.subscribe("ticket.moved")
    ticket = await scene.room.reported()
    await scene.pump()
    scene.room.clock.advance(31 * 86400)
    await scene.pump()
    assert await scene.rows() == []
    await scene.room.tickets.close(ticket.id, CHIEF, "办结")
    await scene.pump()
    assert json.loads(scene.receiver.got[-1][1])["sequence"] == 6


async def test_a_receiver_that_is_gone_for_good_is_not_asked_again(scene: Scene) -> None:
    await scene.subscribe("ticket.created")
    scene.receiver.statuses = [410]
    await scene.room.drafted()
    await scene.pump()
    assert [(row.state, row.attempts) for row in await scene.rows()] == [("dead", 1)]


async def test_redirects_are_not_followed(scene: Scene) -> None:
    await scene.subscribe("ticket.created")
    scene.receiver.statuses = [302]
    await scene.room.drafted()
    await scene.pump()
    assert [(row.state, row.error) for row in await scene.rows()] == [("waiting", "不跟随重定向")]


async def test_killed_at_any_moment_nothing_is_lost_and_nothing_queued_twice(scene: Scene) -> None:
    await scene.subscribe("ticket.created", "ticket.moved")
    # Killed while the message is on its way: the receiver has it, nobody wrote that down.
    scene.receiver.hang = True
    await scene.room.drafted("1.1")
    await scene.deliverer.tick()
    await scene.receiver.arrived.wait()
    for task in list(scene.deliverer._running):
        task.cancel()
    await scene.deliverer.settle()
    # Killed before anything was queued: events that nobody looked at.
    await scene.room.drafted("1.2")
    scene.receiver.hang = False
    scene.deliverer = scene.another()
    await scene.pump()
    # The one that was held waits until the hold has run out, and then goes out once more under the same id.
    assert [row.state for row in await scene.rows()] == ["waiting", "done"]
    scene.room.clock.advance(HELD.total_seconds())
    await scene.pump()
    assert [row.state for row in await scene.rows()] == ["done", "done"]
    ids = [headers["webhook-id"] for headers, _ in scene.receiver.got]
    assert ids[0] == ids[2] and len(set(ids)) == 2


async def test_killed_while_it_queues_the_whole_step_is_undone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = await scene.subscribe("ticket.created")
    await scene.room.drafted("1.1")
    await scene.room.drafted("1.2")
    queue, seen = scene.doors.hooks._queue, []

    async def killed(work, one, rows):  # type: ignore[no-untyped-def]
        seen.append(await queue(work, one, rows))
        raise KeyboardInterrupt

    monkeypatch.setattr(scene.doors.hooks, "_queue", killed)
    with pytest.raises(KeyboardInterrupt):
        await scene.doors.hooks.collect()
    monkeypatch.undo()
    assert seen == [2] and await scene.rows() == []
    async with scene.room.database.read() as session:
        again = await session.get(Hook, hook.id)
        assert again is not None and again.seq == hook.seq
    await scene.pump()
    assert len(scene.receiver.got) == 2


async def test_two_processes_send_each_message_once(scene: Scene) -> None:
    await scene.subscribe("ticket.created")
    for number in range(6):
        await scene.room.drafted(f"1.{number}")
    scene_two = scene.another()
    for _ in range(8):
        await asyncio.gather(scene.deliverer.tick(), scene_two.tick())
        await asyncio.gather(scene.deliverer.settle(), scene_two.settle())
    assert len(scene.receiver.got) == 6 == len({headers["webhook-id"] for headers, _ in scene.receiver.got})


async def test_a_slow_receiver_takes_no_more_than_its_share(scene: Scene) -> None:
    await scene.subscribe("ticket.created")
    scene.receiver.hang = True
    for number in range(5):
        await scene.room.drafted(f"1.{number}")
    assert await scene.deliverer.tick() == AT_ONCE_EACH
    assert await scene.deliverer.tick() == 0
    for task in list(scene.deliverer._running):
        task.cancel()
    await scene.deliverer.settle()


async def test_paused_it_waits_and_removed_it_ends(scene: Scene) -> None:
    hook = await scene.subscribe("ticket.created")
    await scene.doors.hooks.pause(hook.id, True)
    await scene.room.drafted("1.1")
    await scene.pump()
    assert scene.receiver.got == []
    await scene.doors.hooks.pause(hook.id, False)
    await scene.pump()
    assert len(scene.receiver.got) == 1
    await scene.doors.hooks.remove(hook.id)
    await scene.room.drafted("1.2")
    await scene.pump()
    assert len(scene.receiver.got) == 1
    with pytest.raises(HeyiError):
        await scene.doors.hooks.ping(hook.id)


async def test_while_a_secret_changes_both_sign(scene: Scene) -> None:
    hook = await scene.subscribe("ticket.created")
    (old,) = scene.doors.hooks.secrets(hook, scene.room.clock.now())
    hook = await scene.doors.hooks.rotate(hook.id)
    new = scene.doors.hooks.secrets(hook, scene.room.clock.now())[0]
    await scene.room.drafted("1.1")
    await scene.pump()
    headers, body = scene.receiver.got[0]
    assert new != old and signing.verified(old, headers, body) and signing.verified(new, headers, body)
    scene.room.clock.advance(86401)
    await scene.room.drafted("1.2")
    await scene.pump()
    headers, body = scene.receiver.got[1]
    assert not signing.verified(old, headers, body) and signing.verified(new, headers, body)


async def test_nobody_is_told_of_what_was_before(scene: Scene) -> None:
    await scene.room.drafted("1.1")
    await scene.subscribe("ticket.created")
    await scene.pump()
    assert scene.receiver.got == []


# --- where nothing is sent to -------------------------------------------------------------------------------------

BAD = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "::1",
    "0.0.0.0",  # noqa: S104
    "fe80::1", "fc00::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::",
    "255.255.255.255", "::", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", BAD)
def test_addresses_inside_are_blocked(address: str) -> None:
    with pytest.raises(Blocked):
        judge(target("https://a.example/"), [ip_address("93.184.216.34"), ip_address(address)], ())


def test_public_addresses_need_https_and_inner_ones_leave() -> None:
    public, inner = ip_address("93.184.216.34"), ip_address("10.1.2.3")
    assert judge(target("https://a.example/"), [public], ()) == public
    with pytest.raises(Blocked, match="https"):
        judge(target("http://a.example/"), [public], ())
    assert judge(target("http://a.example/"), [inner], networks("10.0.0.0/8")) == inner
    with pytest.raises(Blocked):
        judge(target("https://a.example/"), [], ())
    with pytest.raises(HeyiError):
        networks("10.0.0.0/8, everything")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/", "file:///etc/passwd", "https://", "https://user:pass@a.example/", "a.example",
        "https://a b/",
        "https://a.example:99999/", "https://a.example/#x", "https://a.example/\r\nHost: b", "gopher://a.example",
    ],
)  # fmt: skip
async def test_what_is_no_address_is_refused_when_it_is_entered(scene: Scene, url: str) -> None:
    with pytest.raises(HeyiError):
        await scene.doors.hooks.add("x", url, ["ticket.created"], "lin")


async def test_a_name_that_changes_its_mind_leads_nowhere_else(scene: Scene) -> None:
    """DNS rebinding: judged and connected to is one and the same address, whatever the next answer would be."""
    asked: list[str] = []

    async def resolver(host: str, port: int):  # type: ignore[no-untyped-def]
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "10.9.9.9")]

    sender = Sender(INSIDE, resolver)
    answer = await sender.post(f"http://rebind.example:{scene.receiver.port}/", {}, b"{}")
    assert answer == Answer(200, "") and asked == ["rebind.example"]
    assert scene.receiver.got[0][0]["host"] == f"rebind.example:{scene.receiver.port}"
    blocked = await sender.post(f"http://rebind.example:{scene.receiver.port}/", {}, b"{}")
    assert blocked.status is None and "内部网络" in blocked.error
    await sender.close()


async def test_numbers_in_odd_forms_mean_what_the_machine_makes_of_them() -> None:
    sender = Sender()
    for host in ("0x7f000001", "2130706433", "127.1", "localhost", "[::1]", "0"):
        answer = await sender.post(f"https://{host}/", {}, b"{}")
        assert answer.status is None and answer.error, host
        assert "内部网络" in answer.error or "找不到" in answer.error, (host, answer)
    await sender.close()


# --- waits, hand-over ---------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.floats(0, 1))
def test_waits_grow_never_vanish_and_never_pass_the_longest(attempts: int, dice: float) -> None:
    now, later = wait(attempts, dice), wait(attempts + 1, dice)
    assert timedelta(seconds=FIRST_S / 2) <= now <= later <= timedelta(seconds=LONGEST_S)


async def test_an_emergency_is_handed_over_when_it_is_dispatched_and_when_a_person_says_so(scene: Scene) -> None:
    await scene.subscribe("emergency.handover")
    room = scene.room
    async with room.database.work() as work:
        work.session.add(
            CallRow(id="9.1", line="119", caller="13800138000", arrived_at=room.clock.now(), direction="in")
        )
    ticket = await room.drafted("9.1", line="119")
    await room.tickets.submit(ticket.id, AGENT, {"code": "E101", "place": "池店镇<华洲>村", "summary": "民房冒烟"})
    await room.tickets.accept(ticket.id, FIRE)
    await scene.doors.hooks.hand_over(ticket.id, CHIEF, "请市局支援")
    await scene.pump()
    eidos = [json.loads(body)["data"]["eido"] for _, body in scene.receiver.got]
    assert len(eidos) == 2
    whole = eidos[-1]
    for one in eidos:
        EIDO.validate(one)
    ids = {part["$id"] for name, parts in whole.items() if name.endswith("Component")
           for part in (parts if isinstance(parts, list) else [parts])}  # fmt: skip
    refs = [ref["$ref"] for ref in _refs(whole)]
    assert refs and set(refs) <= ids
    assert whole["incidentComponent"]["incidentTypeInternalCode"] == "E101"
    assert whole["callComponent"][0]["callStartTimestamp"] and whole["callComponent"][0]["queueIdentifier"] == "119"
    assert "&lt;华洲&gt;" in whole["locationComponent"][0]["locationByValue"]
    assert any(note["notesActionComments"] == "请市局支援" for note in whole["notesComponent"])
    numbers = {one["$id"]: one["callBackInformationUri"] for one in whole["callbackComponent"]}
    for reached in (whole["personComponent"][0], whole["callComponent"][0]):
        assert numbers[reached["callBackReference"]["$ref"]] == ["tel:13800138000"]


async def test_a_service_ticket_is_no_emergency_to_hand_over(scene: Scene) -> None:
    ticket = await scene.room.drafted()
    with pytest.raises(HeyiError, match="紧急"):
        await scene.doors.hooks.hand_over(ticket.id, CHIEF)


async def test_running_it_looks_as_soon_as_something_happens(scene: Scene) -> None:
    await scene.subscribe("ticket.created")
    scene.deliverer = Deliverer(
        scene.room.database, scene.doors.hooks, scene.sender, scene.room.clock, poll_s=2 * PATIENCE_S
    )
    scene.deliverer.listen(scene.room.bus)
    running = asyncio.create_task(scene.deliverer.run())
    await asyncio.sleep(0.1)
    await scene.room.drafted()
    await asyncio.wait_for(scene.receiver.arrived.wait(), PATIENCE_S)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await scene.deliverer.settle()


def _refs(value):  # type: ignore[no-untyped-def]
    if isinstance(value, dict):
        if set(value) == {"$ref"}:
            yield value
        for inner in value.values():
            yield from _refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _refs(inner)
