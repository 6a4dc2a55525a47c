"""Doors over a small city, pictures, and a receiver of messages."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import av
import numpy as np

from tests.unit.ticket_support import CITY, Room, verdict
from ticketing.doors.room import Doors
from triage.turns import Turn
from triage.verdict import Verdict

SECRET = "for tests only"


@dataclass
class Judged:
    """Judges by a word: 着火 is a fire, 水 a matter of water."""

    heard: list[tuple[str, tuple[Turn, ...]]] = field(default_factory=list)
    fails: bool = False

    def __call__(self, line: str, turns: Sequence[Turn], caller: str) -> Verdict:
        if self.fails:
            raise RuntimeError("no judgement today")
        self.heard.append((line, tuple(turns)))
        text = "".join(turn.text for turn in turns)
        if "着火" in text:
            return verdict("emergency", "E101", place="池店镇华洲村", department="fire", nature="求助")
        return (
            verdict("service", "S0104", place="池店镇", department="water", nature="投诉")
            if "水" in text
            else verdict()
        )


@asynccontextmanager
async def doors(folder: Path) -> AsyncIterator[tuple[Room, Doors, Judged]]:
    room = Room(f"sqlite+aiosqlite:///{folder / 'heyi.db'}")
    await room.database.create_all()
    judge = Judged()
    try:
        yield room, Doors(room.database, CITY, room.clock, secret=SECRET, data=folder, judge=judge), judge
    finally:
        await room.close()


def jpeg(width: int = 64, height: int = 48, exif: bytes = b"") -> bytes:
    """A real JPEG; ``exif``: an APP1 segment's body, put behind its first marker."""
    out = BytesIO()
    with av.open(out, "w", format="image2pipe") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        shades = np.linspace(0, 255, width * height * 3).astype(np.uint8).reshape(height, width, 3)
        frame = av.VideoFrame.from_ndarray(shades, format="rgb24").reformat(format="yuvj420p")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    data = out.getvalue()
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif if exif else b""
    return data[:2] + segment + data[2:]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int = 8, height: int = 4, more: bytes = b"", rows: int | None = None) -> bytes:
    """A PNG of grey; ``rows``: how many of its rows are there."""
    pixels = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height if rows is None else rows)))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + more + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@dataclass
class Receiver:
    """An HTTP server that keeps what it is sent and answers as told; ``statuses`` in turn, the last one for ever."""

    statuses: list[int] = field(default_factory=lambda: [200])
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    hang: bool = False
    port: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _open: list[asyncio.StreamWriter] = field(default_factory=list)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Receiver"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._open:
                writer.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.append(writer)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        headers["path"] = head[0].split(" ")[1]
        self.got.append((headers, body))
        self.arrived.set()
        if not self.hang:
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            where = "Location: http://127.0.0.1:1/\r\n" if 300 <= status < 400 else ""
            writer.write(f"HTTP/1.1 {status} X\r\n{where}Content-Length: 2\r\nConnection: close\r\n\r\nok".encode())
            await writer.drain()
            writer.close()
        else:
            await reader.read()
            writer.close()
