"""Who does something to a ticket."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["agent", "department", "supervisor", "system"]


@dataclass(frozen=True)
class Actor:
    """A signed-in person, or heyi itself."""

    login: str
    role: Role
    #: Key of the department of a department user, else empty.
    department: str = ""
    #: Desk of a call taker, else empty.
    extension: str = ""


#: heyi itself: what it heard, clocks, callbacks.
SYSTEM = Actor("system", "system")
