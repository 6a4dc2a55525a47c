"""The running process takes up another model: no call is interrupted, the next utterance is judged by it."""

import asyncio
from collections.abc import Callable

import structlog

from core.bus import Bus
from core.city import City
from core.errors import HeyiError
from core.settings import Settings
from triage.judge import Judge
from triage.learn.model import load_model
from triage.loop.models import ModelChanged, kept_path

log = structlog.get_logger(__name__)


class ModelSwitch:
    """Subscribes itself to ``bus``; ``use`` is given a judge with the model that was promoted, or taken back.

    Rules and places stay those that this process read at its start. A model that cannot be read is logged, and the
    one before judges on.
    """

    def __init__(self, bus: Bus, city: City, settings: Settings, judge: Judge, use: Callable[[Judge], None]) -> None:
        self._city = city
        self._settings = settings
        self._judge = judge
        self._use = use
        bus.subscribe(self._changed, ModelChanged)

    async def _changed(self, event: ModelChanged) -> None:
        now = self._judge
        try:
            model = await asyncio.to_thread(load_model, kept_path(self._settings, event.version))
        except HeyiError as error:
            log.error("a promoted model cannot be read: the one before judges on", error=str(error))
            return
        self._judge = Judge(self._city, now.rules, now.categories, now.gazetteer, model=model)
        self._use(self._judge)
        log.info("another model judges", version=event.version, by=event.by)
