"""Two telephones that call each other without a server between: what they take they give back."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from telephony.dialplan import free_ports
from telephony.phone import Phone, PhoneCall

HOST = "127.0.0.1"


@pytest.fixture
async def phones() -> AsyncIterator[tuple[Phone, Phone]]:
    first, second = free_ports(2)
    made = (
        Phone("1001", host=HOST, port=first, rtp_start=free_rtp(), rtp_count=1, registrar=(HOST, second)),
        Phone("1002", host=HOST, port=second, rtp_start=free_rtp(), rtp_count=1, registrar=(HOST, first)),
    )
    for phone in made:
        await phone.start()
    yield made
    for phone in made:
        await phone.close()


def free_rtp() -> int:
    """An even port whose neighbour is free, too."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as rtp, socket.socket(type=socket.SOCK_DGRAM) as rtcp:
            rtp.bind((HOST, 0))
            port: int = rtp.getsockname()[1]
            try:
                rtcp.bind((HOST, port + 1))
            except (OSError, OverflowError):
                continue
            if port % 2 == 0:
                return port


@pytest.mark.parametrize("steps", range(6))
async def test_who_is_cancelled_while_hanging_up_keeps_no_port(phones: tuple[Phone, Phone], steps: int) -> None:
    caller, callee = phones
    ringing: asyncio.Queue[PhoneCall] = asyncio.Queue()
    callee.on_call = ringing.put
    calling = asyncio.create_task(caller.call("1002"))
    taken = await ringing.get()
    await taken.answer()
    await calling

    hanging_up = asyncio.create_task(taken.hang_up())
    for _ in range(steps):  # cancelled at each place where it waits
        await asyncio.sleep(0)
    hanging_up.cancel()
    await asyncio.gather(hanging_up, return_exceptions=True)
    await callee.close()

    assert callee.next_rtp_port()


@pytest.mark.parametrize("steps", range(6))
async def test_who_is_cancelled_while_answering_keeps_no_port(phones: tuple[Phone, Phone], steps: int) -> None:
    caller, callee = phones
    ringing: asyncio.Queue[PhoneCall] = asyncio.Queue()
    callee.on_call = ringing.put
    calling = asyncio.create_task(caller.call("1002"))
    taken = await ringing.get()

    answering = asyncio.create_task(taken.answer())
    for _ in range(steps):
        await asyncio.sleep(0)
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    await callee.close()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)

    assert callee.next_rtp_port()
