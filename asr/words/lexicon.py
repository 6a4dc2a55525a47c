"""Every way a city's towns, communities, landmarks, departments and terms are called, and how likely each is said."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from asr.words.overlay import Word
from asr.words.sounds import is_han
from core.city import City

Kind = Literal["town", "community", "landmark", "department", "term"]

TOWN_END = re.compile(r"(?:街道|镇|乡|办事处|经济开发区|开发区)$")
COMMUNITY_END = re.compile(r"(?:社区|村委会|居委会|居民委员会|村民委员会|村|居)$")
#: 回族村, 畲族村: left out in speech.
PEOPLE = re.compile(r"[回畲满壮苗]族$")

#: Natural logarithm of how likely a place is named at a given character of a call; one department, term, added word.
_PLACE, _DEPARTMENT, _TERM, _ADDED = -4.1, -9.0, -9.0, -8.0
#: Among the places named: a town alone, a community, a landmark.
_TOWN, _COMMUNITY, _LANDMARK = math.log(0.25), math.log(0.6), math.log(0.15)
#: A community's name comes right behind its town's; 村 or 社区, or 镇 is left out; 社区 for 村 and the other way round.
_FOLLOWED, _BARE, _OTHER_END = math.log(0.5), math.log(0.3), math.log(0.1)
_LONGEST = 10


@dataclass(frozen=True, order=True)
class Spot:
    """A place by its parts; empty where it has none."""

    town: str = ""
    community: str = ""
    landmark: str = ""


@dataclass(frozen=True)
class Name:
    """One way of saying one thing that the city knows."""

    #: As it should be written.
    text: str
    kind: Kind
    #: None for what is no place.
    spot: Spot | None
    #: Natural logarithm of the probability that it begins at a given character of a call.
    prior: float
    #: The same behind the name of its town; None where no town may come before.
    following: float | None = None
    #: Said without its 村, 镇…: two or three characters that may be anything.
    bare: bool = False
    #: What it sounds like where that is not ``text``: a mishearing that people corrected.
    heard: str = ""

    @property
    def sound(self) -> str:
        """The characters whose sound is compared."""
        return self.heard or self.text


def names_of(city: City, added: Iterable[Word] = ()) -> list[Name]:
    """All names of ``city``, and the words ``added`` to it, that are made of 2 to 10 Chinese characters.

    One text may stand for several places.
    """
    made = (*_places(city), *_landmarks(city), *_departments(city), *_terms(city), *_added(added))
    return [name for name in made if 2 <= len(name.sound) <= _LONGEST and all(map(is_han, name.sound))]


def _places(city: City) -> Iterable[Name]:
    towns = [town for town in city.towns if town.communities]
    count = sum(len(town.communities) for town in towns)
    for town in towns:
        where = Spot(town.name)
        short = TOWN_END.sub("", town.name)
        prior = _PLACE + _TOWN - math.log(len(towns))
        yield Name(town.name, "town", where, prior)
        if short != town.name:
            yield Name(short, "town", where, prior + _BARE, bare=True)
        among = _FOLLOWED - math.log(len(town.communities))
        for community in town.communities:
            spot = Spot(town.name, community.name)
            alone = _PLACE + _COMMUNITY - math.log(count)
            for text, likely, bare in _ways(community.name):
                # 池店 alone is the town, not the village of that name in it.
                if text != short:
                    yield Name(text, "community", spot, alone + likely, among + likely, bare)


def _ways(official: str) -> Iterable[tuple[str, float, bool]]:
    """A community's name as people say it: text, log probability, whether 村 or 社区 is left out."""
    # A radical before its character stands for one that fonts lack (氵丙).
    full = official.replace("氵", "")
    base = COMMUNITY_END.sub("", full)
    end = full[len(base) :]
    spoken = PEOPLE.sub("", base)
    yield full, 0.0, False
    if len(spoken) < 1 or not end:
        return
    if spoken != base:
        yield spoken + end, 0.0, False
    if len(spoken) >= 2:
        yield spoken, _BARE, True
        other = {"村": "社区", "社区": "村"}.get(end)
        if other:
            yield spoken + other, _OTHER_END, False


def _landmarks(city: City) -> Iterable[Name]:
    count = max(len(city.landmarks), 1)
    head = city.profile.name.removesuffix("市")
    for landmark in city.landmarks:
        spot = Spot(landmark.town, landmark.community, landmark.name)
        prior = _PLACE + _LANDMARK - math.log(count)
        yield Name(landmark.name, "landmark", spot, prior)
        short = landmark.name.removeprefix(head).removeprefix("市")
        if short != landmark.name and len(short) >= 4:
            yield Name(short, "landmark", spot, prior)


def _departments(city: City) -> Iterable[Name]:
    for department in city.departments:
        for text in (department.name, *department.aliases):
            if len(text) >= 3 and department.kind != "town":
                yield Name(text, "department", None, _DEPARTMENT)
    yield Name(city.profile.name, "term", None, _TERM)
    yield Name(city.profile.name.removesuffix("市"), "term", None, _TERM)


def _terms(city: City) -> Iterable[Name]:
    for text in general_terms():
        yield Name(text, "term", None, _TERM)
    for term in city.terms:
        prior = _DEPARTMENT if term.kind == "department" else _TERM
        yield Name(term.name, term.kind, None, prior)


def _added(words: Iterable[Word]) -> Iterable[Name]:
    """Words that reviewers had to correct more than once are said often."""
    for word in words:
        spot = Spot(landmark=word.right) if word.kind == "landmark" else None
        yield Name(word.right, word.kind, spot, _ADDED)
        if word.wrong and len(word.wrong) >= 2:
            yield Name(word.right, word.kind, spot, _ADDED, heard=word.wrong)


@cache
def general_terms() -> tuple[str, ...]:
    """Danger words and words of hotlines that any city needs (``terms.txt``)."""
    lines = (Path(__file__).parent / "terms.txt").read_text(encoding="utf-8").splitlines()
    return tuple(word for line in lines if not line.startswith("#") for word in line.split())
