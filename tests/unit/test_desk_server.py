"""The web server: its answers leave at once, and a port that is taken is told in one line."""

import asyncio
import socket

import pytest
from fastapi import FastAPI

from core.errors import HeyiError
from desk.live import Feed
from desk.server import DeskServer
from tests.desk_fakes import Stage
from tests.eventually import until


async def test_answers_do_not_wait_for_each_others_packets(stage: Stage) -> None:
    app = FastAPI()
    app.state.feed = Feed(stage.services)
    server = DeskServer(app, "127.0.0.1", 0)
    await server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    assert server._server is not None
    connections = server._server.server_state.connections
    await until(lambda: connections, "the connection is taken up")
    (connection,) = connections
    taken = connection.transport.get_extra_info("socket")
    assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "each answer would come 40 ms late"
    writer.close()
    await writer.wait_closed()
    await server.stop()


async def test_a_port_that_is_taken_is_told(stage: Stage) -> None:
    app = FastAPI()
    app.state.feed = Feed(stage.services)
    first = DeskServer(app, "127.0.0.1", 0)
    await first.start()
    with pytest.raises(HeyiError, match=f"cannot listen on 127.0.0.1:{first.port}"):
        await DeskServer(app, "127.0.0.1", first.port).start()
    await first.stop()
