"""A city is data: these models say what its files may hold. Reading the files: :mod:`core.cityfile`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
#: Telephone extension of a desk: three to six digits.
Extension = Annotated[str, Field(pattern=r"^[1-9][0-9]{2,5}$")]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Profile(_Data):
    """``city.yaml``: the city itself."""

    #: National division code, 6 digits.
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    name: Text
    name_en: Text
    province: Text = ""
    #: Long-distance area code, as dialled: 0595.
    area_code: Annotated[str, Field(pattern=r"^0[0-9]{2,3}$")]
    timezone: Text = "Asia/Shanghai"
    #: Head of ticket numbers: JJ20261121-0007.
    ticket_prefix: Annotated[str, Field(pattern=r"^[A-Z]{1,4}$")] = "HY"
    #: Speech recognition: engine name, and model name or path.
    asr_engine: Literal["whisper", "vosk"] = "whisper"
    asr_model: Text = "whisper-base"
    #: Voice that speaks prompts.
    voice: Text = "zf_xiaobei"


class Line(_Data):
    """One hotline of the city (``lines.yaml``)."""

    #: What callers dial.
    number: Annotated[str, Field(pattern=r"^[0-9]{3,12}$")]
    name: Text
    name_en: Text
    kind: Literal["emergency", "service"]
    #: Place in the queue: the higher is answered first. Emergency lines lie above all service lines.
    priority: Annotated[int, Field(ge=1, le=200)]
    #: What the caller hears before the queue; empty on emergency lines: they go straight in.
    greeting: str = ""
    #: What the call taker says on answering.
    opening: Text
    #: Department whose matters this line carries.
    department: Key
    #: Answer target in seconds.
    target_s: Annotated[int, Field(ge=1, le=120)] = 15


class Desk(_Data):
    """One call taker's place in the queue (``desks.yaml``)."""

    extension: Extension
    name: Text
    #: ``browser`` desks speak WebRTC; ``phone`` is a SIP telephone; ``robot`` answers where no person does.
    kind: Literal["browser", "phone", "robot"] = "browser"
    #: Queue penalty: desks with a lower one are rung first.
    penalty: Annotated[int, Field(ge=0, le=100)] = 0
    #: Trained for emergency calls: rung by the dialplan's last resort.
    emergency: bool = True


class Department(_Data):
    """Who handles tickets (``departments.yaml``)."""

    id: Key
    name: Text
    name_en: Text
    kind: Literal["emergency", "bureau", "town", "utility", "centre"]
    #: Names that taxonomy and speakers use for it.
    aliases: tuple[str, ...] = ()


class Community(_Data):
    name: Text
    code: str = ""


class Town(_Data):
    """A town or subdistrict with its communities (``towns.yaml``)."""

    name: Text
    code: str = ""
    communities: tuple[Community, ...] = ()


class Category(_Data):
    """One L2 class of the taxonomy (``taxonomy.yaml``)."""

    code: Annotated[str, Field(pattern=r"^[A-Z][0-9]{2,4}$")]
    name: Text
    name_en: Text
    #: Department that handles it.
    department: Key
    #: Departments that assist.
    assist: tuple[Key, ...] = ()
    #: Hours until the result is due, counted from dispatch.
    due_hours: Annotated[float, Field(gt=0)]
    #: The city's own number for it.
    external_code: str = ""


class Group(_Data):
    """One L1 class with its L2 classes."""

    code: Annotated[str, Field(pattern=r"^[A-Z][0-9]{0,2}$")]
    name: Text
    name_en: Text
    emergency: bool
    categories: Annotated[tuple[Category, ...], Field(min_length=1)]


class Person(_Data):
    """A login that the demonstration makes (``people.yaml``); a real site makes its own users."""

    login: Key
    name: Text
    role: Literal["agent", "department", "supervisor"]
    password: Annotated[str, Field(min_length=6)]
    #: The desk of a call taker.
    extension: Extension | None = None
    #: The department of a department user.
    department: Key | None = None


class Landmark(_Data):
    """A road, estate, market, school… that callers name (``landmarks.yaml``)."""

    name: Text
    town: str = ""
    community: str = ""
    kind: Literal["road", "estate", "market", "school", "hospital", "factory", "station", "scenic", "other"] = "other"


class City(_Data):
    """All of a city folder."""

    profile: Profile
    lines: Annotated[tuple[Line, ...], Field(min_length=1)]
    desks: Annotated[tuple[Desk, ...], Field(min_length=1)]
    departments: Annotated[tuple[Department, ...], Field(min_length=1)]
    towns: Annotated[tuple[Town, ...], Field(min_length=1)]
    taxonomy: Annotated[tuple[Group, ...], Field(min_length=1)]
    people: tuple[Person, ...] = ()
    landmarks: tuple[Landmark, ...] = ()

    def line(self, number: str) -> Line | None:
        return next((line for line in self.lines if line.number == number), None)

    def department(self, key: str) -> Department | None:
        return next((d for d in self.departments if d.id == key), None)

    def category(self, code: str) -> Category | None:
        return next((c for g in self.taxonomy for c in g.categories if c.code == code), None)

    def is_emergency(self, code: str) -> bool:
        return any(g.emergency and any(c.code == code for c in g.categories) for g in self.taxonomy)
