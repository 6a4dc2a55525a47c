"""The conversation between the pool and a decode process; what is said stands in :mod:`asr.decode.worker`."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from asr.recognition import Effort, Engine, Recognition

Improve = Callable[[Recognition, Effort], Recognition]


def serve(engine: Engine, jobs: BinaryIO, out: BinaryIO, improve: Improve | None = None) -> None:
    """Answers jobs in order until ``jobs`` ends; ``improve`` is what is done to each recognition."""
    while line := jobs.readline():
        head = json.loads(line)
        data = jobs.read(2 * head["samples"])
        if len(data) < 2 * head["samples"]:
            return
        found = engine.recognise(np.frombuffer(data, dtype="<i2").astype(np.int16), head["effort"])
        answer(out, dataclasses.asdict(improve(found, head["effort"]) if improve else found))


def answer(out: BinaryIO, body: dict[str, Any]) -> None:
    """One line of JSON, sent at once."""
    out.write(json.dumps(body).encode() + b"\n")
    out.flush()
