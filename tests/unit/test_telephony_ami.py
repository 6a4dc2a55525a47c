"""The manager connection against a scripted Asterisk on loopback that refuses, falls mute, dies and floods."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AmiError
from telephony import ami as ami_module
from telephony.ami import Ami
from telephony.wire import Message, parse
from tests.eventually import until

GREETING = b"Asterisk Call Manager/11.0.0\r\n"

_next_pause = Ami._next_pause


class Line:
    """One connection as the server sees it."""

    def __init__(self, number: int, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.actions: list[Message] = []
        self.ended = asyncio.Event()
        self._writer = writer

    def send(self, *lines: str) -> None:
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def event(self, name: str, **headers: str) -> None:
        self.send(f"Event: {name}", *(f"{key}: {value}" for key, value in headers.items()))

    def answer(self, to: Message, outcome: str = "Success", message: str = "") -> None:
        self.send(f"Response: {outcome}", f"ActionID: {to['ActionID']}", f"Message: {message}")

    def cut(self) -> None:
        self._writer.transport.abort()


#: What the server does with an action.
Play = Callable[[Line, Message], None]


def polite(line: Line, action: Message) -> None:
    line.answer(action, "Pong" if action["Action"] == "Ping" else "Success")


@dataclass
class Server:
    port: int = 0
    play: Play = polite
    lines: list[Line] = field(default_factory=list)
    listening: asyncio.Server = field(init=False)

    def of(self, action: str) -> list[Message]:
        return [message for line in self.lines for message in line.actions if message["Action"] == action]

    @property
    def logged_in(self) -> list[Line]:
        """Connections that sent something; the first one of a start only looks whether somebody is there."""
        return [line for line in self.lines if line.actions]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(len(self.lines), writer)
        self.lines.append(line)
        writer.write(GREETING)
        try:
            while True:
                action = parse((await reader.readuntil(b"\r\n\r\n"))[:-4])
                line.actions.append(action)
                self.play(line, action)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            line.ended.set()
            writer.close()


@asynccontextmanager
async def scripted(play: Play = polite) -> AsyncIterator[Server]:
    made = Server(play=play)
    made.listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = made.listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        for line in made.lines:
            line.cut()
        made.listening.close()
        await made.listening.wait_closed()
        await until(lambda: all(line.ended.is_set() for line in made.lines), "all lines have ended")


@dataclass
class Client:
    ami: Ami
    events: list[Message] = field(default_factory=list)
    ups: int = 0
    downs: int = 0


def client_of(server: Server) -> Client:
    client: Client

    def up() -> None:
        client.ups += 1

    def down() -> None:
        client.downs += 1

    ami = Ami(
        host="127.0.0.1", port=server.port, user="heyi", secret="s", on_event=lambda m: client.events.append(m),
        on_up=up, on_down=down,
    )  # fmt: skip
    client = Client(ami)
    return client


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Client]:
    client = client_of(server)
    await client.ami.start()
    try:
        yield client
    finally:
        await client.ami.close()


async def fails(work: Awaitable[object], match: str) -> None:
    with pytest.raises(AmiError, match=match):
        await work


@pytest.fixture(autouse=True)
def _quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnecting pauses whole seconds; here a moment, so that the tests are quick."""
    monkeypatch.setattr(Ami, "_next_pause", lambda _self: 0.02)


# -- logging in


async def test_login_sends_the_secret_once_and_events_reach_the_sink() -> None:
    async with scripted() as server, connected(server) as client:
        assert [(m["Username"], m["Secret"]) for m in server.of("Login")] == [("heyi", "s")]
        assert (client.ami.up, client.ups) == (True, 1)
        server.logged_in[0].event("CEL", EventName="CHAN_START", CallerIDname="林先生")
        await until(lambda: bool(client.events), "the event")
        assert client.events == [{"Event": "CEL", "EventName": "CHAN_START", "CallerIDname": "林先生"}]


async def test_a_refused_login_is_one_error_and_is_not_tried_again() -> None:
    def refuse(line: Line, action: Message) -> None:
        line.answer(action, "Error", "Authentication failed")
        line._writer.close()

    async with scripted(refuse) as server:
        client = client_of(server)
        await fails(client.ami.start(), "Authentication failed.*HEYI_AMI_SECRET")
        await asyncio.sleep(0.1)
        assert len(server.of("Login")) == 1
        assert (client.ami.up, client.ups, client.downs) == (False, 0, 0)


async def test_nobody_there_and_somebody_else_there_are_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted() as server:
        pass
    await fails(client_of(server).ami.start(), "no Asterisk answers on 127.0.0.1")
    monkeypatch.setattr(ami_module, "ACTION_TIMEOUT_S", 0.1)
    async with scripted(lambda _line, _action: None) as mute:
        await fails(client_of(mute).ami.start(), "does not speak")
        await until(lambda: all(line.ended.is_set() for line in mute.lines), "its connection is closed")


# -- actions


async def test_a_refused_action_says_why() -> None:
    def play(line: Line, action: Message) -> None:
        line.answer(action, *(("Error", "No such channel") if action["Action"] == "Hangup" else ()))

    async with scripted(play) as server, connected(server) as client:
        await fails(client.ami.action("Hangup", {"Channel": "x"}), "refused Hangup: No such channel")
        assert (await client.ami.action("QueuePause")).success


async def test_an_action_without_an_answer_ends_by_its_time_limit_and_its_late_answer_harms_nobody() -> None:
    held: list[tuple[Line, Message]] = []

    def play(line: Line, action: Message) -> None:
        if action["Action"] == "Originate":
            held.append((line, action))
        else:
            line.answer(action, "Success", action["Action"])

    async with scripted(play) as server, connected(server) as client:
        await fails(client.ami.action("Originate", timeout_s=0.05), "did not answer Originate within 0.05 s")
        held[0][0].answer(held[0][1], "Success", "late")
        assert (await client.ami.action("QueuePause"))["Message"] == "QueuePause"


async def test_answers_find_their_actions_in_whatever_order_they_come() -> None:
    asked: list[Message] = []

    def play(line: Line, action: Message) -> None:
        if action["Action"] == "Login":
            line.answer(action)
            return
        asked.append(action)
        if len(asked) == 20:
            for each in reversed(asked):
                line.answer(each, "Success", each["N"])

    async with scripted(play) as server, connected(server) as client:
        answers = await asyncio.gather(*(client.ami.action("Getvar", {"N": str(n)}) for n in range(20)))
        assert [a["Message"] for a in answers] == [str(n) for n in range(20)]


async def test_a_list_is_gathered_and_other_events_go_their_way() -> None:
    def play(line: Line, action: Message) -> None:
        line.answer(action)
        if action["Action"] == "QueueStatus":
            same = action["ActionID"]
            line.event("QueueMember", ActionID=same, Name="1001")
            line.event("CEL", EventName="ANSWER")
            line.event("QueueMember", ActionID=same, Name="1002")
            line.event("QueueStatusComplete", ActionID=same)

    async with scripted(play) as server, connected(server) as client:
        members = await client.ami.query("QueueStatus", "QueueStatusComplete")
        assert [m["Name"] for m in members] == ["1001", "1002"]
        assert client.events == [{"Event": "CEL", "EventName": "ANSWER"}]


async def test_a_refused_list_is_an_error_and_not_a_wait_for_ever() -> None:
    def play(line: Line, action: Message) -> None:
        line.answer(action, *(() if action["Action"] == "Login" else ("Error", "No such queue")))

    async with scripted(play) as server, connected(server) as client:
        await fails(client.ami.query("QueueStatus", "QueueStatusComplete"), "No such queue")


async def test_a_line_break_in_a_number_reaches_nobody() -> None:
    async with scripted() as server, connected(server) as client:
        await fails(client.ami.action("Originate", {"CallerID": "1\r\n\r\nAction: Originate"}), "line break")
        assert (await client.ami.action("QueuePause")).success
        assert server.of("Originate") == []


#: Every action that heyi sends, with the headers that carry something from outside.
ACTIONS = {
    "Originate": ("Channel", "ChannelId", "Application", "Data", "CallerID", "Context", "Exten", "Variable"),
    "Hangup": ("Channel", "Cause"),
    "QueuePause": ("Queue", "Interface", "Paused", "Reason"),
    "QueueChangePriorityCaller": ("Queue", "Caller", "Priority"),
    "Setvar": ("Channel", "Variable", "Value"),
    "Getvar": ("Channel", "Variable"),
    "Redirect": ("Channel", "ExtraChannel", "Context", "Exten", "Priority"),
    "Bridge": ("Channel1", "Channel2"),
    "DBPut": ("Family", "Key", "Val"),
    "PlayDTMF": ("Channel", "Digit"),
}
BREAKS = st.sampled_from(["\r", "\n", "\r\n", "\0", "\r\n\r\nAction: Originate\r\n"])


@given(
    st.sampled_from([(action, header) for action, headers in ACTIONS.items() for header in headers]),
    st.text(max_size=20), BREAKS, st.text(max_size=20), st.sampled_from(["value", "one of several", "name", "action"]),
)  # fmt: skip
def test_a_line_break_in_whatever_field_of_whatever_action_sends_nothing(
    field: tuple[str, str], before: str, line_break: str, after: str, where: str
) -> None:
    action, header = field
    dirty = before + line_break + after
    sent = bytearray()

    class Wire(asyncio.Transport):
        def is_closing(self) -> bool:
            return False

        def write(self, data: bytes | bytearray | memoryview) -> None:
            sent.extend(data)

    async def send() -> None:
        protocol = ami_module._Protocol(lambda _: None)
        protocol.connection_made(Wire())
        clean: dict[str, str | list[str]] = {name: "x" for name in ACTIONS[action]}
        if where == "action":
            protocol.request(action + dirty, clean)
        elif where == "name":
            protocol.request(action, {**clean, header + dirty: "x"})
        else:
            protocol.request(action, {**clean, header: dirty if where == "value" else ["x", dirty]})

    with pytest.raises(AmiError, match="line break"):
        asyncio.run(send())
    assert not sent


# -- losing the connection


async def test_a_lost_connection_fails_what_is_under_way_and_never_dials_twice() -> None:
    def play(line: Line, action: Message) -> None:
        if action["Action"] == "Originate":
            line.cut()
        else:
            line.answer(action)

    async with scripted(play) as server, connected(server) as client:
        await fails(client.ami.action("Originate", {"Channel": "PJSIP/13800138000@trunk"}), "was lost")
        await until(lambda: client.ups == 2, "connected again")
        server.logged_in[-1].event("FullyBooted", Status="Fully Booted")
        assert (await client.ami.action("QueuePause")).success
        await until(lambda: bool(client.events), "the event after the login")
        assert len(server.of("Originate")) == 1
        assert (client.downs, len(server.of("Login"))) == (1, 2)


async def test_no_action_is_sent_while_the_connection_is_away() -> None:
    async with scripted() as server, connected(server) as client:
        server.play = lambda _line, _action: None
        server.logged_in[0].cut()
        await until(lambda: not client.ami.up, "the loss is noticed")
        await fails(client.ami.action("Originate"), "not connected")
        server.play = polite


async def test_it_reconnects_as_often_as_needed() -> None:
    """qpanel#6: no reconnect after Asterisk was restarted."""
    async with scripted() as server, connected(server) as client:
        for turn in range(2, 6):
            server.logged_in[-1].cut()
            await until(lambda wanted=turn: client.ups == wanted, f"login {turn}")  # type: ignore[misc]
        assert (client.downs, client.ami.up) == (4, True)


async def test_a_login_refused_later_is_tried_again() -> None:
    """Asterisk that has just started may not have read its manager.conf yet."""
    async with scripted() as server, connected(server) as client:

        def refuse_once(line: Line, action: Message) -> None:
            server.play = polite
            line.answer(action, "Error", "Authentication failed")
            line._writer.close()

        server.play = refuse_once
        server.logged_in[0].cut()
        await until(lambda: client.ups == 2, "logged in at the third attempt")
        assert (len(server.of("Login")), client.downs) == (3, 1)


async def test_a_mute_peer_is_cut_and_connected_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is gone without a FIN: the connection looks well and nothing comes."""
    monkeypatch.setattr(ami_module, "WATCHDOG_S", 0.05)
    async with scripted() as server, connected(server) as client:
        server.play = lambda line, action: None if line is server.logged_in[0] else polite(line, action)
        await until(lambda: client.ups == 2, "connected anew")
        assert client.downs == 1
        assert server.logged_in[0].ended.is_set()


async def test_a_peer_that_falls_mute_before_the_login_is_cut_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami_module, "WATCHDOG_S", 0.05)
    async with scripted() as server, connected(server) as client:
        mute: list[Line] = []

        def swallow_the_next_login(line: Line, action: Message) -> None:
            if action["Action"] == "Login" and not mute:
                mute.append(line)
            if line not in mute:
                polite(line, action)

        server.play = swallow_the_next_login
        server.logged_in[0].cut()
        await until(lambda: client.ups == 2, "connected anew")
        assert mute[0].ended.is_set()


def test_the_pauses_between_attempts_grow_up_to_half_a_minute_and_are_not_all_alike() -> None:
    ami = client_of(Server()).ami
    longest = [1, 2, 4, 8, 16, 30, 30, 30]
    pauses = [_next_pause(ami) for _ in longest]
    assert all(0.8 * most <= pause <= most for pause, most in zip(pauses, longest, strict=True))
    ami._failures = 5000  # days later
    assert len({_next_pause(ami) for _ in range(20)}) > 1


async def test_the_pauses_grow_while_the_connection_is_refused_and_begin_anew_after_a_login(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """qpanel#6: no reconnect. While Asterisk is away each attempt is refused at once; it must not be asked for ever."""
    pauses: list[float] = []

    def noted(ami: Ami) -> float:
        pauses.append(_next_pause(ami))
        return 0.02

    monkeypatch.setattr(Ami, "_next_pause", noted)
    async with scripted() as server, connected(server) as client:
        port = server.port
        server.listening.close()
        await server.listening.wait_closed()
        server.logged_in[0].cut()
        await until(lambda: len(pauses) >= 6, "six attempts")
        assert all(0.8 * 2**n <= pause <= 2**n for n, pause in enumerate(pauses[:5]))
        server.listening = await asyncio.start_server(server.serve, "127.0.0.1", port)
        await until(lambda: client.ups == 2, "logged in again")
        assert client.ami._failures == 0


async def test_garbage_ends_the_connection_and_not_the_bridge() -> None:
    async with scripted() as server, connected(server) as client:
        server.logged_in[0]._writer.write(b"x" * (2 << 20))
        await until(lambda: client.ups == 2, "connected anew")


# -- the end


async def test_close_during_the_wait_does_not_reconnect(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted() as server:
        client = client_of(server)
        await client.ami.start()
        monkeypatch.setattr(Ami, "_next_pause", lambda _self: 1.0)
        server.logged_in[0].cut()
        await until(lambda: not client.ami.up, "the loss is noticed")
        await client.ami.close()
        await asyncio.sleep(1.3)
        assert (len(server.of("Login")), client.ups) == (1, 1)


async def test_close_while_connecting_leaves_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted() as server:
        client = client_of(server)
        await client.ami.start()
        monkeypatch.setattr(Ami, "_next_pause", lambda _self: 0.5)
        manager = client.ami._manager
        assert manager is not None
        server.logged_in[0].cut()
        await until(lambda: not client.ami.up, "the loss is noticed")
        manager.connect()  # the attempt that is under way when the end comes
        await client.ami.close()
        await asyncio.sleep(0.2)  # a connection that was begun may come still
        await until(lambda: all(line.ended.is_set() for line in server.lines), "no connection is left")
        assert (client.ups, client.ami.up) == (1, False)


async def test_close_fails_what_is_under_way() -> None:
    async with scripted(lambda line, a: polite(line, a) if a["Action"] == "Login" else None) as server:
        client = client_of(server)
        await client.ami.start()
        action = asyncio.ensure_future(client.ami.action("QueuePause"))
        await until(lambda: bool(server.of("QueuePause")), "sent")
        await client.ami.close()
        await fails(action, "lost")
        assert client.downs == 0


async def test_a_flood_of_events_arrives_whole_in_order_and_actions_still_pass() -> None:
    """asterisk-java#161: a handler that blocks delays all events. The sink only puts them away."""
    count = 20_000
    async with scripted() as server, connected(server) as client:
        line = server.logged_in[0]
        for number in range(count):
            line.event("CEL", EventName="ANSWER", N=str(number))
        assert (await client.ami.action("QueuePause")).success
        await until(lambda: len(client.events) == count, "all events")
        assert [int(e["N"]) for e in client.events] == list(range(count))
