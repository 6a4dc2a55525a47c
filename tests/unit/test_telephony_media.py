"""The door of the live audio: let in is the tap that was ordered, and nobody else costs anything."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from telephony import media as media_module
from telephony.dialplan import free_ports
from telephony.events import Leg
from telephony.media import CONNECTIONS, TOKEN_S, MediaServer, Tokens
from tests.eventually import PATIENCE_S, until

START = '{"event":"MEDIA_START"}'


@dataclass
class Notes:
    """A sink that writes down what it is told."""

    said: list[tuple[str, str, Leg]] = field(default_factory=list)
    pcm: dict[tuple[str, Leg], bytes] = field(default_factory=dict)

    def opened(self, call_id: str, leg: Leg, rate: int) -> None:
        assert rate == 16000
        self.said.append(("opened", call_id, leg))

    def audio(self, call_id: str, leg: Leg, pcm: bytes) -> None:
        self.pcm[call_id, leg] = self.pcm.get((call_id, leg), b"") + pcm

    def closed(self, call_id: str, leg: Leg) -> None:
        self.said.append(("closed", call_id, leg))


@dataclass
class Door:
    server: MediaServer
    sink: Notes
    port: int

    async def knock(self, query: str, path: str = "/media", origin: str | None = None) -> ClientConnection:
        return await connect(
            f"ws://127.0.0.1:{self.port}{path}?{query}", subprotocols=[Subprotocol("media")], proxy=None,
            origin=Origin(origin) if origin else None,
        )  # fmt: skip

    async def refused(self, query: str, path: str = "/media", origin: str | None = None) -> bool:
        try:
            await (await self.knock(query, path, origin)).close()
        except InvalidStatus as error:
            return error.response.status_code == 403
        return False

    async def until(self, *said: tuple[str, str, Leg]) -> None:
        await until(lambda: self.sink.said == list(said), lambda: f"the sink is told {said}, not {self.sink.said}")


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    sink = Notes()
    port = free_ports(1)[0]
    server = MediaServer(port, sink)
    await server.start()
    yield Door(server, sink, port)
    await server.close()


async def test_the_tap_that_was_ordered_comes_in_once(door: Door) -> None:
    token = door.server.expect("hy1-1.0", "agent")
    tap = await door.knock(f"leg=agent&call=hy1-1.0&token={token}")
    await tap.send(START)
    await tap.send(b"\1\2")
    await tap.send(b"\3\4")
    assert await door.refused(f"token={token}")
    await tap.close()
    await door.until(("opened", "hy1-1.0", "agent"), ("closed", "hy1-1.0", "agent"))
    assert door.sink.pcm == {("hy1-1.0", "agent"): b"\1\2\3\4"}


@pytest.mark.parametrize(
    ("query", "path", "origin"),
    [
        ("leg=caller&call=hy1-1.0", "/media", None),
        ("leg=caller&call=hy1-1.0&token=guessed", "/media", None),
        ("token=", "/media", None),
        ("token={token}", "/", None),
        ("token={token}", "/media", "http://127.0.0.1:8000"),
    ],
    ids=["no token", "a guess", "an empty one", "another path", "a page in a browser"],
)
async def test_whoever_was_not_ordered_is_turned_away(door: Door, query: str, path: str, origin: str | None) -> None:
    token = door.server.expect("hy1-1.0", "caller")
    assert await door.refused(query.format(token=token), path, origin)
    assert door.sink.said == []


async def test_a_token_tells_whose_audio_it_is_and_the_address_does_not(door: Door) -> None:
    token = door.server.expect("hy1-1.0", "caller")
    tap = await door.knock(f"leg=agent&call=hy1-2.0&token={token}")
    await tap.send(START)
    await door.until(("opened", "hy1-1.0", "caller"))
    await tap.close()


async def test_a_second_tap_of_a_leg_takes_over_from_the_first(door: Door) -> None:
    first = await door.knock(f"token={door.server.expect('c', 'agent')}")
    await first.send(START)
    second = await door.knock(f"token={door.server.expect('c', 'agent')}")
    await second.send(START)
    await second.send(b"\5\6")
    await door.until(("opened", "c", "agent"), ("closed", "c", "agent"), ("opened", "c", "agent"))
    with pytest.raises(ConnectionClosed):
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await first.send(b"\7\7")
                await asyncio.sleep(0.01)
    await second.close()
    await door.until(*[("opened", "c", "agent"), ("closed", "c", "agent")] * 2)  # type: ignore[arg-type]
    assert door.sink.pcm == {("c", "agent"): b"\5\6"}


async def test_a_connection_that_says_nothing_is_ended(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_module, "PROMPT_S", 0.1)
    tap = await door.knock(f"token={door.server.expect('c', 'caller')}")
    with pytest.raises(ConnectionClosed):
        await tap.recv()
    await asyncio.sleep(0.05)
    assert door.sink.said == []


async def test_after_its_first_word_a_tap_may_be_silent(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_module, "PROMPT_S", 3.0)  # a slow machine must come to its first word in it
    tap = await door.knock(f"token={door.server.expect('c', 'caller')}")
    await tap.send("no JSON")
    await asyncio.sleep(3.2)
    await tap.send(b"\1\2")
    await tap.close()
    await door.until(("opened", "c", "caller"), ("closed", "c", "caller"))
    assert door.sink.pcm == {("c", "caller"): b"\1\2"}


async def gone(reader: asyncio.StreamReader) -> bool:
    """Whether the other side has ended the connection."""
    try:
        return not await asyncio.wait_for(reader.read(1), PATIENCE_S)
    except ConnectionError:
        return True


async def test_more_connections_than_calls_can_have_are_cut_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_module, "CONNECTIONS", 5)
    port = free_ports(1)[0]
    server = MediaServer(port, Notes())
    await server.start()
    try:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        late = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        assert all([await gone(reader) for reader, _ in late])
        assert server._sockets == 5
        for _, writer in (*idle, *late):
            writer.close()
        await until(lambda: server._sockets == 0, "all are gone")
        tap = await connect(
            f"ws://127.0.0.1:{port}/media?token={server.expect('c', 'caller')}", subprotocols=[Subprotocol("media")],
            proxy=None,
        )  # fmt: skip
        await tap.close()
    finally:
        await server.close()


async def test_a_handshake_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_module, "PROMPT_S", 0.1)
    port = free_ports(1)[0]
    server = MediaServer(port, Notes())
    await server.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await gone(reader)
        writer.close()
    finally:
        await server.close()


async def test_a_hostile_client_costs_no_memory_worth_speaking_of(door: Door) -> None:
    """More connections than are let in, each pushing as much as is taken from it: endless headers, or one byte."""
    garbage = b"GET /media HTTP/1.1\r\n" + b"X: " + b"y" * (1 << 20)
    gc.collect()
    tracemalloc.start()
    try:
        writers = []
        for n in range(CONNECTIONS + 50):
            _, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(garbage if n % 2 else b"G")
            writers.append(writer)
            if n % 50 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0.5)
        gc.collect()
        snapshot = tracemalloc.take_snapshot().filter_traces([
            tracemalloc.Filter(True, "*/websockets/*"), tracemalloc.Filter(True, media_module.__file__)
        ])  # fmt: skip
        kept = sum(trace.size for trace in snapshot.statistics("filename"))
    finally:
        tracemalloc.stop()
        for writer in writers:
            writer.transport.abort()
    assert door.server._sockets <= CONNECTIONS and door.sink.said == []
    print("KEPT", kept, kept / CONNECTIONS)
    assert kept < 40 * 1024 * CONNECTIONS, kept


# -- tokens, pure


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 2 * TOKEN_S), st.integers(0, 20))))
def test_a_token_opens_once_and_in_its_time(steps: list[tuple[bool, float, int]]) -> None:
    tokens, now = Tokens(), 0.0
    good: dict[str, tuple[tuple[str, Leg], float]] = {}
    every: list[str] = []
    for number, (issue, pause, which) in enumerate(steps):
        now += pause
        if issue:
            leg: Leg = "caller" if number % 2 else "agent"
            token = tokens.issue(f"call {number}", leg, now)
            assert token not in every
            every.append(token)
            good[token] = ((f"call {number}", leg), now + TOKEN_S)
        elif every:
            token = every[which % len(every)]
            expected, until = good.pop(token, (None, 0.0))
            assert tokens.redeem(token, now) == (expected if now < until else None)


def test_tokens_that_nobody_used_are_forgotten() -> None:
    tokens = Tokens()
    for n in range(1000):
        tokens.issue("c", "caller", n * 1.0)
    assert len(tokens) <= TOKEN_S + 1


async def test_pings_fragments_and_the_end_are_answered_although_it_is_read_only_now_and_then(door: Door) -> None:
    tap = await door.knock(f"token={door.server.expect('c', 'caller')}")
    await tap.send(START)
    await tap.send(b"\1\2")
    await asyncio.wait_for(await tap.ping(), PATIENCE_S)
    await tap.send([b"\3", b"\4"])
    await tap.send(b"\5\6")
    await tap.close()
    assert tap.close_code == 1000
    await door.until(("opened", "c", "caller"), ("closed", "c", "caller"))
    assert door.sink.pcm == {("c", "caller"): b"\1\2\3\4\5\6"}
