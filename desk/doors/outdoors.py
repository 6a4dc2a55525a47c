"""What the routes for everybody share: bodies of bounded length, how often somebody may knock."""

from datetime import timedelta

from fastapi import FastAPI, HTTPException
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive

from desk.access.auth import address_of
from desk.services import DeskServices
from ticketing.doors.inbound import MAX_BODY
from ticketing.doors.intake import MAX_PHOTOS
from ticketing.doors.limits import Knocks, Limit, household

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
#: A family behind one address writes a few matters, a program many.
_LIMITS: dict[str, tuple[Limit, ...]] = {
    "write": (Limit(5, 10 * _MINUTE), Limit(20, 24 * _HOUR)),
    # All addresses together: no flood fills the call takers' list.
    "write-all": (Limit(60, _MINUTE), Limit(600, _HOUR)),
    "look": (Limit(20, 10 * _MINUTE),),
    # Of each process for itself: pages that only show something write nothing.
    "read": (Limit(120, _MINUTE),),
    "key": (Limit(60, _MINUTE), Limit(1000, _HOUR)),
    # Before a key or signature was found right.
    "knock": (Limit(300, _MINUTE),),
}


class TooLong(HTTPException):
    """The body is longer than this door takes."""

    def __init__(self) -> None:
        super().__init__(413, "提交的内容太大")


class TooOften(HTTPException):
    """Knocked too often."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(429, "提交过于频繁，请稍后再试", {"Retry-After": str(int(wait.total_seconds()) + 1)})


def set_limits(app: FastAPI) -> None:
    """All applications over one database count together."""
    services: DeskServices = app.state.services
    app.state.knocks = Knocks(services.database, services.clock, _LIMITS, here={"read"})


async def knock(request: Request, what: str, name: str = "") -> None:
    """Count one knock of ``name`` (else of the address it came from); :class:`TooOften`."""
    knocks: Knocks = request.app.state.knocks
    if wait := await knocks.wait(what, name or household(address_of(request))):
        raise TooOften(wait)


async def body_of(request: Request, most: int = MAX_BODY) -> bytes:
    """The whole body; :class:`TooLong` as soon as it is longer than ``most`` bytes."""
    return await _limited(request, most).body()


async def form_of(request: Request, most: int = MAX_BODY, files: int = 0) -> FormData:
    """A form; :class:`TooLong`, or 400 where it is none."""
    inner = _limited(request, most)
    try:
        return await inner.form(max_files=files, max_fields=40, max_part_size=MAX_BODY)
    except (MultiPartException, UnicodeDecodeError) as error:
        raise HTTPException(400, "表单格式不正确") from error
    except HTTPException as error:
        # Starlette's own words for a form with too many parts.
        raise error if isinstance(error, TooLong) else HTTPException(400, "表单格式不正确") from error


def _limited(request: Request, most: int) -> Request:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 12 or int(length) > most):
        raise TooLong
    return Request(request.scope, _counted(request.receive, most))


def _counted(receive: Receive, most: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise TooLong
        return message

    return counted


def texts(form: FormData) -> dict[str, str]:
    """The first text of each field; files are left out."""
    found: dict[str, str] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            found.setdefault(name, value)
    return found


async def photos_of(form: FormData, name: str = "photos") -> list[bytes]:
    """The bytes of the files of a field; a field that was left empty has none."""
    found: list[bytes] = []
    for value in form.getlist(name):
        if not isinstance(value, str) and value.filename and (data := await value.read()):
            found.append(data)
    return found[: MAX_PHOTOS + 1]
