"""A draw as it is kept, and the proof that it was drawn so. Pure."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from core.city_quality import CityQuality
from quality.sampling.assign import Assigned, Duty, Reviewer, assign, room
from quality.sampling.draw import Candidate, Drawn, Lots, Pick, draw, plain, plan_hash, population_hash, population_of

#: Of the kept form; goes up when it changes, and older ones stay readable.
FORM = 1


@dataclass(frozen=True)
class Record:
    """Everything that settles a draw, and what came of it."""

    occasion: str
    plan: CityQuality
    population: tuple[Candidate, ...]
    reviewers: tuple[Reviewer, ...]
    drawn: Drawn
    assigned: Assigned

    def body(self) -> str:
        """The one text that is kept and sealed."""
        return json.dumps(
            {
                "form": FORM, "occasion": self.occasion, "plan": self.plan.model_dump(mode="json"),
                "population": plain(self.population),
                "reviewers": [vars(one) for one in self.reviewers],
                "picks": [vars(one) for one in self.drawn.picks], "fewer": self.drawn.fewer,
                "duties": [vars(one) for one in self.assigned.duties], "nobody": self.assigned.nobody,
            },
            ensure_ascii=False, sort_keys=True, separators=(",", ":"),
        )  # fmt: skip


def seal(body: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(body.encode()).hexdigest()


def make(occasion: str, plan: CityQuality, population: Sequence[Candidate], reviewers: Sequence[Reviewer]) -> Record:
    """Draw and deal out; the same for the same arguments, in whatever order calls and reviewers come."""
    people = tuple(sorted(reviewers, key=lambda one: one.login))
    drawn = draw(population, plan, occasion=occasion, room=room(people, plan))
    dealt = assign(drawn.picks, people, plan, Lots(drawn.plan, drawn.population, occasion))
    return Record(occasion, plan, tuple(sorted(population, key=lambda one: one.call_id)), people, drawn, dealt)


def read(body: str) -> Record:
    """What :meth:`Record.body` gave. ``ValueError`` for a form that is not known."""
    kept = json.loads(body)
    if kept["form"] != FORM:
        raise ValueError(f"a draw of form {kept['form']}, known is {FORM}")
    plan, population = CityQuality.model_validate(kept["plan"]), tuple(population_of(kept["population"]))
    return Record(
        kept["occasion"], plan, population,
        tuple(Reviewer(one["login"], tuple(one["desks"])) for one in kept["reviewers"]),
        Drawn(
            tuple(Pick(**{**one, "others": tuple(one["others"])}) for one in kept["picks"]), tuple(kept["fewer"]),
            population_hash(population), plan_hash(plan),
        ),
        Assigned(tuple(Duty(**one) for one in kept["duties"]), tuple(kept["nobody"])),
    )  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """The part of a stored draw that a proof needs."""

    body: str
    seal: str
    plan_hash: str
    population_hash: str


def faults(kept: Kept, now: Sequence[Candidate] | None = None) -> list[str]:
    """What is wrong with a stored draw, one line each; empty where it is proved.

    ``now``: the shift's calls as the ledger has them now; calls that came or went since are told. What is only known of
    a call later (an unsatisfied caller) is no fault: the draw was made from what was known then.
    """
    if seal(kept.body) != kept.seal:
        return ["the record of the draw was changed: its seal does not fit"]
    record = read(kept.body)
    found: list[str] = []
    if record.drawn.population != kept.population_hash:
        found.append("the calls are not those that were drawn from")
    if record.drawn.plan != kept.plan_hash:
        found.append("the plan is not the one that was drawn by")
    again = make(record.occasion, record.plan, record.population, record.reviewers)
    if again.drawn.picks != record.drawn.picks:
        told = {one.call_id for one in record.drawn.picks} ^ {one.call_id for one in again.drawn.picks}
        found.append(f"drawn again, other calls come: {', '.join(sorted(told)[:5])}")
    if again.assigned != record.assigned:
        found.append("drawn again, they go to other reviewers")
    if now is not None:
        then, there = ({one.call_id for one in calls} for calls in (record.population, now))
        found += [f"{call} answered in this shift was not among the calls" for call in sorted(there - then)[:5]]
        found += [f"{call} is no longer in the ledger" for call in sorted(then - there)[:5]]
    return found
