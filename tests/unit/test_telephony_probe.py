"""Trunk health against peers that answer badly, late or not at all, over UDP on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from telephony.probe import probe

#: What a peer sends for the n-th question that it gets (from 0): datagrams, in order.
Script = Callable[[int, dict[str, str]], list[bytes]]


class _Peer(asyncio.DatagramProtocol):
    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[dict[str, str]] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        lines = data.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        assert lines[0].startswith("OPTIONS sip:")
        self.asked.append(headers)
        for answer in self._script(len(self.asked) - 1, headers):
            self.transport.sendto(answer, addr)


@asynccontextmanager
async def peer(script: Script) -> AsyncIterator[tuple[_Peer, int]]:
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(lambda: _Peer(script), local_addr=("127.0.0.1", 0))
    try:
        yield made, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
        await asyncio.sleep(0)


def reply(status: str, asked: dict[str, str], *more: str) -> bytes:
    echoed = [f"{name}: {asked[name]}" for name in ("Via", "From", "Call-ID", "CSeq")]
    return "\r\n".join([f"SIP/2.0 {status}", *echoed, f"To: {asked['To']};tag=a1", *more, "", ""]).encode()


@pytest.mark.parametrize(
    ("status", "code", "in_service"),
    [("200 OK", 200, True), ("404 Not Found", 404, True), ("503 Service Unavailable", 503, False)],
)
async def test_any_final_answer_is_a_living_trunk(status: str, code: int, in_service: bool) -> None:
    async with peer(lambda _n, asked: [reply(status, asked)]) as (made, port):
        result = await probe("127.0.0.1", port)
    assert (result.reachable, result.code, result.in_service, len(made.asked)) == (True, code, in_service, 1)
    assert result.rtt_ms is not None and result.rtt_ms > 0


@pytest.mark.parametrize("status", ["401 Unauthorized", "407 Proxy Authentication Required"])
async def test_a_challenge_is_an_answer_and_is_not_taken_up(status: str) -> None:
    challenge = 'Digest realm="x", nonce="y"'
    more = (f"WWW-Authenticate: {challenge}", f"Proxy-Authenticate: {challenge}")
    async with peer(lambda _n, asked: [reply(status, asked, *more)]) as (made, port):
        result = await probe("127.0.0.1", port)
    assert (result.code, len(made.asked)) == (int(status[:3]), 1)


async def test_a_provisional_answer_is_not_the_answer() -> None:
    script: Script = lambda _n, asked: [reply("183 Session Progress", asked), reply("200 OK", asked)]  # noqa: E731
    async with peer(script) as (_, port):
        assert (await probe("127.0.0.1", port)).code == 200
    async with peer(lambda _n, asked: [reply("100 Trying", asked)]) as (_, port):
        assert not (await probe("127.0.0.1", port, timeout_s=0.05, attempts=2)).reachable


async def test_a_lost_question_is_asked_again_in_a_new_dialog() -> None:
    async with peer(lambda n, asked: [reply("200 OK", asked)] if n == 2 else []) as (made, port):
        result = await probe("127.0.0.1", port, timeout_s=0.05, attempts=3)
    assert (result.reachable, result.code) == (True, 200)
    assert len({asked["Call-ID"] for asked in made.asked}) == len({asked["Via"] for asked in made.asked}) == 3


async def test_a_late_answer_to_an_earlier_question_does_not_count() -> None:
    first: list[dict[str, str]] = []

    def script(_n: int, asked: dict[str, str]) -> list[bytes]:
        first.append(asked)
        return [reply("200 OK", first[0])] if len(first) > 1 else []

    async with peer(script) as (made, port):
        result = await probe("127.0.0.1", port, timeout_s=0.05, attempts=2)
    assert (result.reachable, len(made.asked)) == (False, 2)
    assert "no answer" in result.reason


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"\xff\xfe\x00",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 200 OK\r\nCSeq: what\r\nCall-ID: who\r\n\r\n",
        b"INVITE sip:x SIP/2.0\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n",
    ],
)
async def test_noise_before_the_answer_is_survived(noise: bytes) -> None:
    async with peer(lambda _n, asked: [noise, reply("200 OK", asked), reply("200 OK", asked)]) as (_, port):
        result = await probe("127.0.0.1", port)
    assert result.code == 200


async def test_answers_that_trip_a_simple_parser_are_understood() -> None:
    """Compact names, a tag with '=', a bare parameter, a Chinese name: all seen on real exchanges."""

    def script(_n: int, asked: dict[str, str]) -> list[bytes]:
        lines = [
            "SIP/2.0 200 OK", f"v: {asked['Via']}", f"f: {asked['From']};lr", f't: "总机" {asked["To"]};tag=YWI=',
            f"i: {asked['Call-ID']}", f"cseq:{asked['CSeq']}", "m: <sip:1.2.3.4;lr>;+sip.instance", "", "v=0",
        ]  # fmt: skip
        return ["\r\n".join(lines).encode()]

    async with peer(script) as (_, port):
        assert (await probe("127.0.0.1", port)).code == 200


async def test_a_dead_port_and_an_unknown_name_are_results() -> None:
    async with peer(lambda _n, _asked: []) as (_, port):
        pass
    dead = await probe("127.0.0.1", port, timeout_s=0.2, attempts=2)
    assert (dead.reachable, dead.code, dead.rtt_ms) == (False, None, None)
    assert dead.reason
    unknown = await probe("trunk.invalid", 5060)
    assert not unknown.reachable and "trunk.invalid" in unknown.reason
