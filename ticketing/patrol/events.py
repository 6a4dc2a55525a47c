"""What work on the spot tells the screens."""

from dataclasses import dataclass

from core.events import Event


@dataclass(frozen=True, kw_only=True)
class FieldHelpAsked(Event):
    """Somebody on the spot asks for help."""

    help_id: str
    #: Whose person it is.
    department: str
    by: str


@dataclass(frozen=True, kw_only=True)
class FieldHelpGiven(Event):
    """Who commands has answered a call for help."""

    help_id: str
    department: str
    by: str


@dataclass(frozen=True, kw_only=True)
class FieldPhotoKept(Event):
    """A photograph of a ticket came from the spot."""

    ticket_id: str
    number: str
    department: str
    by: str
