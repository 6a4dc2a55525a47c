"""What must be on this machine before the first call: models, prompts, music, Asterisk's configuration."""

from collections.abc import Collection

from rich.console import Console

from asr import models
from core.city import City
from core.errors import HeyiError
from core.settings import Settings
from ivr import voice_model
from ivr.music import ensure_music
from ivr.phrases import prompts
from ivr.prompts import ensure_prompts
from ivr.voice import Voice
from telephony import dialplan
from telephony.install import Install, Server, check_ports, check_space


def everything(settings: Settings, city: City, console: Console, lines: Collection[str] | None = None) -> Voice:
    """Models fetched and checked, prompts spoken, music made; the voice for whoever has more to say.

    ``lines``: only these lines' greetings, where the rest can wait.
    """
    check_space(settings)
    models.ensure(city.profile.asr_model, settings.cache)
    voice = Voice(voice_model.ensure(settings.cache), settings.cache)
    folder = settings.data / "asterisk"
    ensure_prompts(prompts(city, lines), folder / "sounds", voice, speaker=city.profile.voice, console=console)
    ensure_music(folder / "music")
    return voice


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
