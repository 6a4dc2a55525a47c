"""What the house gives recognition to know: the city's words, those that people added, and what callers say."""

from pathlib import Path

import triage
from asr.recognition import Engine
from asr.words import overlay
from asr.words.city import FreshWords
from asr.words.rescore import Improver, improver
from core.city import City
from core.cityfolder import CityFolder
from core.settings import Settings

#: Sentences with their classes, from which the judge learns; the language model of recognition learns from them too.
SENTENCES = Path(triage.__file__).resolve().parent / "corpus"


def words_of(settings: Settings, city: City) -> tuple[Path, ...]:
    """What decode processes are told: folder of the city, added words, sentences, cache, the city's changed files.

    Empty for bare text.
    """
    if not city.profile.asr_words:
        return ()
    folder = settings.city_folder
    return (
        folder.seed.resolve(),
        settings.data.resolve() / overlay.FILE,
        SENTENCES,
        settings.cache.resolve() / "words",
        (folder.changed or folder.seed).resolve(),
    )


def improver_of(settings: Settings, city: City, engine: Engine) -> Improver | None:
    """The same for an engine in this process."""
    told = words_of(settings, city)
    return improver(engine, FreshWords(CityFolder(told[0], told[4]), told[1]), told[2], told[3]) if told else None
