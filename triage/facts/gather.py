"""All facts of a call from its utterances. Pure: the same turns give the same facts."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from triage.facts.answers import Answer, answer, replied, replies, same_number
from triage.facts.names import SaidName, asks_name, called, callers_name, titled
from triage.facts.people import HARMS, Harm, People, bare_number, merged, people
from triage.facts.phones import agents_phones, phones_in, said_phone
from triage.facts.readback import read_back
from triage.facts.things import Thing, things
from triage.relative import relatives
from triage.turns import Turn
from triage.verdict import Fact, Facts, Place

#: The call taker asks for this harm: 有没有人受伤, 几个人被困.
_ASKED: dict[Harm, re.Pattern[str]] = {
    "hurt": re.compile(
        r"(?:有没有|有无|有|几个|多少|是否|是不是|您|你|人员)[^，。？]{0,8}(?:受伤|伤者|伤员|伤亡)|受伤[^，。]{0,4}[吗没？]"
    ),
    "trapped": re.compile(
        r"(?:有没有|有无|有|几个|多少|是否|是不是|里面|人员)[^，。？]{0,8}(?:被困|困在|困住|出不来|没出来|没下来|被埋|被压)"
    ),
}
#: Without it a question is what it asks to confirm.
_TAG = re.compile(r"[，,]?(?:对吗|是吗|对吧|是吧|对不对)?[?？]?$")
_HOW_MANY = re.compile(r"几个|几位|几名|多少|几人")
#: At most so many of each kind of thing are kept; an answer of so few characters is nothing but the number.
_EACH, _BRIEF = 3, 8


def facts(turns: Sequence[Turn], places: Sequence[Place] = (), calling: str = "") -> Facts:
    """What the caller told, each with its source, and what is to be read back; ``places`` are the call's.

    ``calling``: the number called from, digits only; empty where it is not known.

    What the call taker reads back counts where the caller agrees. The last word of the caller wins; a denial leaves
    nobody, or nothing. What others on the line say is left out.
    """
    answered = replies(turns)
    reply = replied(turns)
    items = [
        *([phone] if (phone := _phone(turns, reply, calling)) else []),
        *([name] if (name := _name(turns, answered)) else []),
        *_people(turns, answered),
        *_things(turns, places),
    ]
    zh, en = read_back(places, items)
    return Facts(items=tuple(items), read_back=zh, read_back_en=en)


def _phone(turns: Sequence[Turn], reply: dict[int, int], calling: str) -> Fact | None:
    said = [(at, turn) for at, turn in enumerate(turns) if turn.leg == "caller"]
    own = said_phone([turn.text for _, turn in said], calling)
    read = [(at, p) for at, turn in enumerate(turns) if turn.leg == "agent" for p in agents_phones(turn.text)]
    agreed = [(at, p) for at, p in read if at in reply and same_number(turns[reply[at]].text)]
    denied = {p.number for at, p in read if at in reply and answer(turns[reply[at]].text) in ("wrong", "none")}
    denied -= {p.number for _, p in agreed}
    at_own = said[own.text][0] if own else -1
    if own and own.number in denied and not any(own.number == p.number and at < at_own for at, p in read):
        own = None
    if agreed and (own is None or agreed[-1][0] > at_own):
        at, phone = agreed[-1]
        text = turns[at].text[phone.start : phone.end]
        return Fact(
            kind="phone",
            value=phone.number,
            words=text,
            utterance_id=turns[at].utterance_id,
            leg="agent",
            confirmed=True,
        )
    if own:
        turn = turns[at_own]
        # Read back and not objected to: both sides of the line were heard to say it.
        repeated = any(p.number == own.number and at > at_own and at in reply for at, p in read)
        sure = repeated and own.number not in denied
        return Fact(kind="phone", value=own.number, words=own.words, utterance_id=turn.utterance_id, confirmed=sure)
    if left := [(at, p) for at, p in read if p.number not in denied]:
        at, phone = left[-1]
        text = turns[at].text[phone.start : phone.end]
        return Fact(kind="phone", value=phone.number, words=text, utterance_id=turns[at].utterance_id, leg="agent")
    return None


def _name(turns: Sequence[Turn], answered: dict[int, Answer]) -> Fact | None:
    """The caller's own words; a surname alone gets the title by which the call taker then says it."""
    best: tuple[int, SaidName] | None = None
    asked = False
    for at, turn in enumerate(turns):
        if turn.leg == "agent":
            asked = asks_name(turn.text) or (asked and len(turn.text) < 4)
        elif turn.leg == "caller":
            # Only what is said first after the question is an answer to it.
            said = _named(turn.text, asked)
            asked = False
            if said and (best is None or said.whole or not best[1].whole):
                best = (at, said)
    if best is None:
        # What the caller's name was not heard in, the call taker may have said.
        for at, turn in reversed(list(enumerate(turns))):
            if turn.leg == "agent" and answered.get(at, "") != "wrong" and (name := called(turn.text)):
                sure = answered.get(at) == "yes"
                return Fact(
                    kind="name", value=name, words=name, utterance_id=turn.utterance_id, leg="agent", confirmed=sure
                )
        return None
    at, said = best
    name, sure = said.name, False
    if not said.whole:
        titles = [title for turn in turns[at + 1 :] if turn.leg == "agent" and (title := titled(turn.text, name))]
        name = titles[0] if titles else name
        sure = bool(titles)
    else:
        sure = any(turn.leg == "agent" and name in turn.text for turn in turns[at + 1 :])
    return Fact(kind="name", value=name, words=said.words, utterance_id=turns[at].utterance_id, confirmed=sure)


def _people(turns: Sequence[Turn], answered: dict[int, Answer]) -> list[Fact]:
    known: dict[Harm, tuple[People, Fact]] = {}
    last: Harm | None = None
    asking: list[Turn] = []
    for turn in turns:
        if turn.leg == "agent":
            asking.append(turn)
            continue
        if turn.leg != "caller":
            continue
        wanted = [harm for harm in HARMS for said in asking if _ASKED[harm].search(said.text)]
        last = wanted[-1] if wanted else last
        for count in _counted(turn.text, last, tuple(dict.fromkeys(wanted)), tuple(t.text for t in asking)):
            before = known.get(count.harm)
            holds = count if before is None else merged(before[0], count)
            if holds is count:
                fact = Fact(
                    kind=count.harm, value=str(count.count), words=turn.text[count.start : count.end],
                    utterance_id=turn.utterance_id, least=count.least,
                )  # fmt: skip
                known[count.harm] = (count, fact)
            last = count.harm
        asking = []
    for at, turn in enumerate(turns):
        if turn.leg == "agent" and answered.get(at) == "yes":
            for count in people(turn.text):
                if (told := known.get(count.harm)) and told[0].count == count.count:
                    known[count.harm] = (told[0], replace(told[1], confirmed=True))
    return [known[harm][1] for harm in HARMS if harm in known]


@lru_cache(maxsize=4096)
def _counted(text: str, last: Harm | None, wanted: tuple[Harm, ...], asked: tuple[str, ...]) -> tuple[People, ...]:
    """What an utterance says of people hurt and trapped, as an answer to what was asked."""
    found = people(text, last)
    if found or not wanted:
        return found
    said = answer(text)
    if said == "none":
        return tuple(People(harm, 0, False, 0, len(text), newer=True) for harm in wanted)
    how_many = said == "yes" or len(text) <= _BRIEF or any(_HOW_MANY.search(a) for a in asked)
    if how_many and (number := bare_number(text, wanted[-1])):
        return (number,)
    if said == "yes":
        # 没有人受伤，对吗: agreed to as it stands. 有没有人受伤: at least one.
        if stated := [p for question in asked for p in people(_TAG.sub("", question))]:
            return tuple(replace(p, start=0, end=len(text)) for p in stated)
        return tuple(People(harm, 1, True, 0, len(text)) for harm in wanted)
    return ()


def _things(turns: Sequence[Turn], places: Sequence[Place]) -> list[Fact]:
    """Vehicles, plates, sums, times and places from somewhere that the caller told, each value once."""
    found: dict[tuple[str, str], Fact] = {}
    for turn in turns:
        if turn.leg != "caller":
            continue
        for thing in _said(turn.text):
            found[(thing.kind, thing.value)] = Fact(
                kind=thing.kind, value=thing.value, words=turn.text[thing.start : thing.end],
                utterance_id=turn.utterance_id, least=thing.least,
            )  # fmt: skip
        for where in relatives(turn.text):
            if where.anchored and not any(where.value in p.full or p.relative in where.value != "" for p in places):
                found[("relative", where.value)] = Fact(
                    kind="relative", value=where.value, words=turn.text[where.start : where.end],
                    utterance_id=turn.utterance_id,
                )  # fmt: skip
    kept: dict[str, int] = {}
    items: list[Fact] = []
    for fact in found.values():
        kept[fact.kind] = kept.get(fact.kind, 0) + 1
        if kept[fact.kind] <= _EACH:
            items.append(fact)
    return items


@lru_cache(maxsize=4096)
def _said(text: str) -> tuple[Thing, ...]:
    """Its things, none of which lies in a telephone number."""
    numbers = [(p.start, p.end) for p in phones_in(text)]
    return tuple(t for t in things(text) if not any(s < t.end and t.start < e for s, e in numbers))


@lru_cache(maxsize=4096)
def _named(text: str, asked: bool) -> SaidName | None:
    return callers_name(text, asked=asked)
