"""What the call taker reads back to have it confirmed, in Chinese and in English. Pure."""

from collections.abc import Sequence

from triage.verdict import Fact, Place

_COUNTED = {"hurt": ("受伤", "hurt"), "trapped": ("被困", "trapped")}


def read_back(places: Sequence[Place], facts: Sequence[Fact]) -> tuple[str, str]:
    """(Chinese, English); both empty where nothing is open. What the caller has agreed to is not asked again."""
    zh: list[str] = []
    en: list[str] = []
    place = places[0] if places else None
    if place is not None and not place.confirmed:
        if len(place.towns) > 1:
            # The place cannot be found by this: it goes first and alone.
            towns = "、".join(place.towns[:-1]) + f"还是{place.towns[-1]}"
            name = place.canonical + place.relative
            return f"您说的{name}，是{towns}的？", f"{name}: is that in {' or '.join(place.towns)}?"
        zh.append(f"您是在{place.full}")
        en.append(f"you are at {place.full}")
    for fact in facts:
        if fact.confirmed or fact.kind not in _COUNTED or fact.value == "0":
            continue
        said, told = _people(fact)
        zh.append(said)
        en.append(told)
    if phone := next((f for f in facts if f.kind == "phone" and not f.confirmed), None):
        number = grouped(phone.value)
        zh.append(f"电话是{number}")
        en.append(f"the phone number is {number}")
    if not zh:
        return "", ""
    line = ", ".join(en)
    return "，".join(zh) + "，对吗？", line[0].upper() + line[1:] + " – is that right?"


def grouped(number: str) -> str:
    """``number`` in the groups in which it is read aloud: 138 5950 1234."""
    if len(number) == 11 and number[0] == "1":
        return f"{number[:3]} {number[3:7]} {number[7:]}"
    if number.startswith("0") and len(number) >= 10:
        area = 3 if number[1] in "12" else 4
        return f"{number[:area]} {number[area:-4]} {number[-4:]}"
    return number


def _people(fact: Fact) -> tuple[str, str]:
    zh, en = _COUNTED[fact.kind]
    if not fact.least:
        return f"有{fact.value}人{zh}", f"{fact.value} {'person is' if fact.value == '1' else 'people are'} {en}"
    if fact.value == "1":
        return f"有人{zh}", f"somebody is {en}"
    return f"至少有{fact.value}人{zh}", f"at least {fact.value} people are {en}"
