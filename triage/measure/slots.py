"""Whether a place, a number or a name that was heard is the labelled one. Pure."""

from collections.abc import Sequence

from asr.words.sounds import symbols
from triage.verdict import Place

_TITLES = ("先生", "女士", "小姐", "师傅", "阿姨", "大爷", "大妈", "老师", "同学")


def place_found(label: str, places: Sequence[Place]) -> bool:
    """True where the best place is the labelled one.

    A canonical label (池店镇华洲村路口) asks for its town and community. Components as spoken, joined by ``;``, must
    each be in the best place or in the words of one of the places, written as they are or as they sound.
    """
    if not places:
        return False
    if ";" in label:
        return all(part_found(part, places) for part in parts(label))
    best = places[0]
    where = best.town + best.community if best.community else best.canonical
    return (
        bool(best.town or best.canonical == label)
        and label.startswith(where)
        and (bool(best.community) or best.canonical == label)
    )


def parts(label: str) -> tuple[str, ...]:
    """The components of a label; a canonical one has itself only."""
    return tuple(part.strip() for part in label.split(";") if part.strip())


def part_found(part: str, places: Sequence[Place]) -> bool:
    """True where this component of a label is in the best place or in the words of any."""
    if not places:
        return False
    sound = symbols(part)
    return any(sound in symbols(text) for text in (places[0].full, *(place.mention for place in places)))


def name_right(label: str, heard: str) -> bool:
    """True where both are one name; beside a title (蒲先生) the surname is all there is to tell."""
    if not heard or not label:
        return False
    known, said = _without_title(label), _without_title(heard)
    titled = known != label or said != heard
    return known == said or (titled and (known.startswith(said) or said.startswith(known)))


def _without_title(name: str) -> str:
    for title in _TITLES:
        if name.endswith(title) and len(name) > len(title):
            return name[: -len(title)]
    return name
