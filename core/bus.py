"""The in-process bus: each subscriber sees its events in order and never waits for another subscriber."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from core.events import Event

E = TypeVar("E", bound=Event)
log = structlog.get_logger(__name__)


class Bus:
    """Publish and subscribe inside one event loop.

    A handler that raises is logged and goes on with the next event: one bad event must not silence a room.
    """

    def __init__(self) -> None:
        self._queues: list[tuple[tuple[type[Event], ...], asyncio.Queue[Event]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._listeners: list[Callable[[Event], None]] = []

    def subscribe(self, handler: Callable[[E], Awaitable[None]], *types: type[E]) -> None:
        """Call ``handler`` for each event of ``types`` (and their subclasses), one at a time, in order."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._queues.append((types, queue))
        name = getattr(handler, "__qualname__", repr(handler))
        self._tasks.append(asyncio.create_task(self._pump(queue, handler, name), name=f"bus:{name}"))

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``listener`` synchronously for every event; returns the function that ends it.

        For fan-out to many screens: the listener must not block and must not raise.
        """
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def publish(self, event: Event) -> None:
        for types, queue in self._queues:
            if isinstance(event, types):
                queue.put_nowait(event)
        for listener in tuple(self._listeners):
            listener(event)

    async def drain(self) -> None:
        """Wait until every event published so far, and those that they caused, has been handled."""
        while any(q._unfinished_tasks for _, q in self._queues):  # type: ignore[attr-defined]
            await asyncio.gather(*(q.join() for _, q in self._queues))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._queues.clear()

    @staticmethod
    async def _pump(queue: asyncio.Queue[Event], handler: Callable[[Any], Awaitable[None]], name: str) -> None:
        while True:
            event = await queue.get()
            try:
                await handler(event)
            except Exception:
                log.exception("handler failed", handler=name, event_type=event.type, call_id=event.call_id)
            finally:
                queue.task_done()
