"""What callers may get without a person, as far as it differs from city to city (``selfservice.yaml``)."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from core.city_clocks import OfficeHours
from core.cityfaults import Faults, File, quote
from core.citytypes import Data, Key, form

#: What may be cut or closed: water, power, gas, a road.
CutKind = Literal["water", "power", "gas", "road"]


class CitySelfService(Data):
    """``selfservice.yaml``. Without it the values below hold."""

    #: Hours of the service hall on working days; empty: the office hours of ``calendar.yaml``.
    hall_hours: Annotated[tuple[OfficeHours, ...], Field(max_length=4)] = ()
    #: Departments that announce a cut of this kind themselves; supervisors always may.
    announcers: dict[CutKind, tuple[Key, ...]] = Field(default_factory=dict)
    #: Head of the city's own number plates, which callers leave out; empty: it has to be said.
    plate: Annotated[
        str, form(r"^([\u4e00-\u9fff][A-HJ-NP-Z])?$", "a character and a letter, such as 闽C, or nothing")
    ] = ""

    def may_announce(self, kind: CutKind, department: str) -> bool:
        return department != "" and department in self.announcers.get(kind, ())


def check_selfservice(file: File[CitySelfService], departments: Iterable[str] | None, faults: Faults) -> None:
    """Note what no single key shows. ``departments``: keys of the city's; None while they are unsound."""
    known = None if departments is None else frozenset(departments)
    for setting, node in file.records:
        spans = sorted((hours.opens, hours.closes) for hours in setting.hall_hours)
        if any(a >= b for a, b in spans) or any(one[1] > two[0] for one, two in pairwise(spans)):
            faults.add(
                file.path, node.at(("hall_hours",)).line, "hall_hours cross, expected each to close after it opens"
            )
        for kind, keys in setting.announcers.items():
            for place, key in enumerate(keys):
                if known is not None and key not in known:
                    line = node.at(("announcers", kind, place)).line
                    faults.add(file.path, line, f"{quote(key)} is no department of departments.yaml")
