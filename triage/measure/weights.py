"""Learns how much each measure of likeness weighs, from our own pairs and dialogues; says how well by held-out scenes.

``python -m triage.measure.weights`` prints the weights that stand in ``triage.incidents.likeness``. Where callers were
invented with near misses at one place, time and place alone cannot tell: that is what the pairs are for.
"""

import argparse
import csv
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from core.city import City
from core.cityfile import load_city
from core.cityfolder import CityFolder
from core.settings import Settings
from triage.cityrules import city_rules
from triage.incidents.account import Account, account_of, grown, keys, profile
from triage.incidents.likeness import LIKELY, comparable, measures
from triage.incidents.matters import DEFAULT
from triage.judge import Judge
from triage.learn.corpus import FOLDER
from triage.learn.shelf import ensure_model
from triage.measure.calls import read_dialogues
from triage.turns import Turn

#: Measures that speak against; all others speak for. A weight of the other sign would be chance.
AGAINST = frozenset({"other_matter", "other_spot", "elsewhere", "other_unit", "loose", "mixed", "long"})
#: No pair has positions: judged, not learned.
JUDGED = frozenset({"near"})
FOLDS, RIDGE, STEPS = 8, 1.0, 4000
#: Every scene was written with near misses: other matters at one place within the hour. In life ten call about one fire
#: before somebody calls about another next door; such pairs count less. Judged, not measured.
NEAR_MISS, SOON = 0.2, timedelta(hours=1)
_START = datetime(2026, 1, 1, tzinfo=UTC)
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two calls that may be compared, and whether they are about one incident."""

    source: str
    #: Pairs of one group are held out together.
    group: str
    same: bool
    #: How much it counts.
    worth: float
    measured: Mapping[str, float]


@dataclass(frozen=True)
class Material:
    pairs: tuple[Pair, ...]
    #: Pairs of one incident that are never compared, by source: missed whatever the weights.
    lost: Mapping[str, int]


def material(city: City, judge: Judge, console: Console) -> Material:
    """Every pair of calls of each source."""
    files = [*sorted(DEFAULT.parent.glob("pairs*.tsv")), *sorted(FOLDER.glob("dialogues-*.jsonl"))]
    sources: dict[str, list[tuple[str, str, Account]]] = {}
    for path in track(files, "judging", console=console, transient=True):
        read, source = (_lines, path.stem) if path.suffix == ".tsv" else (_dialogues, "dialogues")
        sources.setdefault(source, []).extend(read(path, city, judge))
    made: list[Pair] = []
    lost = dict.fromkeys(sources, 0)
    for source, calls in sources.items():
        for (scene, one, a), (other_scene, other, b) in itertools.combinations(calls, 2):
            same = bool(one) and one == other
            if not comparable(a, b):
                lost[source] += same
                continue
            group = f"{source}/{scene if scene == other_scene else scene + other_scene}"
            worth = NEAR_MISS if not same and abs(a.at - b.at) <= SOON else 1.0
            made.append(Pair(source, group, same, worth, measures(profile(a), profile(b))))
    return Material(tuple(made), lost)


def _lines(path: Path, city: City, judge: Judge) -> Iterator[tuple[str, str, Account]]:
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)):
            line = city.line_called(row["line"])
            verdict = judge.judge(line.number if line else row["line"], [Turn("caller", row["text"])])
            at = _START + timedelta(minutes=float(row["minute"]))
            account = account_of(f"{path.stem}-{number}", at, verdict, [row["text"]])
            yield row["scene"], row["scene"] + row["incident"], account


def _dialogues(path: Path, city: City, judge: Judge) -> Iterator[tuple[str, str, Account]]:
    """What each call told by its end; without a time of their own they follow each other by seconds."""
    for number, call in enumerate(read_dialogues(path, city)):
        at, account, said = call.at or _START + timedelta(seconds=number), None, []
        for end, turn in enumerate(call.turns, 1):
            if turn.leg == "caller":
                said.append(turn.text)
            now = account_of(call.id, at, judge.judge(call.line, call.turns[:end]), said)
            if keys(now):
                account = now if account is None else grown(account, now)
        if account is not None:
            yield call.incident or call.id, call.incident, account


def learn(rows: Vector, same: Vector, worth: Vector, names: Sequence[str]) -> Vector:
    """Bias and weights of a ridge-penalised logistic regression, each weight of the sign that it may have."""
    sign = np.array([0.0, *(-1.0 if name in AGAINST else 1.0 for name in names)])
    full = np.column_stack([np.ones(len(rows)), rows])
    # Nesterov's steps, each put back to where the signs allow.
    step = 1.0 / (0.25 * float(np.linalg.norm(full, 2)) ** 2 + RIDGE)
    here, ahead, momentum = np.zeros(full.shape[1]), np.zeros(full.shape[1]), 1.0
    penalty = RIDGE * (sign != 0)
    for _ in range(STEPS):
        gradient = full.T @ (worth * (1.0 / (1.0 + np.exp(-(full @ ahead))) - same)) + penalty * ahead
        there = ahead - step * gradient
        there = np.where(sign * there < 0, 0.0, there)
        after = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead, here, momentum = there + (momentum - 1.0) / after * (there - here), there, after
    return here


def held_out(rows: Vector, same: Vector, worth: Vector, groups: Sequence[str], names: Sequence[str]) -> Vector:
    """Probability of each pair by weights learned without its group's fold."""
    every = sorted(set(groups))
    random.Random(1).shuffle(every)  # noqa: S311  the same folds every time
    fold = np.array([{group: at % FOLDS for at, group in enumerate(every)}[group] for group in groups])
    found = np.zeros(len(same))
    for number in range(FOLDS):
        kept = fold != number
        weights = learn(rows[kept], same[kept], worth[kept], names)
        found[fold == number] = 1.0 / (1.0 + np.exp(-(weights[0] + rows[fold == number] @ weights[1:])))
    return found


def main() -> None:
    console = Console(stderr=True)
    settings = Settings()
    options = argparse.ArgumentParser(description="Learn how much each measure of likeness weighs.")
    options.add_argument("--city", type=Path, help="a city folder; without it the site's")
    given = options.parse_args().city
    files = settings.city_folder if given is None else CityFolder(given)
    city = load_city(files)
    rules, categories, _ = city_rules(files)
    data = material(city, Judge(city, rules, categories, model=ensure_model(settings, city, console)), console)
    names = [name for name in data.pairs[0].measured if name not in JUDGED]
    rows = np.array([[pair.measured[name] for name in names] for pair in data.pairs])
    same = np.array([float(pair.same) for pair in data.pairs])
    worth = np.array([pair.worth for pair in data.pairs])
    found = held_out(rows, same, worth, [pair.group for pair in data.pairs], names)
    weights = (round(float(weight), 2) for weight in learn(rows, same, worth, names))
    print("bias", next(weights), dict(zip(names, weights, strict=True)))
    for source, lost in (*data.lost.items(), ("", sum(data.lost.values()))):
        of = np.array([pair.source == source or not source for pair in data.pairs])
        for threshold in sorted({0.4, LIKELY, 0.6, 0.7}):
            given = of & (found >= threshold)
            right, pairs = float(same[given].sum()), float(same[of].sum()) + lost
            print(
                f"{source or 'all'} ≥ {threshold}: precision {right / max(given.sum(), 1):.3f} ({right:.0f}/"
                f"{given.sum()}), by worth {right / max(float(worth[given].sum()), 1):.3f}, "
                f"recall {right / pairs:.3f} ({right:.0f}/{pairs:.0f})"
            )


if __name__ == "__main__":
    main()
