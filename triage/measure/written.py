"""The same learning on written messages, for comparison with what others publish; nothing of it is used in calls.

What is measured is the learner: its features (:mod:`triage.learn.features`) and its fit (:mod:`triage.learn.fit`).
"""

import csv
import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from scipy.sparse import csr_matrix, diags_array

from core.errors import HeyiError
from triage.hearing import Heard
from triage.learn.features import features
from triage.learn.fit import ridge
from triage.measure.rates import macro_f1

FOLDS = 5
#: Macro-F1 to reach, and what others had: characters (1,3) with a linear SVM on the same split by prefix; TF-IDF and an
#: SVM as published for this set.
GOAL, LINEAR_SVM, PUBLISHED = 0.92, 0.919, 0.92
#: Messages that begin alike were sent more than once: they are held out together.
_PREFIX = 20
#: Longer runs of characters than for utterances: written words are chosen, spoken ones are not.
_LONGEST = 3
#: Strength of the ridge: weaker than for utterances, messages are long. From 0.1 to 0.3 the figure moves by 0.001.
_STRENGTH = 0.2
#: A gram of one message only says nothing about others.
_LEAST_MESSAGES = 2
_TEXTS = ("text", "text_segmented")
_HINT = "tabs: label, and text or text_segmented"
#: A sparse matrix of scipy, which has no types.
Counts: TypeAlias = Any


@dataclass(frozen=True)
class Message:
    label: str
    text: str


@dataclass(frozen=True)
class WrittenReport:
    """What was measured on held-out messages."""

    file: str
    messages: int
    folds: int
    macro_f1: float
    goal: float
    f1: dict[str, float]
    accuracy: float
    #: Of one core.
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    def __rich__(self) -> Table:
        table = Table(
            title=f"{self.file}: {self.messages} messages, {self.folds} folds by prefix", title_justify="left"
        )
        table.add_column("measure")
        table.add_column("held out", justify="right")
        table.add_row("macro-F1", f"{self.macro_f1:.4f}")
        table.add_row("  goal", f"{self.goal} ({'reached' if self.macro_f1 >= self.goal else 'not reached'})")
        table.add_row("  characters (1,3), linear SVM; published", f"{LINEAR_SVM}; {PUBLISHED}")
        for label, value in self.f1.items():
            table.add_row(f"F1 {label}", f"{value:.4f}")
        table.add_row("accuracy", f"{self.accuracy:.4f}")
        table.add_row("time of one core", f"{self.seconds:.0f} s")
        return table


def read_messages(path: Path) -> tuple[Message, ...]:
    """Messages of a TSV, packed by gzip or not, with the columns ``label`` and ``text`` (or ``text_segmented``)."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            header = reader.fieldnames or ()
            column = next((name for name in _TEXTS if name in header), None)
            if column is None or "label" not in header:
                raise HeyiError(
                    f"{path}: the header lacks label or text", hint="tabs; label and text or text_segmented"
                )
            made = [_message(path, reader.line_num, row, column) for row in reader]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise HeyiError(f"{path}: cannot be read: {error}") from error
    if len({m.label for m in made}) < 2:
        raise HeyiError(f"{path}: messages of two labels at least are needed")
    return tuple(made)


def _message(path: Path, number: int, row: dict[str, str | None], column: str) -> Message:
    label, text = (row["label"] or "").strip(), "".join((row[column] or "").split())
    if not label or not text:
        raise HeyiError(f"{path}, row {number}: label or text is empty")
    return Message(label, text)


def _runs(text: str) -> Iterator[str]:
    for size in range(1, _LONGEST + 1):
        for first in range(len(text) - size + 1):
            yield text[first : first + size]


def bench_written(path: Path, done: Callable[[str, int, int], None] = lambda what, at, of: None) -> WrittenReport:
    """Cross-validate on ``path``; ``done`` is told what is under way, how far, of how much."""
    start = process_time()
    messages = read_messages(path)
    counts = _counts(messages, done)
    labels = sorted({m.label for m in messages})
    truth = np.array([labels.index(m.label) for m in messages])
    folds = np.array([crc32(m.text[:_PREFIX].encode()) % FOLDS for m in messages])
    guessed = np.zeros_like(truth)
    for fold in range(FOLDS):
        done("cross-validating", fold, FOLDS)
        learned, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(learned) and len(held):
            guessed[held] = _guessed(counts, learned, held, truth[learned], len(labels))
    done("cross-validating", FOLDS, FOLDS)
    f1, by_label = macro_f1([m.label for m in messages], [labels[at] for at in guessed])
    return WrittenReport(
        file=path.name, messages=len(messages), folds=FOLDS, macro_f1=round(f1, 4), goal=GOAL,
        f1={label: round(value, 4) for label, value in by_label.items()},
        accuracy=round(float((guessed == truth).mean()), 4), seconds=round(process_time() - start, 1),
    )  # fmt: skip


def _counts(messages: Sequence[Message], done: Callable[[str, int, int], None]) -> Counts:
    """How often each message (row) has each gram (column)."""
    column_of: dict[str, int] = {}
    columns: list[NDArray[np.int32]] = []
    values: list[NDArray[np.float32]] = []
    for at, message in enumerate(messages, 1):
        # Rules and places of a city have no part in it.
        grams = Counter(_runs(features(Heard(message.text, (), (), (), ())).masked))
        columns.append(_array((column_of.setdefault(gram, len(column_of)) for gram in grams), np.int32))
        values.append(_array(grams.values(), np.float32))
        if at % 100 == 0 or at == len(messages):
            done("reading", at, len(messages))
    ends = np.cumsum([0, *map(len, columns)])
    return csr_matrix((np.concatenate(values), np.concatenate(columns), ends), shape=(len(messages), len(column_of)))


def _array(values: Iterable[float], kind: Any) -> Any:
    return np.fromiter(values, kind)


def _guessed(
    counts: Counts, learned: NDArray[np.intp], held: NDArray[np.intp], truth: NDArray[np.intp], labels: int
) -> NDArray[np.intp]:
    """Labels of the held-out messages by what the learned ones teach; nothing of the former is looked at before."""
    messages = np.diff(counts[learned].tocsc().indptr)
    kept = np.flatnonzero(messages >= _LEAST_MESSAGES)
    idf = (np.log((1 + len(learned)) / (1 + messages[kept])) + 1).astype(np.float32)
    rows = _weighted(counts[learned][:, kept], idf)
    wanted = np.zeros((len(learned), labels), np.float32)
    wanted[np.arange(len(learned)), truth] = 1
    usual = wanted.mean(0)
    weights = ridge(rows, wanted - usual, _STRENGTH)
    margins = _weighted(counts[held][:, kept], idf) @ weights + usual
    best: NDArray[np.intp] = margins.argmax(1)
    return best


def _weighted(counts: Counts, idf: NDArray[np.float32]) -> Counts:
    """TF-IDF, counts by their logarithm, each row of length 1."""
    made = counts.copy()
    made.data = (1 + np.log(made.data)).astype(np.float32)
    made = made @ diags_array(idf)
    length = np.sqrt(np.asarray(made.multiply(made).sum(1)).ravel())
    return csr_matrix(diags_array(1 / np.maximum(length, 1e-12)) @ made, dtype=np.float32)
