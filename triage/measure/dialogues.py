"""Measures the judgement over whole calls: how soon it alarms, for what, and what it knows at the end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.progress import track
from rich.table import Table

from core.city import City
from triage.judge import Judge
from triage.measure import rates, slots
from triage.measure.calls import read_dialogues
from triage.measure.links import PRECISION, Link, Links, links
from triage.measure.rates import Rate, Spread
from triage.measure.replay import PARTIAL, Replayed, replay
from triage.measure.report import write_lines
from triage.measure.utterances import judged


@dataclass(frozen=True)
class DialogueReport:
    """What was measured on one file of calls. Alerts are by the words, the line left out, unless said otherwise."""

    file: str
    rules_version: int
    #: Hash of the data that the model learned from; empty for rules alone.
    model: str
    dialogues: int
    unknown_lines: tuple[str, ...]
    threshold: float
    #: Emergencies that alarm at all, in the utterance in which a person knows or before, and by whole utterances alone.
    found: Rate
    found_at_once: Rate
    found_by_finals: Rate
    #: Of those found that begin as emergencies: the caller's utterances and characters until the alert.
    utterances_until_alert: Spread
    characters_until_alert: Spread
    #: Emergencies on service lines left as service at the end: neither raised nor put before a person.
    left_as_service: Rate
    #: Calls to service lines that turn into emergencies: raised; raised in the turn at which a person knows; before it.
    upgraded: Rate
    upgraded_at_once: Rate
    upgraded_before: Rate
    #: On any line, alarmed no sooner than they turn: characters since that utterance began, utterances after it.
    characters_until_upgrade: Spread
    utterances_until_upgrade: Spread
    #: Calm calls: alarmed by the words on any line; alarmed if only whole utterances were judged; raised, and put to
    #: a person, on service lines.
    false_alarms: Rate
    false_alarms_by_finals: Rate
    false_alarms_on_service_lines: Rate
    reviews_on_service_lines: Rate
    found_per_tag: dict[str, Rate]
    false_alarms_per_tag: dict[str, Rate]
    #: At the end of the call, of those labelled.
    code: Rate
    code_top2: Rate
    nature: Rate
    place: Rate
    place_invented: Rate
    #: The number said, else the one called from; and those said to be another.
    phone: Rate
    phone_other: Rate
    name: Rate
    name_invented: Rate
    incidents: Links
    #: Milliseconds that the verdict after each partial took.
    latency_ms: Spread
    predictions: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, without the predictions."""
        return {key: value for key, value in asdict(self).items() if key != "predictions"}

    def write_predictions(self, path: Path) -> None:
        """One JSON object a line, a line for each dialogue."""
        write_lines(path, self.predictions)

    def __rich__(self) -> Group:
        judged_by = f"rules version {self.rules_version}, model {self.model or 'none'}, p ≥ {self.threshold:g}"
        table = Table(title=f"{self.file}: {self.dialogues} dialogues, {judged_by}", title_justify="left")
        table.add_column("measure")
        table.add_column(f"heard in partials of {PARTIAL} characters")
        same = self.incidents
        for name, value in (
            ("emergencies found by words", self.found),
            ("  no later than the utterance that tells a person", self.found_at_once),
            ("  by whole utterances alone", self.found_by_finals),
            ("those from the start: caller's utterances until the alert", self.utterances_until_alert),
            ("  caller's characters until the alert", self.characters_until_alert),
            ("emergencies on service lines left as service", self.left_as_service),
            ("calls to service lines that turn into one: raised", self.upgraded),
            ("  in the utterance at which they turn", self.upgraded_at_once),
            ("  before it", self.upgraded_before),
            ("those that turn, on any line: characters from that utterance's beginning", self.characters_until_upgrade),
            ("  utterances after it", self.utterances_until_upgrade),
            ("calm calls alarmed by words", self.false_alarms),
            ("  by whole utterances alone", self.false_alarms_by_finals),
            ("calm calls on service lines raised", self.false_alarms_on_service_lines),
            ("calm calls on service lines to review", self.reviews_on_service_lines),
            ("at the end: code", self.code),
            ("  code among two", self.code_top2),
            ("  nature", self.nature),
            ("  place (town and community)", self.place),
            ("  place where there is none", self.place_invented),
            ("  phone (said, else called from)", self.phone),
            ("  phone other than the one called from", self.phone_other),
            ("  name", self.name),
            ("  name where there is none", self.name_invented),
            (f"same incident, likeness ≥ {same.threshold:g}: pairs found", same.pairs.recall),
            ("  pairs offered that are right", same.pairs.precision),
            (f"  pairs found at precision ≥ {PRECISION:g} (likeness ≥ {same.best_threshold:g})", same.best_recall),
            ("  later calls offered their incident", same.calls_linked),
            ("  other calls offered one", same.calls_linked_wrongly),
        ):
            table.add_row(name, str(value) if isinstance(value, Rate) else _told(value))
        table.add_row(
            "latency per partial", f"p50 {self.latency_ms.p50:.2f} ms, p95 {self.latency_ms.p95:.2f} ms",
        )  # fmt: skip
        tags = Table(title="by tag", title_justify="left")
        for column in ("tag", "emergency found", "calm call alarmed"):
            tags.add_column(column)
        for tag in sorted({*self.found_per_tag, *self.false_alarms_per_tag}):
            tags.add_row(tag, *(str(of.get(tag, "")) for of in (self.found_per_tag, self.false_alarms_per_tag)))
        notes = [f"lines that the city does not have, judged as service lines: {', '.join(self.unknown_lines)}"]
        return Group(table, *([tags] if tags.rows else []), *(notes if self.unknown_lines else []))


def evaluate_dialogues(path: Path, city: City, judge: Judge | None = None, *, progress: bool = True) -> DialogueReport:
    """Replay every call of ``path`` and compare; a progress bar goes to standard error."""
    dialogues = read_dialogues(path, city)
    judge = judge or Judge(city)
    bar: Iterable[Any] = dialogues
    if progress:
        bar = track(dialogues, "listening", console=Console(stderr=True), transient=True)
    return _report(path, city, judge, [replay(dialogue, judge) for dialogue in bar])


def _report(path: Path, city: City, judge: Judge, heard: Sequence[Replayed]) -> DialogueReport:
    emergency_lines = {line.number for line in city.lines if line.kind == "emergency"}

    def on_service_line(r: Replayed) -> bool:
        return r.dialogue.line not in emergency_lines

    def alarmed(r: Replayed) -> bool:
        return r.alert is not None

    def at_once(r: Replayed) -> bool:
        return r.alert is not None and r.alert.utterances_late <= 0

    urgent = [r for r in heard if r.dialogue.is_emergency]
    calm = [r for r in heard if not r.dialogue.is_emergency]
    turning = [r for r in urgent if r.dialogue.turns_into_one]
    turning_on_service = [r for r in turning if on_service_line(r)]
    alerts = [r.alert for r in urgent if r.alert is not None and not r.dialogue.turns_into_one]
    upgrades = [r.alert for r in turning if r.alert is not None and r.alert.utterances_late >= 0]
    calm_on_service = [r for r in calm if on_service_line(r)]
    coded = [r for r in heard if r.dialogue.code]
    phoned = [r for r in heard if r.dialogue.phone]
    incidents, offered = links(heard)
    return DialogueReport(
        file=path.name,
        rules_version=judge.rules.version,
        model=str(judge.model.about["data"]) if judge.model else "",
        dialogues=len(heard),
        unknown_lines=tuple(sorted({r.dialogue.line for r in heard if city.line(r.dialogue.line) is None} - {""})),
        threshold=judge.emergency,
        found=rates.rate(urgent, alarmed),
        found_at_once=rates.rate(urgent, at_once),
        found_by_finals=rates.rate(urgent, lambda r: r.by_finals),
        utterances_until_alert=rates.spread(a.utterances for a in alerts),
        characters_until_alert=rates.spread(a.characters for a in alerts),
        left_as_service=rates.rate([r for r in urgent if on_service_line(r)], lambda r: r.outcome == "service"),
        upgraded=rates.rate(turning_on_service, alarmed),
        upgraded_at_once=rates.rate(turning_on_service, lambda r: r.alert is not None and r.alert.utterances_late == 0),
        upgraded_before=rates.rate(turning_on_service, lambda r: r.alert is not None and r.alert.utterances_late < 0),
        characters_until_upgrade=rates.spread(a.characters_late for a in upgrades),
        utterances_until_upgrade=rates.spread(a.utterances_late for a in upgrades),
        false_alarms=rates.rate(calm, alarmed),
        false_alarms_by_finals=rates.rate(calm, lambda r: r.by_finals),
        false_alarms_on_service_lines=rates.rate(calm_on_service, lambda r: r.outcome == "emergency"),
        reviews_on_service_lines=rates.rate(calm_on_service, lambda r: r.outcome == "review"),
        found_per_tag=rates.by_key(urgent, lambda r: r.dialogue.tags, alarmed),
        false_alarms_per_tag=rates.by_key(calm, lambda r: r.dialogue.tags, alarmed),
        code=rates.rate(coded, lambda r: r.verdict.code == r.dialogue.code),
        code_top2=rates.rate(coded, lambda r: r.dialogue.code in [c.code for c in r.verdict.candidates]),
        nature=rates.rate([r for r in heard if r.dialogue.nature], lambda r: r.verdict.nature == r.dialogue.nature),
        place=rates.rate(
            [r for r in heard if r.dialogue.place], lambda r: slots.place_found(r.dialogue.place, r.verdict.places)
        ),
        place_invented=rates.rate([r for r in heard if not r.dialogue.place], lambda r: bool(r.verdict.places)),
        phone=rates.rate(phoned, lambda r: _phone(r) == r.dialogue.phone),
        phone_other=rates.rate(
            [r for r in phoned if r.dialogue.phone != r.dialogue.caller], lambda r: r.verdict.phone == r.dialogue.phone
        ),
        name=rates.rate([r for r in heard if r.dialogue.name], lambda r: slots.name_right(r.dialogue.name, _name(r))),
        name_invented=rates.rate([r for r in heard if not r.dialogue.name], lambda r: bool(_name(r))),
        incidents=incidents,
        latency_ms=rates.spread(ms for r in heard for ms in r.took_ms),
        predictions=tuple(_prediction(r, offered) for r in heard),
    )


def _phone(replayed: Replayed) -> str:
    return replayed.verdict.phone or replayed.dialogue.caller


def _name(replayed: Replayed) -> str:
    return replayed.verdict.facts.value("name")


def _told(spread: Spread) -> str:
    return f"p50 {spread.p50:g}, p90 {spread.p90:g}, of {spread.of}" if spread.of else "–"


def _prediction(replayed: Replayed, offered: Mapping[str, Sequence[Link]]) -> dict[str, Any]:
    return {
        "id": replayed.dialogue.id,
        **judged(replayed.verdict),
        # Over the whole call: raised, and never lowered.
        "outcome": replayed.outcome,
        "p_emergency": replayed.p_by_turn[-1],
        "p_by_turn": list(replayed.p_by_turn),
        "alert": asdict(replayed.alert) if replayed.alert else None,
        "phone": _phone(replayed),
        "name": _name(replayed),
        "links": [asdict(link) for link in offered[replayed.dialogue.id]],
    }
