"""Whether calls about one incident find each other: the links that the desk would offer, against the labels. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from triage.incidents.account import Account, account_of, grown, keys
from triage.incidents.likeness import LIKELY, likely
from triage.measure import rates
from triage.measure.rates import Found, Rate
from triage.measure.replay import Replayed

#: A call whose time is not told follows the one before it so closely that time does not tell them apart.
_APART = timedelta(seconds=1)
_START = datetime(2026, 1, 1, tzinfo=UTC)
#: The price at which the best recall is told.
PRECISION = 0.9


@dataclass(frozen=True)
class Link:
    """A likely earlier call, by the id of its dialogue."""

    id: str
    probability: float


@dataclass(frozen=True)
class Links:
    """How calls of one incident found each other, each call among the earlier ones."""

    #: Pairs of calls from this likeness on are offered.
    threshold: float
    pairs: Found
    #: The most pairs found where at least :data:`PRECISION` of those offered are right, and the threshold for it.
    best_recall: Rate
    best_threshold: float
    #: Later calls of an incident that are offered an earlier one of it.
    calls_linked: Rate
    #: Calls of no incident heard before that are offered one all the same.
    calls_linked_wrongly: Rate


def links(heard: Sequence[Replayed]) -> tuple[Links, Mapping[str, tuple[Link, ...]]]:
    """The figures, and for each dialogue by id the earlier ones it would be offered, the likeliest first."""
    earlier: list[Account] = []
    incident_of = {r.dialogue.id: r.dialogue.incident for r in heard}
    known: set[str] = set()
    before: list[str] = []
    scored: list[tuple[float, bool]] = []
    offered: dict[str, tuple[Link, ...]] = {}
    again: list[bool] = []
    new: list[bool] = []
    true_pairs = 0
    for at, r in _by_time(heard):
        incident = r.dialogue.incident
        account, all_pairs = _heard(r, at, earlier)
        scored += [(link.probability, _same(incident, incident_of[link.id])) for link in all_pairs]
        best = tuple(link for link in all_pairs if link.probability >= LIKELY)
        offered[r.dialogue.id] = best
        true_pairs += sum(_same(incident, one) for one in before)
        before.append(incident)
        if incident and incident in known:
            again.append(any(_same(incident, incident_of[link.id]) for link in best))
        else:
            new.append(bool(best))
        known.add(incident)
        if account is not None:
            earlier.append(account)
    given = [right for p, right in scored if p >= LIKELY]
    best_recall, best_threshold = _best(scored, true_pairs)
    return Links(
        threshold=LIKELY,
        pairs=rates.found(sum(given), len(given), true_pairs),
        best_recall=best_recall,
        best_threshold=best_threshold,
        calls_linked=rates.wilson(sum(again), len(again)),
        calls_linked_wrongly=rates.wilson(sum(new), len(new)),
    ), offered


def _by_time(heard: Sequence[Replayed]) -> list[tuple[datetime, Replayed]]:
    at, timed = _START, []
    for r in heard:
        at = r.dialogue.at or at + _APART
        timed.append((at, r))
    return sorted(timed, key=lambda pair: pair[0])


def _heard(replayed: Replayed, at: datetime, earlier: Sequence[Account]) -> tuple[Account | None, list[Link]]:
    """What the call told by its end, None without a place, and its likeness to earlier calls, the likeliest first.

    As at the desk: an account grows turn by turn, and what was likely once stays so.
    """
    account: Account | None = None
    said: list[str] = []
    most: dict[str, float] = {}
    for turn, verdict in zip(replayed.dialogue.turns, replayed.verdicts, strict=True):
        if turn.leg == "caller":
            said.append(turn.text)
        now = account_of(replayed.dialogue.id, at, verdict, said)
        if not keys(now):
            continue
        account = now if account is None else grown(account, now)
        for other, alike in likely(account, earlier, least=0.0):
            most[other.call_id] = max(alike.probability, most.get(other.call_id, 0.0))
    found = [Link(call_id, probability) for call_id, probability in most.items()]
    return account, sorted(found, key=lambda link: -link.probability)


def _same(one: str, other: str) -> bool:
    return bool(one) and one == other


def _best(scored: Sequence[tuple[float, bool]], true_pairs: int) -> tuple[Rate, float]:
    most, threshold = 0, 1.0
    for least in sorted({p for p, _ in scored}, reverse=True):
        given = [right for p, right in scored if p >= least]
        if sum(given) > most and sum(given) >= PRECISION * len(given):
            most, threshold = sum(given), least
    return rates.wilson(most, true_pairs), threshold
