"""How a city's tickets are watched for what rises (``analysis.yaml``)."""

from collections.abc import Sequence
from datetime import time
from typing import Annotated

from pydantic import Field

from core.city_clocks import Code
from core.cityfaults import Faults, File, quote
from core.citytypes import Data, Text


class CityAnalysis(Data):
    """``analysis.yaml``. Without it the values below hold."""

    #: Full local hours at which the tickets are looked through.
    hours: Annotated[tuple[time, ...], Field(min_length=1, max_length=24)] = (time(7), time(11), time(15), time(19))
    #: Looks that people may ask for besides, on one day. They are part of the rate below: every look at the same data
    #: is another chance to be wrong.
    by_hand: Annotated[int, Field(ge=0, le=24)] = 2
    #: Warnings a week, over all places and matters together, that come although nothing has changed.
    false_per_week: Annotated[float, Field(gt=0, le=100)] = 2.0
    #: Weeks of the past that a count is compared with.
    weeks: Annotated[int, Field(ge=4, le=52)] = 8
    #: Fewer callers than this raise no warning, and no rise smaller than this factor does.
    least: Annotated[int, Field(ge=2, le=1000)] = 4
    rise: Annotated[float, Field(ge=1, le=10)] = 1.5
    #: Groups and categories that are not watched: silence, wrong numbers, praise.
    left_out: tuple[Code, ...] = ()
    #: Tickets of one group that lie this near (metres) to so many others of the last days make a cluster.
    near_m: Annotated[float, Field(gt=0, le=5000)] = 300
    near: Annotated[int, Field(ge=2, le=100)] = 5
    days: Annotated[int, Field(ge=1, le=31)] = 7
    #: A number that opened so many tickets within 30 days is a repeat caller.
    repeats: Annotated[int, Field(ge=2, le=100)] = 3
    #: Words that are not counted here, besides the general ones.
    stop_words: tuple[Text, ...] = ()


def check_analysis(file: File[CityAnalysis], codes: Sequence[str] | None, faults: Faults) -> None:
    """Note what no single key shows. ``codes``: the city's groups and categories; None while they are unsound."""
    for setting, node in file.records:
        if any(hour.minute or hour.second for hour in setting.hours):
            faults.add(file.path, node.at(("hours",)).line, "hours has minutes, expected full hours, such as 07:00")
        for place, code in enumerate(setting.left_out):
            if codes is not None and code not in codes:
                line = node.at(("left_out", place)).line
                faults.add(file.path, line, f"{quote(code)} is no group or category of taxonomy.yaml")
