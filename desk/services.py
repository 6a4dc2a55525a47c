"""Everything the screens stand on, handed over once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core.bus import Bus
from core.city import City
from core.clock import Clock
from core.database import Database
from core.settings import Settings
from desk.ports import Ledger, Switchboard, Transcripts, Verdicts
from ticketing.service import Tickets
from triage.questions import Question, load_questions


@dataclass(frozen=True, kw_only=True)
class DeskServices:
    """What ``heyi`` joins together for the desk."""

    settings: Settings
    city: City
    database: Database
    bus: Bus
    clock: Clock
    switchboard: Switchboard
    ledger: Ledger
    transcripts: Transcripts
    verdicts: Verdicts
    tickets: Tickets
    #: SIP password of a desk, by extension.
    sip_secret: Callable[[str], str]
    #: First questions by category.
    questions: Mapping[str, tuple[Question, ...]] = field(default_factory=load_questions)
