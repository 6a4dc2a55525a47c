"""Looks through the tickets when the city's hour has come."""

import asyncio

import structlog

from ticketing.analysis.service import Analysis

log = structlog.get_logger(__name__)


class AnalysisWatch:
    """One or more for each database: the same hour is looked at once. An hour that passed while heyi was down is looked
    at when it is up again. ``poll_s``: seconds between two questions whether it is time."""

    def __init__(self, analysis: Analysis, *, poll_s: float = 60.0) -> None:
        self._analysis = analysis
        self._poll_s = poll_s

    async def run(self) -> None:
        """Look until cancelled; a look that fails is logged and the next one tries again."""
        while True:
            # Not at the very start: calls come first.
            await asyncio.sleep(self._poll_s)
            try:
                await self._analysis.look()
            except Exception:
                log.exception("the tickets could not be looked through")
