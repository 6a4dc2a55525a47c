"""How a person likes the pages: by day, by night or as the system has it; in usual or big type. Kept by the browser."""

from dataclasses import dataclass
from typing import Literal, get_args

from starlette.requests import Request
from starlette.responses import Response

Look = Literal["auto", "light", "dark"]
Type = Literal["usual", "big"]
LOOK, TYPE = "look", "letters"
YEAR_S = 365 * 86400

#: When the sheet of the night holds. What is printed is always black on white.
MEDIA: dict[Look, str] = {"auto": "screen and (prefers-color-scheme: dark)", "light": "not all", "dark": "screen"}


@dataclass(frozen=True)
class Looks:
    """What this browser was told."""

    look: Look
    type: Type

    @property
    def media(self) -> str:
        return MEDIA[self.look]


def looks_of(request: Request) -> Looks:
    """``?look=`` and ``?letters=`` first, then the cookies; else as the system has it, in usual type."""
    look: Look = "auto"
    for wish in (request.query_params.get(LOOK), request.cookies.get(LOOK)):
        if wish in get_args(Look):
            look = wish  # type: ignore[assignment]
            break
    size: Type = "usual"
    for wish in (request.query_params.get(TYPE), request.cookies.get(TYPE)):
        if wish in get_args(Type):
            size = wish  # type: ignore[assignment]
            break
    return Looks(look, size)


def remember(request: Request, response: Response, looks: Looks) -> None:
    """What the address asked for holds from now on. Scripts read it, too: it is no secret."""
    for name, value in ((LOOK, looks.look), (TYPE, looks.type)):
        if request.query_params.get(name) == value:
            response.set_cookie(name, value, max_age=YEAR_S, samesite="lax", path="/")
