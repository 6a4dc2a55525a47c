"""What this room tells."""

from dataclasses import dataclass

from core.events import Event
from ticketing.analysis.tally import Kind, Window


@dataclass(frozen=True, kw_only=True)
class MatterRising(Event):
    """Something rises against its own past; told once, however many looks see it."""

    warning: str
    kind: Kind
    town: str
    community: str
    code: str
    word: str
    window: Window
    count: int
    usual: float
