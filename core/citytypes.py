"""The kinds of text that a city's files hold, and the parent of their models: what all ``core/city*.py`` share."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

#: What each pattern of these models asks for, in words for whoever wrote a wrong file.
FORMS: dict[str, str] = {}


def form(pattern: str, words: str) -> Any:
    FORMS[pattern] = words
    return Field(pattern=pattern)


# Nothing that ends a line or is invisible: these texts end up in Asterisk's configuration and on screens. (Characters
# of private use may stand: the national list writes two villages with them.)
_BAD = r"\p{Cc}\p{Cf}\p{Cn}\p{Zl}\p{Zp}"
_LINE = rf"[^\s{_BAD}]([^{_BAD}]*[^\s{_BAD}])?"
Text = Annotated[str, form(rf"^{_LINE}$", "text on one line, not empty, no space at either end")]
MaybeText = Annotated[str, form(rf"^({_LINE})?$", "text on one line, no space at either end")]
Key = Annotated[str, form(r"^[a-z][a-z0-9_-]*$", "a key: small letters, digits, _ and -, a letter first")]
KeyOrNone = Annotated[str, form(r"^([a-z][a-z0-9_-]*)?$", "a key: small letters, digits, _ and -, a letter first")]
#: What callers of a line dial.
LineNumber = Annotated[str, form(r"^[0-9]{3,12}$", "a telephone number of 3 to 12 digits")]
#: Telephone extension of a desk: three to six digits.
Extension = Annotated[str, form(r"^[1-9][0-9]{2,5}$", "an extension: 3 to 6 digits, not starting with 0")]
#: National division code of a town (9 digits) or a community (12 digits); empty where it has none.
DivisionCode = Annotated[str, form(r"^([0-9]{9}([0-9]{3})?)?$", "a division code of 9 or 12 digits")]


class Data(BaseModel):
    """Parent of every record of a city folder: unknown keys are refused, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)
