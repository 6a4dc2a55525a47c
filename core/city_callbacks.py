"""Who is called back after a result, when, how often and by whom (``callbacks.yaml``)."""

from collections.abc import Iterable
from datetime import time
from typing import Annotated, Literal

from pydantic import Field

from core.cityfaults import Faults, File, quote
from core.citytypes import Data, Key, Text, form

#: Who asks: heyi's robot by telephone, a call taker, a text message.
Channel = Literal["robot", "person", "sms"]
#: Who reports a second handling: another person than before (another login, or a second handler registered by name
#: where a department shares one), another login, another department, anybody.
SecondRule = Literal["person", "login", "department", "off"]
Code = Annotated[str, form(r"^[A-Z][0-9]{0,4}$", "the code of a group or a category, such as S06 or S0602")]
Minutes = Annotated[float, Field(gt=0, le=43_200)]


class CallbackRule(Data):
    """How tickets of one kind are called back. One that names a category goes before one that names a group."""

    key: Key
    name: Text
    #: Codes of groups and categories; empty: all.
    codes: tuple[Code, ...] = ()
    #: Only emergencies, or only others; absent: both.
    urgent: bool | None = None
    #: Who asks at the first, second … attempt; the last repeats. Empty: nobody is called back.
    by: Annotated[tuple[Channel, ...], Field(max_length=9)] = ("robot",)
    #: From the result to the first attempt; absent: as usual.
    after_minutes: Minutes | None = None


class CityCallbacks(Data):
    """``callbacks.yaml``."""

    #: Between these local times nobody is called or written to; equal: there are no such hours.
    quiet_from: time = time(21, 0)
    quiet_to: time = time(8, 30)
    #: From the result to the first attempt, and from each attempt to the next; the last repeats.
    after_minutes: Minutes = 10
    retry_minutes: Annotated[tuple[Minutes, ...], Field(min_length=1, max_length=9)] = (120, 1200)
    attempts: Annotated[int, Field(ge=1, le=9)] = 3
    #: How often a caller may ask for another time without an attempt being counted.
    postponements: Annotated[int, Field(ge=0, le=5)] = 2
    #: Hours that a text message waits for its reply.
    sms_hours: Annotated[float, Field(gt=0, le=168)] = 24
    #: Fixed lines are called while offices work.
    firms_in_office_hours: bool = True
    #: Further attempts at the hours at which this number was reached before.
    best_time: bool = True
    second: SecondRule = "person"
    #: Who may let the same person do it again, with a reason.
    second_overrule: tuple[Literal["supervisor", "arbiter"], ...] = ("supervisor", "arbiter")
    cases: tuple[CallbackRule, ...] = ()


def check_callbacks(file: File[CityCallbacks], codes: Iterable[str] | None, faults: Faults) -> None:
    """``codes``: the city's groups and categories; None while they are not known for sure."""
    known = None if codes is None else frozenset(codes)
    for callbacks, node in file.records:
        keys: dict[str, int] = {}
        taken: dict[tuple[str, bool | None], str] = {}
        for place, rule in enumerate(callbacks.cases):
            line = node.at(("cases", place)).line
            if rule.key in keys:
                faults.add(file.path, line, f"key {quote(rule.key)} stands on line {keys[rule.key]} too, expected once")
            keys.setdefault(rule.key, line)
            for code in rule.codes or ("",):
                if code and known is not None and code not in known:
                    faults.add(file.path, line, f"unknown code {quote(code)}, expected one of the taxonomy")
                other = next((o for u in {rule.urgent, None} if (o := taken.get((code, u)))), None)
                if other is None and rule.urgent is None:
                    other = taken.get((code, True)) or taken.get((code, False))
                if other is not None:
                    text = f"rules {quote(other)} and {quote(rule.key)} are for the same tickets, expected one rule"
                    faults.add(file.path, line, text)
                taken.setdefault((code, rule.urgent), rule.key)
