"""What people are told of reviews and coaching: that something waits for them, and no more."""

from dataclasses import dataclass
from typing import Literal

from core.events import Event

#: ``moved``: a review of the draw was handed on, scored or made void; only whoever oversees them needs to know.
Told = Literal["assigned", "taken_back", "released", "appealed", "decided", "coaching", "moved"]


@dataclass(frozen=True, kw_only=True)
class ReviewTold(Event):
    """Something happened to a review, or to a coaching plan, that concerns these people.

    It says nothing of the score nor of who gave it: the page does, to whoever may see it.
    """

    told: Told
    #: Id of the review or of the plan.
    about: str
    #: Logins, or desks as ``desk:1001``.
    people: tuple[str, ...] = ()
    #: Every reviewer: one of them is wanted.
    reviewers: bool = False
