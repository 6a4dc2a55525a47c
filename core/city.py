"""A city is data: these models say what its files may hold. Reading the files: :mod:`core.cityfile`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: What each pattern of these models asks for, in words for whoever wrote a wrong file.
FORMS: dict[str, str] = {}


def _form(pattern: str, words: str) -> Any:
    FORMS[pattern] = words
    return Field(pattern=pattern)


# Nothing that ends a line or is invisible: these texts end up in Asterisk's configuration and on screens. (Characters
# of private use may stand: the national list writes two villages with them.)
_BAD = r"\p{Cc}\p{Cf}\p{Cn}\p{Zl}\p{Zp}"
_LINE = rf"[^\s{_BAD}]([^{_BAD}]*[^\s{_BAD}])?"
Text = Annotated[str, _form(rf"^{_LINE}$", "text on one line, not empty, no space at either end")]
MaybeText = Annotated[str, _form(rf"^({_LINE})?$", "text on one line, no space at either end")]
Key = Annotated[str, _form(r"^[a-z][a-z0-9_-]*$", "a key: small letters, digits, _ and -, a letter first")]
#: Telephone extension of a desk: three to six digits.
Extension = Annotated[str, _form(r"^[1-9][0-9]{2,5}$", "an extension: 3 to 6 digits, not starting with 0")]
#: National division code of a town (9 digits) or a community (12 digits); empty where it has none.
DivisionCode = Annotated[str, _form(r"^([0-9]{9}([0-9]{3})?)?$", "a division code of 9 or 12 digits")]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Profile(_Data):
    """``city.yaml``: the city itself."""

    #: National division code, 6 digits.
    code: Annotated[str, _form(r"^[0-9]{6}$", "a division code of 6 digits, such as 350582")]
    name: Text
    name_en: Text
    province: MaybeText = ""
    #: Long-distance area code, as dialled: 0595. A folder just started has 000, which no place has.
    area_code: Annotated[str, _form(r"^0[0-9]{2,3}$", "an area code as dialled, such as 0595")]
    timezone: Text = "Asia/Shanghai"
    #: Head of ticket numbers: JJ20261121-0007.
    ticket_prefix: Annotated[str, _form(r"^[A-Z]{1,4}$", "one to four capital letters")] = "HY"
    #: Speech recognition: engine name, and model name or path.
    asr_engine: Literal["whisper", "vosk"] = "whisper"
    asr_model: Text = "whisper-base"
    #: Voice that speaks prompts.
    voice: Text = "zf_xiaobei"


class Line(_Data):
    """One hotline of the city (``lines.yaml``)."""

    #: What callers dial.
    number: Annotated[str, _form(r"^[0-9]{3,12}$", "a telephone number of 3 to 12 digits")]
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
    #: Takes calls from the queue; a supervisor's desk does not.
    in_queue: bool = True


class Department(_Data):
    """Who handles tickets (``departments.yaml``)."""

    id: Key
    name: Text
    name_en: Text
    kind: Literal["emergency", "bureau", "town", "utility", "centre"]
    #: Names that taxonomy and speakers use for it.
    aliases: tuple[Text, ...] = ()


class Community(_Data):
    name: Text
    code: DivisionCode = ""


class Town(_Data):
    """A town or subdistrict with its communities (``towns.yaml``)."""

    name: Text
    code: DivisionCode = ""
    communities: tuple[Community, ...] = ()


class Category(_Data):
    """One L2 class of the taxonomy (``taxonomy.yaml``)."""

    code: Annotated[str, _form(r"^[A-Z][0-9]{2,4}$", "a capital letter and 2 to 4 digits, such as S0401")]
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


class Group(_Data):
    """One L1 class with its L2 classes."""

    code: Annotated[str, _form(r"^[A-Z][0-9]{0,2}$", "a capital letter and at most 2 digits, such as S04")]
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
    town: MaybeText = ""
    community: MaybeText = ""
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

    def line_called(self, name: str) -> Line | None:
        """The line of this number, name or alias: ``95598``, ``供电``."""
        return self.line(name) or next((x for x in self.lines if name in (x.name, x.name_en, *x.aliases)), None)

    def department(self, key: str) -> Department | None:
        return next((d for d in self.departments if d.id == key), None)

    def category(self, code: str) -> Category | None:
        return next((c for g in self.taxonomy for c in g.categories if c.code == code), None)

    def is_emergency(self, code: str) -> bool:
        return any(g.emergency and any(c.code == code for c in g.categories) for g in self.taxonomy)
