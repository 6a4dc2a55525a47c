"""Proves the ledger by itself after each time the bridge came back into step with Asterisk, and repairs what it finds.

The bridge has then read the same files; the keeper is the second look, through the rows themselves and through
Asterisk's call detail records. What it brings in is stored and told as the bridge would have done, so the rooms above
hear of it, each fact once.
"""

import asyncio
from datetime import timedelta

import structlog

from core.clock import Clock
from core.errors import HeyiError
from telephony.eventfiles import Place
from telephony.reconcile import Reconciler

log = structlog.get_logger(__name__)

#: Calls that arrived earlier are left to ``heyi reconcile``: reading months of files would hold up the living calls.
RECENT = timedelta(days=1)


class Keeper:
    """Runs a :class:`Reconciler` whenever it is asked to; what is asked for meanwhile is one more run."""

    def __init__(self, reconciler: Reconciler, clock: Clock) -> None:
        self._reconciler, self._clock = reconciler, clock
        self._asked = asyncio.Event()
        self._place: Place | None = None
        self._task: asyncio.Task[None] | None = None
        #: Runs that came to an end, for those who wait for one.
        self.runs = 0

    def ask(self, place: Place | None) -> None:
        """Prove what happened after ``place``, the settled one, soon; returns at once."""
        self._place = place
        self._asked.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="keeper of the ledger")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                await self.prove()
            except HeyiError as error:
                log.warning("the ledger could not be proved", error=str(error))
            except Exception:
                # The bridge, the ledger and everybody's calls go on without this second look.
                log.exception("the ledger could not be proved")
            self.runs += 1

    async def prove(self) -> list[str]:
        """Compare, repair, say in one line what was repaired and what is left; returns the repaired calls."""
        if not self._reconciler.has_files:
            return []  # an Asterisk without a call so far
        found = await self._reconciler.compare(self._clock.now() - RECENT, place=self._place)
        if found.ok:
            log.info("the ledger agrees with Asterisk", calls=found.calls, cdr_records=found.cdr_records)
            return []
        repaired = await self._reconciler.repair(found)
        left = await self._reconciler.prove()
        counts = {name: len(faults) for name, faults in found.lists.items() if faults}
        if repaired:
            log.warning("the ledger was repaired from Asterisk's files", calls=", ".join(repaired[:20]), **counts)
        if not left.ok:
            faults = [f"{fault.call_id}: {fault.what}" for faults in left.lists.values() for fault in faults]
            log.error(
                "the ledger differs from Asterisk's files, see: heyi reconcile", left=len(faults), first=faults[0]
            )
        return repaired
