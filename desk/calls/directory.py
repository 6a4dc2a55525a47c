"""Whom a call can be passed to, as the transfer panel searches them: by number, name, or pinyin."""

from typing import Any

from pypinyin import Style, lazy_pinyin

from core.city import City
from desk.i18n import Language


def sounds(name: str) -> tuple[str, str]:
    """Full pinyin and initials of a name, lower case without spaces: ``闽南语席`` → ``minnanyuxi``, ``mnyx``."""
    full = "".join(lazy_pinyin(name))
    initials = "".join(lazy_pinyin(name, style=Style.FIRST_LETTER))
    return full.replace(" ", "").lower(), initials.replace(" ", "").lower()


def directory(city: City, language: Language, own: str | None) -> dict[str, Any]:
    """Desks (without ``own``), lines, skill groups and matters of the city; names in that language."""
    chinese = language == "zh"
    return {
        "desks": [
            {"target": d.extension, **_named(d.name, d.name, chinese), "groups": list(d.groups)}
            for d in city.desks
            if d.extension != own and d.kind != "robot"
        ],
        "lines": [{"target": x.number, **_named(x.name, x.name_en, chinese)} for x in city.lines],
        "groups": [
            {"target": g.key, **_named(g.name, g.name_en, chinese), "linkage": g.linkage, "hotkey": g.hotkey}
            for g in city.groups
        ],
        "matters": [
            {"source": m.source, "target": m.target, "value": m.name, "name": m.name if chinese else m.name_en}
            for m in city.matters
        ],
    }


def _named(name: str, name_en: str, chinese: bool) -> dict[str, str]:
    pinyin, initials = sounds(name)
    return {"name": name if chinese else name_en, "pinyin": pinyin, "initials": initials}
