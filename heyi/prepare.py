"""What must be on this machine before the first call: models, prompts, music, Asterisk's configuration."""

from collections.abc import Collection

from rich.console import Console

from asr import models
from core.city import City
from core.errors import HeyiError
from core.settings import Settings
from heyi.sounds import recorded_of, store_of
from ivr import voice_model
from ivr.inventory import first_sayings, sayings
from ivr.music import ensure_music
from ivr.phrases import prompts
from ivr.prompts import ensure_prompts, ensure_spoken
from ivr.voice import Voice
from telephony import dialplan
from telephony.install import Install, Server, check_ports, check_space
from triage.learn.shelf import ensure_model


def everything(settings: Settings, city: City, console: Console, lines: Collection[str] | None = None) -> Voice:
    """Models fetched, checked and trained, prompts spoken, music made; the voice for whoever has more to say.

    ``lines``: only what callers of these lines hear, where the rest can wait.
    """
    voice = fetched(settings, city)
    ensure_model(settings, city, console)
    sounds(settings, city, voice, console, lines)
    return voice


def fetched(settings: Settings, city: City) -> Voice:
    """The models of recognition and voice, fetched and checked."""
    check_space(settings)
    models.ensure(city.profile.asr_model, settings.cache)
    return Voice(voice_model.ensure(settings.cache), settings.cache, threads=1)


def sounds(
    settings: Settings, city: City, voice: Voice, console: Console, lines: Collection[str] | None = None
) -> None:
    """Prompts spoken, music made. ``lines``: see :func:`everything`."""
    folder = settings.data / "asterisk"
    recorded, faults = recorded_of(settings, city)
    if faults:
        raise faults[0]
    named = {name: path for (language, name), path in recorded.by_name.items() if language == "zh"}
    ensure_prompts(
        prompts(city, lines, voiced=settings.voice),
        folder / "sounds",
        voice,
        speaker=city.profile.voice,
        console=console,
        recorded=named,
    )
    if settings.voice:
        # Most of it can wait: a running house speaks what is missing when it is quiet (:mod:`heyi.sounds`).
        wanted = sayings(city) if lines is None else first_sayings(city, lines)
        missing = (one for one in wanted if (one.language, one.text) not in recorded.by_text)
        ensure_spoken(missing, store_of(settings, city), voice, console)
    ensure_music(folder / "music")


def asterisk(settings: Settings, city: City) -> Server:
    """An Asterisk ready to start: ports free, configuration rendered. One that already runs from there is refused."""
    install = Install.find(settings)
    folder = settings.data / "asterisk"
    server = Server(install, folder)
    if server.pid() is not None:
        raise HeyiError(f"an Asterisk already runs from {folder}", hint="./run heyi asterisk stop")
    check_space(settings)
    check_ports(settings)
    ensure_music(folder / "music")
    dialplan.write(dialplan.render(city, settings, install, folder), folder)
    return server
