"""Asterisk's configuration for the administrator's pages, by the same code as ``heyi dialplan check`` and ``apply``."""

import re
from collections.abc import Mapping, Sequence

import structlog
from rich.console import Console

from asr import models
from asr.engines.load import load_engine
from core.city import City
from core.cityfile import load_city, open_city
from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from desk.config.checking import Opening, opening, rule_faults
from desk.config.ports import Applied
from desk.config.service import Configuration
from desk.server import bundle_ready
from heyi.errors import BundleMissing
from heyi.site import with_database
from heyi.sounds import recorded_of
from ivr.phrases import prompts
from ivr.prompts import stale_prompts
from quality.checks.review import prepare
from telephony import dialplan
from telephony.install import Install, Server, check_space
from ticketing.flows.table import Flows
from triage.categories import Categories
from triage.cityrules import city_rules
from triage.judge import Judge
from triage.learn.shelf import ensure_model
from triage.places import Gazetteer
from triage.questions import Question
from triage.rules import RuleSet

log = structlog.get_logger(__name__)
#: What puts back what heyi last started with.
RESTORE = "./run heyi city restore {}"

#: Values that nobody needs to see: telephones' passwords, the manager's, the voice's token.
_SECRET = re.compile(r"^(\s*(?:secret|password)\s*=\s*).*$", re.MULTILINE)
_TOKEN = re.compile(r"(AGI\(agi://[^,]*,)[^,)]*")


class AsteriskConfig:
    """For the Asterisk that runs from this site's folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.data / "asterisk"
        running = open_city(settings.city_folder)[0].profile
        #: Engines and models that are known to go together.
        self._spoken = {(running.asr_engine, running.asr_model)}

    def fit(self, city: City) -> None:
        path = models.require(city.profile.asr_model, self._settings.cache)
        spoken = (city.profile.asr_engine, city.profile.asr_model)
        if spoken not in self._spoken:
            # An engine that cannot read this model would end the next start: it is loaded once, and dropped.
            load_engine(city.profile.asr_engine, path)
            self._spoken.add(spoken)
        try:
            dialplan.render(city, self._settings, self._install(), self._folder)
            Flows(city)
            Gazetteer(city)
        except HeyiError:
            raise
        except Exception as error:
            raise HeyiError(f"heyi would not start with this: {error}") from error

    def differences(self, city: City) -> Mapping[str, tuple[str, str]]:
        etc, found = self._folder / "etc", {}
        for name, text in dialplan.render(city, self._settings, self._install(), self._folder).items():
            path = etc / name
            now = path.read_text("utf-8") if path.is_file() else ""
            if now != text:
                found[name] = (_blanked(now), _blanked(text))
        return found

    def problems(self, city: City) -> Sequence[str]:
        return dialplan.check(city, self._settings, self._install())

    def apply(self, city: City) -> Applied:
        install = self._install()
        running = Server(install, self._folder).pid() is not None
        changed = dialplan.apply(city, self._settings, install, self._folder)
        late = tuple(name for name in changed if name not in dialplan.RELOADS) if running else ()
        return Applied(tuple(changed), late, running)

    def unspoken(self, city: City) -> Sequence[str]:
        recorded, _ = recorded_of(self._settings, city)
        own = {name: path for (language, name), path in recorded.by_name.items() if language == "zh"}
        texts = prompts(city, voiced=self._settings.voice)
        return stale_prompts(texts, self._folder / "sounds", city.profile.voice, own)

    def _install(self) -> Install:
        return Install.find(self._settings)


def _blanked(text: str) -> str:
    return _TOKEN.sub(r"\1••••", _SECRET.sub(r"\1••••", text))


def configuration(settings: Settings, database: Database) -> Configuration:
    """The city's files with their versions."""
    return Configuration(database, SystemClock(), settings.city_folder, AsteriskConfig(settings).fit)


def laid_out(settings: Settings) -> tuple[Opening, list[str]]:
    """What heyi opens with, the folder of changed files made even with the database first; and which files were changed
    since it was last open."""
    check_space(settings)

    async def lay(database: Database) -> list[str]:
        room = configuration(settings, database)
        await room.lay_out()
        return await room.changed_since_start()

    since = with_database(settings, lay)
    return _opening(settings), since


def own_rules(settings: Settings) -> tuple[RuleSet, Categories, dict[str, tuple[Question, ...]]]:
    """See :func:`triage.cityrules.city_rules`, of the site's city."""
    return city_rules(settings.city_folder)


def prove(settings: Settings) -> None:
    """Read all that a start reads, and open nothing.

    Raises :class:`HeyiError` with the reason why it would not open, or would leave out a file of the city.
    """
    check_space(settings)
    if not bundle_ready():
        raise BundleMissing
    city = load_city(settings.city_folder)
    if faults := rule_faults(settings.city_folder):
        raise HeyiError("\n".join(f"{fault.file}:{fault.line}: {fault.text}" for fault in faults))
    AsteriskConfig(settings).fit(city)
    rules, categories, _ = own_rules(settings)
    # What has to be trained for this city is trained now, while the former house still answers.
    learned = ensure_model(settings, city, Console(stderr=True))
    Judge(city, rules, categories, model=learned)
    prepare(settings, city, rules_only=True)


def opened(settings: Settings) -> City:
    """The city, with changed files that no longer fit left out and told: whoever calls must be answered."""
    return _opening(settings).city


def _opening(settings: Settings) -> Opening:
    made = opening(settings.city_folder, AsteriskConfig(settings).fit)
    changed = settings.city_folder.changes()
    for fault in made.faults:
        log.error(
            "a file of the city is left out", file=fault.file, line=fault.line, fault=fault.text,
            put_back=RESTORE.format(fault.file if fault.file in changed else "--all") if changed else "",
        )  # fmt: skip
    return made
