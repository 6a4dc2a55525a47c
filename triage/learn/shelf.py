"""Where models lie: one learned from what heyi brings, in the cache; a city's own beside its data, used before that."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from core.city import City
from core.settings import Settings
from triage.hearing import Hearing
from triage.learn.corpus import Example, data_hash, seed_corpus
from triage.learn.fit import LEARNER, train
from triage.learn.model import FORMAT, Model, ModelError, load_model
from triage.rulefile import FOLDER


def own_path(settings: Settings) -> Path:
    """The model of the city's own tickets, if it has one."""
    return settings.data / "triage" / "model.npz"


def seed_path(settings: Settings, examples: Sequence[Example]) -> Path:
    """The model of just these examples under the present rules and learner: a change of any asks for another file."""
    rules = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(FOLDER.glob("*.yaml")))).hexdigest()
    return settings.cache / "triage" / f"model-{FORMAT}.{LEARNER}-{data_hash(examples)}-{rules[:12]}.npz"


def ensure_model(settings: Settings, city: City, console: Console) -> Model:
    """The city's own model, else the one of the seed corpus, which is trained first where it is missing.

    An own model that cannot be read (damaged, or of a format before an update) is told in a line; calls are judged by
    the other until there is a new one.
    """
    own = own_path(settings)
    if own.exists():
        try:
            return load_model(own)
        except ModelError as error:
            console.print(f"{error}; the model of the corpus judges until then", highlight=False, soft_wrap=True)
    examples = seed_corpus(city)
    path = seed_path(settings, examples)
    if not path.exists():
        console.print(f"training the judge on {len(examples)} lines, once", highlight=False)
        train_with_progress(examples, city, console).save(path)
    return load_model(path)


def train_with_progress(examples: Sequence[Example], city: City, console: Console, seed: int = 0) -> Model:
    """Train, with a bar that says what is under way."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("reading", total=None)

        def done(what: str, at: int, of: int) -> None:
            progress.update(task, description=what, completed=at, total=of)

        return train(examples, Hearing(city), seed=seed, done=done)
