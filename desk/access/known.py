"""In which browsers somebody has signed in before: a cookie that proves it, and opens nothing.

Wrong passwords are counted for such a browser by itself, so that nobody who guesses from the same address locks its
person out, and its password is checked before those of strangers (OWASP, device cookies). One computer of a desk knows
the people of its shifts.
"""

import secrets
from collections.abc import Sequence
from urllib.parse import quote, unquote

from core.secrets import derive

KNOWN_COOKIE, KNOWN_DAYS = "heyi_known", 180
#: People of one browser, the latest first.
PEOPLE = 8
_NUMBER = 22


def _mark(secret: str, number: str, login: str) -> str:
    return derive(secret, "known browser", f"{number}:{login}")[:20]


def _read(secret: str, cookie: str) -> tuple[str, Sequence[str]]:
    """The browser's number and who is proved to have signed in there."""
    number, *pairs = cookie.split("!")
    people = []
    for pair in pairs[:PEOPLE]:
        login, _, mark = pair.partition(":")
        if secrets.compare_digest(mark.encode(), _mark(secret, number, unquote(login)).encode()):
            people.append(unquote(login))
    return (number, people) if people else ("", ())


def browser_of(secret: str, cookie: str, login: str) -> str:
    """Number of the browser if ``login`` has signed in there before, else empty."""
    number, people = _read(secret, cookie)
    return number if login in people else ""


def knows_anybody(secret: str, cookie: str) -> bool:
    """Whether somebody has signed in there before."""
    return _read(secret, cookie)[0] != ""


def with_login(secret: str, cookie: str, login: str) -> str:
    """The cookie after ``login`` has signed in."""
    number, people = _read(secret, cookie)
    number = number or secrets.token_urlsafe(_NUMBER * 3 // 4)
    latest = [login, *(other for other in people if other != login)][:PEOPLE]
    return "!".join((number, *(f"{quote(one, safe='')}:{_mark(secret, number, one)}" for one in latest)))
