"""A benchmark over a real Asterisk: one number of how many, a table for people, JSON for machines."""

import argparse
import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from rich.console import Console

from core.errors import HeyiError

console = Console(stderr=True)


def command(
    doc: str | None,
    measure: Callable[[int], Awaitable[dict[str, Any]]],
    report: Callable[[dict[str, Any]], None],
    *,
    name: str,
    many: str,
    what: str,
    default: int,
) -> None:
    """Run ``./run bench NAME``; ``--MANY`` says how many, ``what`` these are. Ends with 1 and a line for a fault."""
    parser = argparse.ArgumentParser(prog=f"./run bench {name}", description=(doc or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object on the last line")
    parser.add_argument(f"--{many}", dest="many", type=int, default=default, help=f"{what} (default {default})")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with contextlib.suppress(KeyboardInterrupt):
        try:
            figures = asyncio.run(_awaited(measure(chosen.many)))
        except HeyiError as error:
            console.print(f"[red]bench:[/red] {error}", highlight=False, soft_wrap=True)
            sys.exit(1)
        report(figures)
        if chosen.json:
            print(json.dumps(figures))


async def _awaited(measured: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return await measured
