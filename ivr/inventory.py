"""What is spoken before anybody calls: the fixed parts of a city's flows, and values that are known beforehand. Pure.

Most needed first: prompts as they stand, then counted numbers and the words of which rows of figures are made, then
names of matters and places, then English.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import product

from core.city import City, Line
from core.city_ivr import AskStep, IvrFlow, LookUpStep, SayStep, Step, filled, slots
from core.speaking import Language
from ivr.readings import quantity
from ivr.wording import MARKS, Piece, clauses, pieces, tokens

#: Known of a line before it is called.
OF_LINE = frozenset({"city", "line", "line_name"})
#: Places and minutes that are spoken with what stands around them; higher numbers are put together.
_MOST_WAITING = 30
#: Clauses that can be filled in more ways than this are put together, or spoken when they are wanted.
_MOST_CLAUSES = 200
#: Provinces on number plates by the first two figures of division codes, then what else stands on plates.
_PROVINCES = {
    "11": "京", "12": "津", "13": "冀", "14": "晋", "15": "蒙", "21": "辽", "22": "吉", "23": "黑",
    "31": "沪", "32": "苏", "33": "浙", "34": "皖", "35": "闽", "36": "赣", "37": "鲁", "41": "豫",
    "42": "鄂", "43": "湘", "44": "粤", "45": "桂", "46": "琼", "50": "渝", "51": "川", "52": "贵",
    "53": "云", "54": "藏", "61": "陕", "62": "甘", "63": "青", "64": "宁", "65": "新",
}  # fmt: skip
_PLATES = "学警港澳使领挂"


class Need(IntEnum):
    """How soon something is wanted."""

    PROMPT = 0
    FIGURES = 1
    NAMES = 2
    ENGLISH = 3


@dataclass(frozen=True)
class Saying:
    """One piece that lies on the shelf by itself."""

    text: str
    language: Language
    need: Need


#: Words of which rows of figures and plates are put together, each as it is spoken: with a comma, since more follows.
WORDS: frozenset[str] = frozenset(
    [*"零幺一二三四五六七八九", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", *_PROVINCES.values(), *_PLATES]
    + [quantity(number) for number in range(10, 100)]
    + [quantity(number * 100) for number in range(1, 10)]
    + [quantity(number * 1000) for number in range(1, 10)]
    + ["两", "点"]
)


def sayings(city: City) -> list[Saying]:
    """Everything, each once, most needed first."""
    said = {name for flow in city.ivr for prompt in flow.prompts.values() for name in slots(prompt.zh)}
    found = list(_prompts(city))
    if said - OF_LINE:
        found += [Saying(f"{word}，", "zh", Need.FIGURES) for word in sorted(WORDS)]
    if "plate" in said:
        found += [Saying(f"{word}，", "zh", Need.FIGURES) for word in plate_heads(city)]
    if "area" in said:
        found += [Saying(f"{place}，", "zh", Need.NAMES) for place in places(city)]
    unique = {(one.text, one.language): one for one in sorted(found, key=lambda one: -one.need)}
    order = {(one.text, one.language): at for at, one in reversed(list(enumerate(found)))}
    return sorted(unique.values(), key=lambda one: (one.need, order[one.text, one.language]))


def places(city: City) -> list[str]:
    """Names of towns and communities."""
    return [town.name for town in city.towns] + [one.name for town in city.towns for one in town.communities]


def words(city: City) -> frozenset[str]:
    """All words of which the values of a clause may be put together."""
    return WORDS | frozenset(plate_heads(city)) | frozenset(places(city))


def plate_heads(city: City) -> list[str]:
    """How plates of the province begin: 闽A to 闽Z. Said in one, since a single syllable is hard to understand."""
    province = _PROVINCES.get(city.profile.code[:2], "")
    return [f"{province}{letter}" for letter in "ABCDEFGHJKLMNPQRSTUVWXYZ"] if province else []


def sayings_of(city: City, flow: IvrFlow, template: str, language: Language) -> list[Saying]:
    """What is spoken beforehand of one prompt, most needed first."""
    names = english_names(city)
    spoken = _whole(city, flow, template) or _pieces(city, template, language)
    if language == "en":
        return [Saying(in_english(text, names), "en", Need.ENGLISH) for text, _ in spoken]
    return [Saying(text, "zh", need) for text, need in spoken]


def first_sayings(city: City, lines: Collection[str]) -> list[Saying]:
    """Only what the first calls hear: a silent caller of these lines first and last, a robot's call that goes well."""
    found: dict[str, Saying] = {}
    for number in lines:
        flow = next((flow for flow in city.ivr if number in flow.use.lines), None)
        line = city.line(number)
        if flow is None or line is None:
            continue
        for step in (flow.steps[0], flow.step(flow.out)):
            prompt = flow.prompts.get(step.prompt) if step else None
            if prompt is not None and set(slots(prompt.zh)) <= OF_LINE:
                text = filled(prompt.zh, of_line(city, line))
                found[text] = Saying(text, "zh", Need.PROMPT)
    for flow in city.ivr:
        if "robot-callback" in flow.use.at:
            for name in _agreeing(flow):
                spoken = sayings_of(city, flow, flow.prompts[name].zh, "zh")
                found.update({one.text: one for one in spoken if one.need == Need.PROMPT})
    return list(found.values())


def _agreeing(flow: IvrFlow) -> Iterator[str]:
    """Names of the prompts that somebody hears who gives the first answer to every question."""
    step: Step | None = flow.steps[0]
    seen: set[str] = set()
    while step is not None and step.key not in seen:
        seen.add(step.key)
        if step.prompt:
            yield step.prompt
        match step:
            case SayStep(next=target):
                pass
            case AskStep(choices=(first, *_)):
                target = first.next
            case LookUpStep(results=results):
                target = next(iter(results.values()), "")
            case _:
                return
        step = flow.step(target)


def of_line(city: City, line: Line) -> dict[str, str]:
    """Variables that are known of a line's calls before one comes (:data:`core.city_ivr.ALWAYS`)."""
    return {"city": city.profile.name, "line": line.number, "line_name": line.name}


def lines_of(city: City, flow: IvrFlow) -> list[Line]:
    """The lines whose callers may hear ``flow``: its own, all service lines for one that others lead to."""
    own = [line for line in city.lines if line.number in flow.use.lines]
    return own or [line for line in city.lines if line.kind == "service"]


def english_names(city: City) -> Mapping[str, str]:
    """Chinese names of lines and matters that stand in values, in English; the longest first."""
    pairs = [(line.name, line.name_en) for line in city.lines]
    pairs += [(one.name, one.name_en) for group in city.taxonomy for one in group.categories]
    return dict(sorted(pairs, key=lambda pair: -len(pair[0])))


def in_english(text: str, names: Mapping[str, str]) -> str:
    """``text`` with the names that have an English one; others stay, and are read as Mandarin."""
    for name, english in names.items():
        text = text.replace(name, english)
    return text


def _prompts(city: City) -> Iterator[Saying]:
    for flow in sorted(city.ivr, key=lambda flow: not flow.use.lines):
        for prompt in flow.prompts.values():
            if prompt.zh:
                yield from sayings_of(city, flow, prompt.zh, "zh")
            if prompt.en and "en" in flow.languages:
                yield from sayings_of(city, flow, prompt.en, "en")


def _whole(city: City, flow: IvrFlow, template: str) -> list[tuple[str, Need]]:
    """The prompt as one piece for each way in which it can be said; none where it says something of the call."""
    if not set(slots(template)) <= OF_LINE:
        return []
    texts = {filled(template, of_line(city, line)): Need.PROMPT for line in lines_of(city, flow)}
    return [*texts.items()] if slots(template) else [(template, Need.PROMPT)]


def _pieces(city: City, template: str, language: Language) -> Iterator[tuple[str, Need]]:
    """The stretches without slots, and the clauses with each value that is known beforehand."""
    # A slot stands for itself here: pieces are cut where they are cut once it is filled.
    for piece in pieces(template, template, language):
        wanted = sorted(set(slots(piece.text)))
        if not wanted:
            yield piece.text, Need.PROMPT
            continue
        known = [_values(city, name) for name in wanted]
        ways = 1
        for values, _ in known:
            ways *= len(values)
        if 0 < ways <= _MOST_CLAUSES:
            need = max(need for _, need in known)
            for chosen in product(*(values for values, _ in known)):
                yield filled(piece.text, dict(zip(wanted, chosen, strict=True))), need
        if language == "zh" and not OF_LINE.issuperset(wanted):
            # For values beyond those: what stands before and behind.
            for part in (piece.before, piece.behind):
                if part.strip(MARKS):
                    yield f"{part.rstrip(MARKS)}，", Need.FIGURES


def _values(city: City, name: str) -> tuple[list[str], Need]:
    if name == "city":
        return [city.profile.name], Need.PROMPT
    if name in ("place", "wait", "hour"):
        return [str(number) for number in range(0, _MOST_WAITING + 1)], Need.FIGURES
    if name in ("line", "line_name"):
        lines = [line for line in city.lines if line.kind == "service"]
        return [line.number if name == "line" else line.name for line in lines], Need.NAMES
    return [], Need.NAMES


def expected(city: City, name: str, values: Iterable[str], *, by_clause: bool = False) -> Iterator[str]:
    """The Mandarin pieces of all prompts that say the variable ``name``, for each of its ``values``, in their order.

    ``by_clause``: cut as finely as clauses, where clauses of one value recur in others.
    """
    templates = [p.zh for flow in city.ivr for p in flow.prompts.values() if name in slots(p.zh)]
    for value in values:
        for template in templates:
            # Other slots stay open: their pieces are not these.
            text = filled(template, {one: value if one == name else f"{{{one}}}" for one in slots(template)})
            for piece in pieces(template, text, "zh"):
                for part in (by_clause and clauses(piece, "zh")) or (piece,):
                    if not slots(part.text):
                        yield part.text


def parts_of(piece: Piece, known: Collection[str]) -> tuple[str, ...]:
    """The texts on the shelf of which ``piece`` can be put together with words of ``known``; empty where it cannot."""
    return tuple(f"{word}，" for word in tokens(piece, known))
