"""Everything the screens stand on, handed over once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from core.bus import Bus
from core.city import City
from core.clock import Clock
from core.database import Database
from core.metrics import Sample
from core.secrets import site_secret
from core.settings import Settings
from desk.calls.emergencies import scenes
from desk.config.ports import ExchangeConfig, Restart
from desk.config.service import Configuration
from desk.ports import Ledger, Switchboard, Transcripts, Verdicts
from quality.calibration.service import Calibration
from quality.coaching.service import Coaching
from quality.reviews.service import Reviews
from ticketing.analysis.service import Analysis
from ticketing.assign.service import Assignments
from ticketing.clocks.calendar import WorkCalendar
from ticketing.dispatch.service import Dispatch
from ticketing.doors.intake import Judged
from ticketing.doors.mail import server_of
from ticketing.doors.outward import networks
from ticketing.doors.room import Doors
from ticketing.patrol.service import FieldWork
from ticketing.service import Tickets
from triage.questions import Question, load_questions
from triage.verdict import Place


async def no_metrics() -> Sequence[Sample]:
    """Where nothing is measured."""
    return ()


def no_places(_text: str) -> Sequence[Place]:
    """Where nobody knows the city's places."""
    return ()


@dataclass(kw_only=True)
class DeskServices:
    """What ``heyi`` joins together for the desk."""

    settings: Settings
    #: As it was at the start, with the texts that were changed since (:mod:`desk.config.shown`).
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
    #: Figures for monitoring.
    metrics: Callable[[], Awaitable[Sequence[Sample]]] = no_metrics
    #: First questions by category.
    questions: Mapping[str, tuple[Question, ...]] = field(default_factory=load_questions)
    #: Places of the city that a text names, the best first.
    find_places: Callable[[str], Sequence[Place]] = no_places

    #: Asterisk's configuration; None: this desk has none.
    exchange: ExchangeConfig | None = None
    #: Ends this process and begins it anew; None: nobody can.
    restart: Restart | None = None

    #: Judges what is written as it judges calls; None: nobody does.
    judged: Judged | None = None

    @cached_property
    def doors(self) -> Doors:
        """Letters, public form, Open311, and messages to other systems."""
        settings = self.settings
        return Doors(
            self.database, self.city, self.clock, secret=site_secret(settings.data, settings.secret),
            data=settings.data, judge=self.judged, private=networks(settings.hook_networks),
            scene=scenes(self.city, self.transcripts), mail=server_of(settings),
        )  # fmt: skip

    @cached_property
    def configuration(self) -> Configuration:
        """The city's files with their versions."""
        return Configuration(
            self.database, self.clock, self.settings.city_folder, self.exchange.fit if self.exchange else None
        )

    @cached_property
    def analysis(self) -> Analysis:
        """What the tickets say together."""
        return Analysis(self.database, self.city, self.clock)

    @cached_property
    def assignments(self) -> Assignments:
        """Departments' parts in tickets, rulings, supervision."""
        return Assignments(self.database, self.tickets, self.clock)

    @cached_property
    def reviews(self) -> Reviews:
        """Draws and the reviews that came of them."""
        return Reviews(self.database, self.clock, self.city)

    @cached_property
    def calibration(self) -> Calibration:
        """How far reviewers agree."""
        return Calibration(self.database, self.clock, self.reviews.zone)

    @cached_property
    def coaching(self) -> Coaching:
        """Call takers' plans."""
        items = frozenset(item.key for card in self.city.scorecards for item in card.items())
        return Coaching(self.database, self.clock, self.reviews.zone, items)

    @cached_property
    def fieldwork(self) -> FieldWork:
        """What phones send from the spot."""
        photos = self.settings.data / "photos"
        return FieldWork(
            self.database, self.clock, self.tickets, self.assignments, self.dispatch, self.doors.intake, photos
        )

    @cached_property
    def dispatch(self) -> Dispatch:
        """Units, their duty and their orders."""
        calendar = WorkCalendar(self.city.calendar, self.city.profile.timezone)
        return Dispatch(self.database, self.clock, self.tickets, self.find_places, lambda day: calendar.day(day).works)
