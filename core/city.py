"""A city is data: these models say what its files may hold. Reading the files: :mod:`core.cityfile`."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from core.city_analysis import CityAnalysis
from core.city_assessment import CityAssessment
from core.city_callbacks import CityCallbacks
from core.city_clocks import CityCalendar, CityClocks
from core.city_dispatch import CityDispatch, Lat, Lon
from core.city_doors import CityDoors
from core.city_flows import Flow, usual_flows
from core.city_ivr import IvrFlow
from core.city_knowledge import KnowledgeArticle
from core.city_levels import LEVELS, CityLevels, Level
from core.city_quality import CityQuality
from core.city_scorecards import Scorecard
from core.city_selfservice import CitySelfService
from core.citytypes import Data, DivisionCode, Extension, Key, KeyOrNone, LineNumber, MaybeText, Text, form


class Profile(Data):
    """``city.yaml``: the city itself."""

    #: National division code, 6 digits.
    code: Annotated[str, form(r"^[0-9]{6}$", "a division code of 6 digits, such as 350582")]
    name: Text
    name_en: Text
    province: MaybeText = ""
    #: Long-distance area code, as dialled: 0595. A folder just started has 000, which no place has.
    area_code: Annotated[str, form(r"^0[0-9]{2,3}$", "an area code as dialled, such as 0595")]
    timezone: Text = "Asia/Shanghai"
    #: Head of ticket numbers: JJ20261121-0007.
    ticket_prefix: Annotated[str, form(r"^[A-Z]{1,4}$", "one to four capital letters")] = "HY"
    #: Speech recognition: engine name, and model name or path.
    asr_engine: Literal["whisper", "vosk", "sherpa-onnx"] = "whisper"
    asr_model: Text = "whisper-base"
    #: Names of places and offices that were misheard are set right in the transcript.
    asr_words: bool = True
    #: Voice that speaks prompts.
    voice: Text = "zf_xiaobei"
    #: The city's own map for the board of dispatchers: tiles in Web Mercator (WGS 84), from this site or by https.
    #: Empty: the grids alone are drawn.
    map_tiles: Annotated[
        str,
        form(
            r"^((https://[A-Za-z0-9.-]+(:[0-9]+)?)?/([^/\s\"'<>\\{][^\s\"'<>\\{]*)?(\{[xyz]\}[^\s\"'<>\\{]*){3})?$",
            "an address with {z}, {x} and {y} in it, beginning with / or https://, or nothing",
        ),
    ] = ""
    #: Whose map it is, as its licence wants it said.
    map_credit: MaybeText = ""


class Line(Data):
    """One hotline of the city (``lines.yaml``)."""

    #: What callers dial.
    number: LineNumber
    name: Text
    name_en: Text
    kind: Literal["emergency", "service"]
    #: Place in the queue: the higher is answered first. Emergency lines lie above all service lines.
    priority: Annotated[int, Field(ge=1, le=200)]
    #: What the caller hears before the queue; empty on emergency lines: they go straight in.
    greeting: MaybeText = ""
    #: What the call taker says on answering.
    opening: Text
    #: Department whose matters this line carries.
    department: Key
    #: Answer target in seconds.
    target_s: Annotated[int, Field(ge=1, le=120)] = 15
    #: Other names that people and data use for it: 供电.
    aliases: tuple[Text, ...] = ()
    #: The number means this only here (a local company's): a new city does not start with it.
    local: bool = False
    #: Skill group whose desks answer it; empty: the group named like its kind.
    group: KeyOrNone = ""

    @property
    def answered_by(self) -> str:
        """Key of the skill group that its calls go to in normal times."""
        return self.group or self.kind


class Desk(Data):
    """One call taker's place in the queue (``desks.yaml``)."""

    extension: Extension
    name: Text
    #: ``browser`` desks speak WebRTC; ``phone`` is a SIP telephone; ``robot`` answers where no person does.
    kind: Literal["browser", "phone", "robot"] = "browser"
    #: Queue penalty: desks with a lower one are rung first.
    penalty: Annotated[int, Field(ge=0, le=100)] = 0
    #: Skill groups whose callers it answers (``groups.yaml``).
    groups: Annotated[tuple[Key, ...], Field(min_length=1)] = ("emergency", "service")
    #: The page answers by itself, after a tone, when an emergency rings: nobody searches for a button.
    auto_answer: bool = False
    #: Takes calls from the queue; a supervisor's desk does not.
    in_queue: bool = True

    @property
    def emergency(self) -> bool:
        """Trained for emergency calls: rung by the dialplan's last resort."""
        return "emergency" in self.groups


class SkillGroup(Data):
    """Desks with the same training (``groups.yaml``); every line's calls go to one group."""

    key: Key
    name: Text
    name_en: Text
    #: Seconds after which a waiting caller may be answered by the desks of ``overflow``, too.
    overflow_s: Annotated[int, Field(ge=5, le=600)] = 60
    overflow: tuple[Key, ...] = ()
    #: Called into calls (120 伴随指导, 119 调度…), or taking over by transfer; no line leads here.
    linkage: bool = False
    #: Telephone number of the centre outside that is rung when no desk of the group is there; empty: none.
    outside: Annotated[str, form(r"^([0-9]{3,20})?$", "a telephone number, or nothing")] = ""
    #: Key with which a call taker calls this group in: Alt and this digit.
    hotkey: Annotated[str, form(r"^[1-9]?$", "a digit from 1 to 9, or nothing")] = ""
    #: Needed only here, as a dialect's desks are: a new city does not start with it.
    local: bool = False


class Mode(Data):
    """How the whole centre works (``modes.yaml``): day, night, typhoon… A supervisor switches.

    The first of the file holds when none was chosen.
    """

    key: Key
    name: Text
    name_en: Text
    #: What callers of service lines hear after the greeting; emergency callers hear nothing in any mode.
    announcement: MaybeText = ""
    #: Groups that answer for others while it holds: ``service: emergency``.
    groups: dict[Key, Key] = Field(default_factory=dict)
    #: Seconds of one round of a service call: the shorter, the faster those who wait rise. Empty: the site's.
    service_round_s: Annotated[int | None, Field(ge=10, le=600)] = None
    #: Answer target in seconds of service lines while it holds; empty: each line's own.
    target_s: Annotated[int | None, Field(ge=1, le=600)] = None


class Matter(Data):
    """What may be passed between two lines, and why (``matters.yaml``), after 国办发〔2022〕12号."""

    #: Number of the line that passes it on, and of the line that takes it.
    source: LineNumber
    target: LineNumber
    name: Text
    name_en: Text


class Exchange(Data):
    """Where the fixed lines of a number range are (``exchanges.yaml``): a place with its uncertainty."""

    #: Head of the number without area code: 8568.
    prefix: Annotated[str, form(r"^[0-9]{2,8}$", "2 to 8 digits")]
    town: Text
    #: How far from the town's middle a telephone of this exchange can stand.
    radius_km: Annotated[float, Field(gt=0, le=100)] = 5


class Department(Data):
    """Who handles tickets (``departments.yaml``)."""

    id: Key
    name: Text
    name_en: Text
    kind: Literal["emergency", "bureau", "town", "utility", "centre"]
    #: Names that taxonomy and speakers use for it.
    aliases: tuple[Text, ...] = ()
    #: Where it stands in the city; absent: a town is a town, everything else the city's own.
    level: Level | None = None
    #: Key of the department above it, to which its matters go up; absent: the category's own department.
    parent: KeyOrNone = ""

    @property
    def at_level(self) -> Level:
        return self.level or ("town" if self.kind == "town" else "district")

    @property
    def derived(self) -> bool:
        """Whether no file lists it: it comes of a community's or a grid's entry."""
        return False


class Derived(Department):
    """A community or a grid as a department (:attr:`City.derived`)."""

    @property
    def derived(self) -> bool:
        return True


class Community(Data):
    name: Text
    code: DivisionCode = ""
    #: Degrees (WGS 84) of its middle, both or neither; ``approximate``: not surveyed, about a kilometre off at most.
    lon: Lon | None = None
    lat: Lat | None = None
    approximate: bool = False


class Town(Data):
    """A town or subdistrict with its communities (``towns.yaml``)."""

    name: Text
    code: DivisionCode = ""
    communities: tuple[Community, ...] = ()
    #: Degrees (WGS 84) of its middle, both or neither; ``approximate``: not surveyed, about a kilometre off at most.
    lon: Lon | None = None
    lat: Lat | None = None
    approximate: bool = False


class Category(Data):
    """One L2 class of the taxonomy (``taxonomy.yaml``)."""

    code: Annotated[str, form(r"^[A-Z][0-9]{2,4}$", "a capital letter and 2 to 4 digits, such as S0401")]
    name: Text
    name_en: Text
    #: Department that handles it.
    department: Key
    #: Departments that assist.
    assist: tuple[Key, ...] = ()
    #: Hours until the result is due, counted from dispatch.
    due_hours: Annotated[float, Field(gt=0)]
    #: The city's own number for it.
    external_code: MaybeText = ""


class Group(Data):
    """One L1 class with its L2 classes."""

    code: Annotated[str, form(r"^[A-Z][0-9]{0,2}$", "a capital letter and at most 2 digits, such as S04")]
    name: Text
    name_en: Text
    emergency: bool
    categories: Annotated[tuple[Category, ...], Field(min_length=1)]


class Person(Data):
    """A login that the demonstration makes (``people.yaml``); a real site makes its own users."""

    login: Key
    name: Text
    role: Literal[
        "agent", "dispatcher", "department", "grid", "supervisor", "reviewer", "arbiter", "leader", "administrator",
        "auditor",
    ]  # fmt: skip
    password: Annotated[str, Field(min_length=6)]
    #: The desk of a call taker.
    extension: Extension | None = None
    #: The department of a department user or of grid staff.
    department: Key | None = None


class Landmark(Data):
    """A road, estate, market, school… that callers name (``landmarks.yaml``)."""

    name: Text
    town: MaybeText = ""
    community: MaybeText = ""
    kind: Literal["road", "estate", "market", "school", "hospital", "factory", "station", "scenic", "other"] = "other"
    #: Degrees (WGS 84) of its middle, both or neither; ``approximate``: not surveyed, about a kilometre off at most.
    lon: Lon | None = None
    lat: Lat | None = None
    approximate: bool = False


#: Groups and modes of a city that has no ``groups.yaml`` and no ``modes.yaml``.
USUAL_GROUPS = (
    SkillGroup(key="emergency", name="紧急席", name_en="Emergency desks"),
    SkillGroup(key="service", name="服务席", name_en="Service desks", overflow=("emergency",)),
)
USUAL_MODES = (Mode(key="normal", name="正常", name_en="Normal operation"),)


class Term(Data):
    """A word that recognition should know here (``lexicon.yaml``); places stand in ``landmarks.yaml``."""

    name: Text
    kind: Literal["department", "term"] = "term"


class City(Data):
    """All of a city folder."""

    profile: Profile
    lines: Annotated[tuple[Line, ...], Field(min_length=1)]
    desks: Annotated[tuple[Desk, ...], Field(min_length=1)]
    departments: Annotated[tuple[Department, ...], Field(min_length=1)]
    towns: Annotated[tuple[Town, ...], Field(min_length=1)]
    taxonomy: Annotated[tuple[Group, ...], Field(min_length=1)]
    people: tuple[Person, ...] = ()
    landmarks: tuple[Landmark, ...] = ()
    groups: Annotated[tuple[SkillGroup, ...], Field(min_length=1)] = USUAL_GROUPS
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)] = USUAL_MODES
    matters: tuple[Matter, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    terms: tuple[Term, ...] = ()
    flows: Annotated[tuple[Flow, ...], Field(min_length=1)] = Field(default_factory=usual_flows)
    calendar: CityCalendar = CityCalendar()
    clocks: CityClocks = CityClocks()
    knowledge: tuple[KnowledgeArticle, ...] = ()
    callbacks: CityCallbacks = CityCallbacks()
    doors: CityDoors = CityDoors()
    dispatch: CityDispatch = CityDispatch()
    ivr: tuple[IvrFlow, ...] = ()
    levels: CityLevels = CityLevels()
    assessment: CityAssessment = CityAssessment()
    quality: CityQuality = CityQuality()
    #: One of each kind at most; empty: nobody scores calls here.
    scorecards: tuple[Scorecard, ...] = ()
    analysis: CityAnalysis = CityAnalysis()
    selfservice: CitySelfService = CitySelfService()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, which derives its departments from its own data."""
        made = super().model_copy(update=update, deep=deep)
        for name in [n for n, kind in vars(City).items() if isinstance(kind, cached_property)]:
            made.__dict__.pop(name, None)
        return made

    def line(self, number: str) -> Line | None:
        return next((line for line in self.lines if line.number == number), None)

    def line_called(self, name: str) -> Line | None:
        """The line of this number, name or alias: ``95598``, ``供电``."""
        return self.line(name) or next((x for x in self.lines if name in (x.name, x.name_en, *x.aliases)), None)

    def skill_group(self, key: str) -> SkillGroup | None:
        return next((g for g in self.groups if g.key == key), None)

    def mode(self, key: str) -> Mode:
        """The mode of this key, else the first."""
        return next((m for m in self.modes if m.key == key), self.modes[0])

    def desk(self, extension: str) -> Desk | None:
        return next((d for d in self.desks if d.extension == extension), None)

    def department(self, key: str) -> Department | None:
        return next((d for d in self.departments if d.id == key), None) or self.derived.get(key)

    def level_of(self, key: str) -> Level:
        """The level at which a department stands; the city's own where nobody knows it."""
        found = self.department(key)
        return found.at_level if found else "district"

    @cached_property
    def derived(self) -> dict[str, Department]:
        """The departments that no file lists, by key: communities and grids, each below the one it lies in."""
        return {**self.communities, **self.grid_departments}

    @cached_property
    def communities(self) -> dict[str, Department]:
        """Communities (村、社区) as departments below their town's, by key: ``community_`` and the division code.

        Those without a code have no key that stays; those of a town without a department have none above them.
        """
        return {
            f"community_{community.code}": Derived(
                id=f"community_{community.code}", name=f"{town.name}{community.name}", name_en=community.name,
                kind="town", level="community", parent=above.id if above else "",
            )
            for town in self.towns
            for above in [self.department_of_town(town.name)]
            for community in town.communities
            if community.code
        }  # fmt: skip

    @cached_property
    def grid_departments(self) -> dict[str, Department]:
        """Grids (网格) as departments below their community's, else their town's, by key: ``grid_`` and the grid's.

        Those that say neither, or whose town has no department, have none above them and are left out.
        """
        codes = {(t.name, c.name): c.code for t in self.towns for c in t.communities}
        made: dict[str, Department] = {}
        for grid in self.dispatch.grids:
            community = self.communities.get(f"community_{codes.get((grid.town, grid.community))}")
            above = community or (self.department_of_town(grid.town) if grid.town else None)
            key = f"grid_{grid.key}"
            if above is not None:
                made[key] = Derived(
                    id=key, name=grid.name, name_en=grid.name, kind="town", level="grid", parent=above.id
                )
        return made

    def below(self, key: str) -> frozenset[str]:
        """Keys of the departments for which this one's people may act: a town's communities and grids, a community's
        grids. The city's own offices act for nobody: a bureau has no villages."""
        return self._below.get(key, frozenset())

    @cached_property
    def _below(self) -> dict[str, frozenset[str]]:
        every = {d.id: d for d in (*self.departments, *self.derived.values())}
        found: dict[str, set[str]] = {}
        for key, department in every.items():
            seen = {key}
            while (up := every.get(department.parent)) is not None and up.id not in seen:
                if LEVELS.index(up.at_level) < LEVELS.index(department.at_level) and up.at_level != "district":
                    found.setdefault(up.id, set()).add(key)
                seen.add(up.id)
                department = up
        return {key: frozenset(keys) for key, keys in found.items()}

    def department_of_town(self, name: str) -> Department | None:
        """The office of a town or subdistrict: the one of that name or alias, or whose name begins with it."""
        towns = [d for d in self.departments if d.at_level == "town"]
        return next((d for d in towns if name == d.name or name in d.aliases or d.name.startswith(name)), None)

    def category(self, code: str) -> Category | None:
        return next((c for g in self.taxonomy for c in g.categories if c.code == code), None)

    def is_emergency(self, code: str) -> bool:
        return any(g.emergency and any(c.code == code for c in g.categories) for g in self.taxonomy)
