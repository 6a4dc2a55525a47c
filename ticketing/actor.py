"""Who does something to a ticket."""

from dataclasses import dataclass
from typing import Literal

Role = Literal[
    "agent", "dispatcher", "department", "grid", "supervisor", "reviewer", "arbiter", "leader", "administrator",
    "auditor", "system",
]  # fmt: skip
#: Roles of people who belong to a department, and have nothing to do with what is not its own.
STAFF: frozenset[str] = frozenset({"department", "grid"})

#: Roles whose people have an area: a department, a town or subdistrict, a community, a grid, and what lies below it.
AREA_ROLES: frozenset[str] = STAFF | {"dispatcher", "arbiter", "leader"}


@dataclass(frozen=True)
class Actor:
    """A signed-in person, or heyi itself."""

    login: str
    role: Role
    #: Key of the department of whoever is staff of one, else empty.
    department: str = ""
    #: Desk of a call taker, else empty.
    extension: str = ""
    #: Departments below his own for which he may act, too: a town's communities, a community's grids.
    below: frozenset[str] = frozenset()

    @property
    def staff(self) -> bool:
        """Whether he belongs to a department, and sees and does only what is its own."""
        return self.role in STAFF

    @property
    def bounded(self) -> bool:
        """Whether he has an area: staff of a department, or somebody else to whom one was given."""
        return self.staff or (self.department != "" and self.role in AREA_ROLES)

    def may_touch(self, department: str) -> bool:
        """Whether a ticket of this department lies within his area; without one everything does."""
        return not self.bounded or (department != "" and (department == self.department or department in self.below))

    def acts_for(self, department: str) -> bool:
        """Whether he is staff of this department, or of one above it that may act for it."""
        return self.staff and department != "" and (department == self.department or department in self.below)


#: heyi itself: what it heard, clocks, callbacks.
SYSTEM = Actor("system", "system")
