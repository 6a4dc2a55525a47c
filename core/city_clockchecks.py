"""What is wrong in a city's calendar and clocks: told with the line that it is on."""

from datetime import timedelta
from difflib import get_close_matches
from itertools import pairwise

from core.city_clocks import CityCalendar, CityClocks
from core.cityfaults import Faults, File, quote

#: A longer stretch is a slip of the pen.
LONGEST_STRETCH = timedelta(days=366)


def check_calendar(file: File[CityCalendar], faults: Faults) -> None:
    for calendar, node in file.records:
        hours = node.get("office_hours")
        for span, at in zip(calendar.office_hours, hours.items(), strict=False):
            if span.opens >= span.closes:
                faults.add(file.path, at.line, f"opens {span.opens:%H:%M}, expected a time before {span.closes:%H:%M}")
        for before, after in pairwise(calendar.office_hours):
            if before.closes > after.opens:
                text = f"office hours from {after.opens:%H:%M} overlap, expected them in order, one after another"
                faults.add(file.path, hours.line, text)
        for key, days in (("closed", calendar.closed), ("working", calendar.working)):
            for special, at in zip(days, node.get(key).items(), strict=True):
                last = special.until or special.day
                if not timedelta(0) <= last - special.day < LONGEST_STRETCH:
                    text = f"until is {last}, expected a day from {special.day} on, at most a year later"
                    faults.add(file.path, at.get("until").line, text)


def check_clocks(file: File[CityClocks], codes: list[str] | None, flows: list[str], faults: Faults) -> None:
    """``codes``: the city's groups and categories; None while they are not known for sure."""
    for clocks, node in file.records:
        reasons = [reason.key for reason in clocks.pause_reasons]
        for place, reason in enumerate(reasons):
            if reason in reasons[:place]:
                line = node.at(("pause_reasons", place, "key")).line
                faults.add(file.path, line, f"key {quote(reason)} stands twice, expected each reason once")
        shares = clocks.colours
        if not shares.blue < shares.yellow < shares.orange:
            faults.add(
                file.path, node.get("colours").line, "expected blue less than yellow, and yellow less than orange"
            )
        taken: dict[tuple[str, ...], int] = {}
        for policy, at in zip(clocks.policies, node.get("policies").items(), strict=True):
            if codes is not None:
                for code, entry in zip(policy.codes, at.get("codes").items(), strict=True):
                    _known(file, entry.line, "code", code, codes, faults)
            for key, value, known in (
                ("flow", [policy.flow] if policy.flow else [], flows),
                ("pauses", list(policy.pauses), reasons),
            ):
                for one in value:
                    _known(file, at.get(key).line, key, one, known, faults)
            if policy.unit == "workdays":
                for key, amount in (
                    ("amount", policy.amount), ("warn_before", policy.warn_before), ("extension", policy.extension)
                ):  # fmt: skip
                    if amount is not None and amount != int(amount):
                        text = f"{key} is {amount:g} working days, expected a whole number"
                        faults.add(file.path, at.get(key).line, text)
            for selector in policy.selectors():
                before = taken.setdefault((policy.kind, *selector), at.line)
                if before != at.line:
                    text = f"{policy.kind} for {_named(selector)} has a policy on line {before} too, expected one"
                    faults.add(file.path, at.line, text)


def _named(selector: tuple[str, str, str]) -> str:
    return " ".join(part for part in selector if part) or "all tickets"


def _known(file: File[CityClocks], line: int, key: str, value: str, known: list[str], faults: Faults) -> None:
    if value not in known:
        near = get_close_matches(value, known, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"expected one of {', '.join(known[:12])}"
        faults.add(file.path, line, f"{key} {quote(value)} does not exist, {hint}")
