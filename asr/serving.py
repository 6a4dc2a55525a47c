"""The conversation between the pool and a decode process; what is said stands in :mod:`asr.worker`."""

import dataclasses
import json
from typing import Any, BinaryIO

import numpy as np

from asr.recognition import Engine


def serve(engine: Engine, jobs: BinaryIO, out: BinaryIO) -> None:
    """Answers jobs in order until ``jobs`` ends."""
    while line := jobs.readline():
        head = json.loads(line)
        data = jobs.read(2 * head["samples"])
        if len(data) < 2 * head["samples"]:
            return
        found = engine.recognise(np.frombuffer(data, dtype="<i2").astype(np.int16), head["effort"])
        answer(out, dataclasses.asdict(found))


def answer(out: BinaryIO, body: dict[str, Any]) -> None:
    """One line of JSON, sent at once."""
    out.write(json.dumps(body).encode() + b"\n")
    out.flush()
