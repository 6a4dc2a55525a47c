"""Asterisk's part in the benchmark of recognition: taps that connect and bring their legs' sound in real time.

Run as ``python -m bench._asr_lines PORT``; on standard input a line of JSON for each leg: ``[token, file]``, the file
holding signed 16-bit samples at 16 kHz. Tells the start of the first sample, in seconds of the machine's steady clock.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

#: One packet: 20 ms.
_PACKET_S, _PACKET = 0.02, 640


async def _bring(tap: ClientConnection, sound: bytes, began: float) -> None:
    await tap.send('{"event":"MEDIA_START"}')
    for number, start in enumerate(range(0, len(sound) - _PACKET + 1, _PACKET), 1):
        # A packet can leave when its last sample was spoken.
        await asyncio.sleep(began + number * _PACKET_S - time.monotonic())
        await tap.send(sound[start : start + _PACKET])
    await tap.close()


async def main() -> None:
    port = int(sys.argv[1])
    orders = [json.loads(line) for line in sys.stdin]
    legs = [(token, await asyncio.to_thread(Path(file).read_bytes)) for token, file in orders]
    taps = [
        await connect(
            f"ws://127.0.0.1:{port}/media?token={token}", subprotocols=[Subprotocol("media")], proxy=None,
            compression=None, ping_interval=None,
        )
        for token, _ in legs
    ]  # fmt: skip
    began = time.monotonic() + 0.5
    print(began, flush=True)
    await asyncio.gather(*(_bring(tap, sound, began) for tap, (_, sound) in zip(taps, legs, strict=True)))


if __name__ == "__main__":
    asyncio.run(main())
