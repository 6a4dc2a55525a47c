"""What was measured on labelled utterances, as JSON and as tables."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

from triage.measure.rates import AtFalseAlarms, Found, Rate


@dataclass(frozen=True)
class RulesAlone:
    """What the rules find without the model, and what they raise for nothing."""

    threshold: float
    recall: Rate
    false_alarms: Rate
    at_false_alarms: tuple[AtFalseAlarms, ...]


@dataclass(frozen=True)
class Report:
    """What was measured on one file. Probabilities are those of the words alone, the line left out."""

    file: str
    rules_version: int
    #: Hash of the data that the model learned from; empty for rules alone.
    model: str
    #: True where the texts were said to come from recognition.
    recognised: bool
    rows: int
    #: Columns that the file does not have: what they label was not measured.
    absent_columns: tuple[str, ...]
    #: Lines and codes of the file that the city does not have.
    unknown_lines: tuple[str, ...]
    unknown_codes: tuple[str, ...]
    threshold: float
    #: Words alone, at ``threshold``.
    recall: Rate
    false_alarms: Rate
    at_false_alarms: tuple[AtFalseAlarms, ...]
    #: Rules without the model, at their own threshold.
    rules_alone: RulesAlone
    #: With the line dialled: emergencies that are not left as service, and service calls on service lines raised.
    recall_by_policy: Rate
    missed_as_service: Rate
    false_alarms_on_service_lines: Rate
    #: Service calls on service lines that a person is asked to look at again.
    reviews_on_service_lines: Rate
    #: On emergency lines: service calls for which a transfer is suggested, and emergencies for which it wrongly is.
    transfers_suggested: Rate
    transfers_suggested_wrongly: Rate
    hard_negatives_alarmed: Rate
    #: Emergencies found among those tagged indirect or covert.
    indirect_covert: Rate
    #: Emergencies found by words per L2 and per tag; service calls alarmed per tag.
    recall_per_code: Mapping[str, Rate]
    recall_per_tag: Mapping[str, Rate]
    false_alarms_per_tag: Mapping[str, Rate]
    l1: Rate
    l1_top2: Rate
    l2: Rate
    l2_top2: Rate
    l2_emergency: Rate
    l2_emergency_top2: Rate
    l2_service: Rate
    l2_service_top2: Rate
    #: Of the utterances labelled with a code, those that get it.
    l2_per_code: Mapping[str, Rate]
    nature: Rate
    #: Town and community right; the whole canonical name right; a place where the label has none.
    place_found: Rate
    place_exact: Rate
    place_invented: Rate
    #: Labels' components as spoken, each by itself.
    place_parts: Rate
    #: The best place, right or wrong, where there is a label and where there is none.
    place: Found
    phone: Rate
    phone_invented: Rate
    #: Expected calibration error of p_emergency, ten bins.
    ece: float
    #: Milliseconds of utterances that the judge had not seen before.
    latency_ms_p50: float
    latency_ms_p95: float
    predictions: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, without the predictions."""
        return {key: value for key, value in asdict(self).items() if key != "predictions"}

    def write_predictions(self, path: Path) -> None:
        """One JSON object a line, a line for each row of the file."""
        write_lines(path, self.predictions)

    def __rich__(self) -> Group:
        judged = f"rules version {self.rules_version}, model {self.model or 'none'}"
        heard = ", recognised" if self.recognised else ""
        table = Table(title=f"{self.file}: {self.rows} rows{heard}, {judged}", title_justify="left")
        table.add_column("measure")
        table.add_column("share [95 % Wilson] (count)")
        alone = self.rules_alone
        for name, rate in (
            (f"emergency recall, words alone, p ≥ {self.threshold:g}", self.recall),
            ("false alarms, words alone", self.false_alarms),
            *((f"recall at ≤ {at.false_alarms_at_most:.0%} false alarms", at.recall) for at in self.at_false_alarms),
            (f"rules alone, p ≥ {alone.threshold:g}: recall", alone.recall),
            ("rules alone: false alarms", alone.false_alarms),
            *((f"rules alone: recall at ≤ {at.false_alarms_at_most:.0%}", at.recall) for at in alone.at_false_alarms),
            ("indirect and covert calls found", self.indirect_covert),
            ("hard negatives alarmed", self.hard_negatives_alarmed),
            ("emergencies kept or raised, with the line", self.recall_by_policy),
            ("emergencies left as service", self.missed_as_service),
            ("false alarms on service lines", self.false_alarms_on_service_lines),
            ("reviews on service lines", self.reviews_on_service_lines),
            ("transfer suggested for service calls on emergency lines", self.transfers_suggested),
            ("transfer suggested for emergencies", self.transfers_suggested_wrongly),
            ("L1", self.l1),
            ("L1 top-2", self.l1_top2),
            ("L2 top-1", self.l2),
            ("L2 top-2", self.l2_top2),
            ("L2 top-1 / emergencies", self.l2_emergency),
            ("L2 top-2 / emergencies", self.l2_emergency_top2),
            ("L2 top-1 / service", self.l2_service),
            ("L2 top-2 / service", self.l2_service_top2),
            ("nature", self.nature),
            ("place found (town and community)", self.place_found),
            ("place exact", self.place_exact),
            ("place components", self.place_parts),
            ("place where there is none", self.place_invented),
            ("places given that are right", self.place.precision),
            ("phone", self.phone),
            ("phone where there is none", self.phone_invented),
        ):
            table.add_row(name, str(rate))
        table.add_row("place F1", f"{self.place.f1:.3f}")
        table.add_row("expected calibration error", f"{self.ece:.3f}")
        table.add_row("latency per utterance", f"p50 {self.latency_ms_p50:.2f} ms, p95 {self.latency_ms_p95:.2f} ms")
        codes = {"emergency found": self.recall_per_code, "L2 top-1": self.l2_per_code}
        tags = {"emergency found": self.recall_per_tag, "service call alarmed": self.false_alarms_per_tag}
        more = [
            _side_by_side(key, columns) for key, columns in (("code", codes), ("tag", tags)) if any(columns.values())
        ]
        return Group(table, *more, *self._notes())

    def _notes(self) -> list[str]:
        return [
            f"{what}: {', '.join(names)}"
            for what, names in (
                ("not in the file, so not measured", self.absent_columns),
                ("lines that the city does not have, judged as service lines", self.unknown_lines),
                ("codes that the city does not have, counted as missed", self.unknown_codes),
            )
            if names
        ]


def _side_by_side(key: str, columns: Mapping[str, Mapping[str, Rate]]) -> Table:
    table = Table(title=f"by {key}", title_justify="left")
    table.add_column(key)
    for name in columns:
        table.add_column(name)
    for one in sorted({k for rates in columns.values() for k in rates}):
        table.add_row(one, *(str(rates[one]) if one in rates else "" for rates in columns.values()))
    return table


def write_lines(path: Path, objects: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line."""
    path.write_text("".join(f"{json.dumps(o, ensure_ascii=False)}\n" for o in objects), encoding="utf-8")
