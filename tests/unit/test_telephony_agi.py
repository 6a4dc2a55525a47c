"""The FastAGI server over real sockets: calls as Asterisk makes them, and everything else that reaches a port."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import HeyiError
from telephony import agi
from telephony.agi import AgiCall, AgiError, AgiServer, Gone, Handler, Lines, Replies, Reply, command

HOST, TOKEN = "127.0.0.1", "t0ken"
#: Guards against hanging, nothing else.
GUARD_S = 60


def greeting(uniqueid: str = "hy1-1.1", *, token: str = TOKEN, script: str = "welcome") -> bytes:
    lines = [
        "agi_network: yes", f"agi_network_script: {script}", f"agi_request: agi://127.0.0.1:4573/{script}",
        "agi_channel: PJSIP/trunk-00000001", "agi_language: en", f"agi_uniqueid: {uniqueid}",
        "agi_callerid: 13800138000", "agi_calleridname: ", "agi_arg_2: 12345", f"agi_arg_1: {token}", "", "",
    ]  # fmt: skip
    return "\n".join(lines).encode()


class Peer:
    """Somebody's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def line(self) -> str:
        async with asyncio.timeout(GUARD_S):
            return (await self.reader.readline()).decode().rstrip("\n")

    def say(self, text: str) -> None:
        self.writer.write(text.encode())

    async def closed(self) -> bool:
        """Waits until the server has closed; what it had said is read away."""
        try:
            async with asyncio.timeout(GUARD_S):
                while await self.reader.read(4096):
                    pass
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        self.writer.close()


async def echo(call: AgiCall) -> None:
    """A handler as simple as can be: one command, then the end."""
    await call.run(command("NOOP", call.variables["uniqueid"]), limit_s=GUARD_S)


@asynccontextmanager
async def serving(handler: Handler = echo) -> AsyncIterator[tuple[AgiServer, Callable[[], "asyncio.Future[Peer]"]]]:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    server = AgiServer(HOST, port, TOKEN, handler)
    await server.start()
    peers: list[Peer] = []

    async def connect() -> Peer:
        peers.append(Peer(*await asyncio.open_connection(HOST, port)))
        return peers[-1]

    try:
        yield server, lambda: asyncio.ensure_future(connect())
    finally:
        for peer in peers:
            peer.close()
        async with asyncio.timeout(GUARD_S):
            await server.close()


async def until_there_are(server: AgiServer, count: int) -> None:
    async with asyncio.timeout(GUARD_S):
        while len(server) != count:  # noqa: ASYNC110  it has no event for that
            await asyncio.sleep(0.01)


async def works(connect: Callable[[], "asyncio.Future[Peer]"], uniqueid: str = "hy1-9.9") -> None:
    """A call that is what it should be is served."""
    peer = await connect()
    peer.say(greeting(uniqueid).decode())
    assert await peer.line() == f"NOOP {uniqueid}"
    peer.say("200 result=0\n")
    assert await peer.closed()


# -- framing


@given(
    lines=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=60), max_size=20
    ),
    cuts=st.lists(st.integers(0, 2000)),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_any_split_of_the_stream_gives_the_same_lines(lines: list[str], cuts: list[int], ends: str) -> None:
    stream = "".join(line + ends for line in lines).encode()
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    framing = Lines()
    assert [line for a, b in itertools.pairwise(places) for line in framing.feed(stream[a:b])] == lines


@given(st.binary(max_size=3000))
def test_bytes_of_any_kind_are_lines_or_refused_never_an_error(data: bytes) -> None:
    framing, replies = Lines(), Replies()
    try:
        for line in framing.feed(data):
            replies.read(line)
    except AgiError:
        pass


def test_a_line_without_an_end_is_refused_as_soon_as_it_is_too_long() -> None:
    framing = Lines()
    with pytest.raises(AgiError):
        for _ in range(100):
            framing.feed(b"x" * 1000)


def test_replies_as_asterisk_writes_them() -> None:
    replies = Replies()
    assert replies.read("200 result=49 endpos=15360") == Reply(200, "49", "", 15360)
    assert replies.read("200 result=1 (13800138000)") == Reply(200, "1", "13800138000")
    assert replies.read("200 result=35 (dtmf) endpos=8000") == Reply(200, "35", "dtmf", 8000)
    assert replies.read("200 result=-1") == Reply(200, "-1")
    assert replies.read("100 result=0 Trying...") is None
    assert replies.read("511 Command Not Permitted on a dead channel or intercept routine") == Reply(511)
    assert replies.read("HANGUP") is None and replies.hung_up
    refusal = ("520-Invalid command syntax.", "Usage: SAY", "520 End of proper usage.")
    assert [replies.read(line) for line in refusal] == [None, None, Reply(520)]


def test_the_key_that_ended_something() -> None:
    assert [Reply(200, result).key for result in ("48", "57", "42", "35", "0", "-1", "", "999999")] == [
        "0", "9", "*", "#", "", "", "", ""
    ]  # fmt: skip


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_no_word_becomes_a_second_command(words: list[str]) -> None:
    try:
        text = command("SET", *words)
    except AgiError:
        return
    assert not {"\n", "\r", "\0"} & set(text)


def test_words_are_quoted_as_asterisk_unquotes_them() -> None:
    assert command("SET VARIABLE", "A", 'say "hi" \\ there') == 'SET VARIABLE A "say \\"hi\\" \\\\ there"'
    assert command("STREAM FILE", "beep", "") == 'STREAM FILE beep ""'


# -- calls


async def test_a_call_says_who_it_is_and_is_given_back() -> None:
    seen: list[tuple[str, str, str]] = []

    async def handler(call: AgiCall) -> None:
        seen.append((call.script, call.argument(2), call.variables["callerid"]))
        one, two = await call.run("ONE", limit_s=GUARD_S), await call.run("TWO", limit_s=GUARD_S)
        seen.append((one.value, two.key, ""))

    async with serving(handler) as (_, connect):
        peer = await connect()
        for byte in greeting():
            peer.writer.write(bytes([byte]))
        assert await peer.line() == "ONE"
        peer.say("100 result=0 Trying...\n200 result")
        peer.say("=1 (x)\n")
        assert await peer.line() == "TWO"
        # The reply was there before Asterisk saw the end: it is not lost.
        peer.say("200 result=49\nHANGUP\n")
        assert await peer.closed()
    assert seen == [("welcome", "12345", "13800138000"), ("x", "1", "")]


async def test_a_hangup_in_between_is_understood() -> None:
    ended: list[str] = []

    async def handler(call: AgiCall) -> None:
        try:
            await call.run("STREAM FILE x 0", limit_s=GUARD_S)
        except Gone:
            ended.append("gone")
        with pytest.raises(Gone):
            await call.run("NOOP", limit_s=GUARD_S)

    async with serving(handler) as (_, connect):
        peer = await connect()
        peer.say(greeting().decode())
        await peer.line()
        peer.say("HANGUP\n")
        assert await peer.closed()
    assert ended == ["gone"]


async def test_a_peer_that_dies_in_mid_command_is_gone() -> None:
    ended = asyncio.Event()

    async def handler(call: AgiCall) -> None:
        with pytest.raises(Gone):
            await call.run("STREAM FILE x 0", limit_s=GUARD_S)
        ended.set()

    async with serving(handler) as (_, connect):
        peer = await connect()
        peer.say(greeting().decode())
        await peer.line()
        peer.writer.transport.abort()
        await asyncio.wait_for(ended.wait(), GUARD_S)


async def test_a_command_without_an_answer_ends_the_call() -> None:
    failed: list[str] = []

    async def handler(call: AgiCall) -> None:
        try:
            await call.run("NOOP", limit_s=0.05)
        except AgiError as error:
            failed.append(error.message)

    async with serving(handler) as (_, connect):
        peer = await connect()
        peer.say(greeting().decode())
        assert await peer.closed()
    assert failed and "did not answer" in failed[0]


async def test_a_handler_that_raises_or_hangs_concerns_nobody_else() -> None:
    async def handler(call: AgiCall) -> None:
        if call.script == "raises":
            raise ValueError("a fault of ours")
        if call.script == "hangs":
            await asyncio.Event().wait()
        await echo(call)

    async with serving(handler) as (server, connect):
        hanging, raising = await connect(), await connect()
        hanging.say(greeting(script="hangs").decode())
        raising.say(greeting(script="raises").decode())
        assert await raising.closed()
        await works(connect)
        await until_there_are(server, 1)
        hanging.close()
    assert len(server) == 0


# -- whoever else reaches the port


async def scan(peer: Peer) -> None:
    """panoramisk: a client that connects and closes freezes its event loop; a port scan stops the process."""
    peer.close()


async def reset(peer: Peer) -> None:
    peer.writer.transport.abort()


async def rubbish(peer: Peer) -> None:
    peer.writer.write(bytes(range(256)) * 40)


async def a_browser(peer: Peer) -> None:
    peer.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n")


async def endless_line(peer: Peer) -> None:
    peer.writer.write(b"agi_network: " + b"y" * 200_000)


async def endless_variables(peer: Peer) -> None:
    peer.say("".join(f"agi_arg_{n}: 1\n" for n in range(5000)))


async def no_token(peer: Peer) -> None:
    peer.say(greeting(token="guessed").decode())


async def half_a_greeting_then_gone(peer: Peer) -> None:
    peer.writer.write(greeting()[:40])
    await peer.writer.drain()
    peer.close()


async def answers_nobody_asked_for(peer: Peer) -> None:
    peer.say(greeting().decode() + "200 result=0\n" * 5000)


async def talks_no_agi(peer: Peer) -> None:
    peer.say(greeting().decode())
    await peer.line()
    peer.say("hello?\n")


@pytest.mark.parametrize(
    "hostile",
    [scan, reset, rubbish, a_browser, endless_line, endless_variables, no_token, half_a_greeting_then_gone,
     answers_nobody_asked_for, talks_no_agi],
)  # fmt: skip
async def test_a_stranger_is_turned_away_and_calls_go_on(hostile: Callable[[Peer], "asyncio.Future[None]"]) -> None:
    async with serving() as (server, connect):
        for _ in range(20):
            peer = await connect()
            await hostile(peer)
        await works(connect)
        await until_there_are(server, 0)


async def test_who_says_nothing_is_closed_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agi, "PROMPT_S", 0.1)
    async with serving() as (_, connect):
        silent, slow = await connect(), await connect()
        slow.say("agi_network: yes\n")
        assert await silent.closed() and await slow.closed()


async def test_who_never_reads_keeps_nobody_from_ending() -> None:
    async def handler(call: AgiCall) -> None:
        while True:
            await call.run("NOOP " + "x" * 1900, limit_s=0.2)

    async with serving(handler) as (server, connect):
        deaf = await connect()
        deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
        deaf.say(greeting().decode())
        await until_there_are(server, 1)
        await until_there_are(server, 0)


async def test_more_than_there_is_room_for_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agi, "CONNECTIONS", 10)
    async with serving() as (server, connect):
        crowd = [await connect() for _ in range(30)]
        await asyncio.gather(*(peer.closed() for peer in crowd[10:]))
        assert len(server) == 10
        for peer in crowd:
            peer.close()
        await until_there_are(server, 0)
        await works(connect)


async def test_five_hundred_calls_at_once() -> None:
    async def handler(call: AgiCall) -> None:
        for _ in range(3):
            await echo(call)

    async def caller(connect: Callable[[], "asyncio.Future[Peer]"], number: int) -> int:
        peer = await connect()
        peer.say(greeting(f"hy1-1.{number}").decode())
        done = 0
        while await peer.line() == f"NOOP hy1-1.{number}":
            done += 1
            peer.say("200 result=0\n")
        return done

    async with serving(handler) as (_, connect):
        async with asyncio.timeout(GUARD_S):
            assert await asyncio.gather(*(caller(connect, n) for n in range(500))) == [3] * 500


async def test_closing_gives_every_call_back() -> None:
    async with serving() as (server, connect):
        peers = [await connect() for _ in range(20)]
        for peer in peers:
            peer.say(greeting().decode())
        for peer in peers:
            await peer.line()
        await server.close()
        assert all(await asyncio.gather(*(peer.closed() for peer in peers)))


async def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        holder.listen()
        server = AgiServer(HOST, holder.getsockname()[1], TOKEN, echo)
        with pytest.raises(HeyiError, match=r"port .* \(voice\)"):
            await server.start()
