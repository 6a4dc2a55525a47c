"""Places by sound: towns, communities and landmarks of the city found in what was heard.

Names are compared as strings of folded syllables (:mod:`triage.sounds`), so homophones that recognition writes and
accents still match; the longer names also with one syllable wrong or missing. Short names that are everyday words, or
that sound like some, count only where the words around them speak of a place.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pypinyin.constants import PHRASES_DICT
from rapidfuzz.fuzz import partial_ratio_alignment

from core.city import City
from triage.facts import spoken_digits
from triage.rulefile import FOLDER, RuleData, load
from triage.sounds import is_han, symbols, variants
from triage.verdict import Place
from triage.words import plain

_TOWN_END = re.compile(r"(?:街道|镇|乡|办事处|经济开发区|开发区)$")
_COMMUNITY_END = re.compile(r"(?:社区|村委会|居委会|居民委员会|村民委员会|村|居)$")
#: 回族村, 畲族村: left out in speech. A radical before its character stands for one that fonts lack (氵丙).
_PEOPLE = re.compile(r"[回畲满壮苗]族$")
_FUZZY_FROM = 4
_FUZZY_SCORE = 74.0
#: From here on a name needs no 村, 镇 or 路 in what was written: four of five syllables sound right.
_SURE_FROM = 5
_SURE_SCORE = 80.0
#: An estate, road or house number that the gazetteer lacks: 金域花园二期, 荷塘路18号.
_ESTATE = (
    r"[^\W那的是有在我了这个一不就都也很被把到说\d]{1,5}(?:小区|花园|公寓|家园|苑|府|大厦|安置房|路|巷|弄|广场|公馆|豪庭|新城|名城|楼|厂)"
    r"(?:[一二三四五六七八九十\d]+(?:期|栋|幢|号楼|号|座))?|[一二三四五六七八九十百零\d]+(?:号楼|号|栋|幢|期|组|区)"
)
#: Digits read one by one before a number's unit; 二十三号 stays as said.
_ARABIC = re.compile(r"(?<![十百一二三四五六七八九零])[一二三四五六七八九零]+(?=号|栋|幢|期|座|室)")
_FILLER = re.compile(r"^(?:那个|那边|那里|这边|这里|附近|旁边|对面|的|一个|有个|过去|里面|，|、|\s){0,3}")


class _FileData(RuleData):
    version: int
    reviewed: object
    after: tuple[str, ...]
    before: tuple[str, ...]
    generic: tuple[str, ...]
    rest: tuple[str, ...]
    corrections: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """One place of the gazetteer; exactly the parts that it has are set."""

    town: str = ""
    community: str = ""
    landmark: str = ""

    @property
    def level(self) -> int:
        """1 town, 2 community, 3 landmark: the higher the more exact."""
        return 3 if self.landmark else 2 if self.community else 1


@dataclass(frozen=True)
class Mention:
    """Words that name a place: ``text[start:end]``; several where the name alone does not tell which."""

    places: tuple[Known, ...]
    start: int
    end: int
    words: str
    #: 0..1: likeness in sound, lowered where the characters differ.
    score: float
    #: Noun that follows and belongs to it (路口, 菜市场), or empty.
    rest: str = ""
    #: A later place in the same breath replaced it.
    withdrawn: bool = False

    @property
    def level(self) -> int:
        return self.places[0].level


@dataclass(frozen=True)
class _Name:
    text: str
    places: tuple[Known, ...]
    #: Without its 村, 镇 …: needs the words around it.
    short: bool


class Gazetteer:
    """The city's places, indexed by sound."""

    def __init__(self, city: City, path: Path = FOLDER / "places.yaml") -> None:
        data = load(path, _FileData)
        self._generic = frozenset(data.generic)
        self._after = re.compile("|".join(map(re.escape, sorted(data.after, key=len, reverse=True))))
        self._before = re.compile("(?:" + "|".join(map(re.escape, sorted(data.before, key=len, reverse=True))) + ")$")
        self._rest = re.compile(
            "(?P<rest>" + "|".join(map(re.escape, sorted(data.rest, key=len, reverse=True))) + f"|{_ESTATE})(?!的人)"
        )
        self._corrected = re.compile("|".join(map(re.escape, data.corrections)))
        self._names: dict[str, list[_Name]] = defaultdict(list)
        self._fuzzy: list[tuple[str, _Name]] = []
        self._bigrams: dict[str, list[int]] = defaultdict(list)
        for name in _names(city):
            for sound in variants(name.text):
                self._names[sound].append(name)
                if (
                    len(sound) >= _FUZZY_FROM
                    and len(_COMMUNITY_END.sub("", name.text)) >= 3
                    and all(map(is_han, name.text))
                ):
                    for i in range(len(sound) - 1):
                        self._bigrams[sound[i : i + 2]].append(len(self._fuzzy))
                    self._fuzzy.append((sound, name))
        self._lengths = sorted({len(sound) for sound in self._names}, reverse=True)

    def mentions(self, text: str) -> tuple[Mention, ...]:
        """The places named in one utterance, in order, none overlapping another."""
        text = plain(text)
        sound = symbols(text)
        taken = [False] * (len(text) + 1)
        found: list[Mention] = []
        maybe: list[tuple[int, int, list[_Name]]] = []
        for length in self._lengths:
            for start in range(len(sound) - length + 1):
                names = self._names.get(sound[start : start + length])
                if names:
                    maybe.append((start, start + length, names))
        # Twice: a short name may need the town beside it, which may itself be found only in the first pass.
        for _ in range(2):
            for start, end, names in maybe:
                if any(taken[start:end]):
                    continue
                made = self._accept(text, start, end, names, found)
                if made:
                    found.append(made)
                    taken[start:end] = [True] * (end - start)
        found += self._nearly(text, sound, taken)
        found.sort(key=lambda m: m.start)
        return self._finish(text, found)

    def find(self, text: str) -> tuple[Place, ...]:
        """Places named in one utterance, the best first."""
        return self.resolve([self.mentions(text)])

    def resolve(self, turns: Sequence[Sequence[Mention]]) -> tuple[Place, ...]:
        """The call's places from the mentions of its utterances, the best first.

        A town said anywhere in the call tells apart communities of the same name; a community of one town alone brings
        its town. What stays ambiguous keeps an empty town: the call taker asks.
        """
        valid = [m for turn in turns for m in turn if not m.withdrawn]
        towns = [m.places[0].town for m in valid if m.level == 1 and len(m.places) == 1]
        made: list[tuple[int, float, int, Place]] = []
        for turn in turns:
            kept = [m for m in turn if not m.withdrawn]
            order = 0
            while order < len(kept):
                group = [kept[order]]
                while (
                    order + 1 < len(kept)
                    and kept[order + 1].start - group[-1].end <= 6
                    and (kept[order + 1].level > group[-1].level)
                ):
                    order += 1
                    group.append(kept[order])
                order += 1
                place = _merge(group, towns)
                level = (2 if place.community else 0) + (1 if place.town else 0) + (place.canonical != place.town)
                made.append((level, place.score, -len(made), place))
        best: dict[str, tuple[int, float, int, Place]] = {}
        for item in made:
            known = best.get(item[3].canonical)
            if known is None or item[:2] > known[:2]:
                best[item[3].canonical] = item
        ranked = sorted(best.values(), key=lambda i: i[:3], reverse=True)
        return tuple(_drop_parts([place for *_, place in ranked]))

    def _accept(self, text: str, start: int, end: int, names: list[_Name], found: list[Mention]) -> Mention | None:
        words = text[start:end]
        same = [n for n in names if n.text == words]
        chosen = same or names
        short = all(n.short for n in chosen)
        beside = any(0 <= start - m.end <= 2 and m.level == 1 for m in found)
        followed = bool(self._after.match(text, end))
        preceded = bool(self._before.search(text[max(0, start - 4) : start]))
        begins = start == 0 or not is_han(text[start - 1])
        ends = end == len(text) or not is_han(text[end])
        everyday = words in self._generic or words in PHRASES_DICT
        if same:
            if short and not beside:
                if everyday and not (followed and (preceded or begins or len(words) > 2)):
                    return None
                if not (followed or preceded or begins or ends or len(words) > 2):
                    return None
            score = 1.0
        else:
            suffixed = bool(re.match("村|社区|镇|街道", text[end:]))
            if short and not (beside or (suffixed and not everyday) or (len(words) > 2 and not everyday)):
                return None
            if not short and len(words) <= 3 and text[end - 1] not in "村镇乡路街桥区":
                return None
            alike = max(sum(a == b for a, b in zip(n.text, words, strict=True)) for n in chosen) / len(words)
            score = 0.75 + 0.2 * alike
        places = tuple(dict.fromkeys(place for name in chosen for place in name.places))
        # 池店 alone is the town, not the village of that name in it.
        level = (min if short else max)(p.level for p in places)
        return Mention(tuple(p for p in places if p.level == level), start, end, words, score)

    def _nearly(self, text: str, sound: str, taken: list[bool]) -> Iterable[Mention]:
        """Longer names with a syllable wrong or missing."""
        hits: dict[int, int] = defaultdict(int)
        for i in range(len(sound) - 1):
            if not (taken[i] or taken[i + 1]):
                for index in self._bigrams.get(sound[i : i + 2], ()):
                    hits[index] += 1
        best: tuple[float, int, int, _Name] | None = None
        for index in sorted(hits, key=lambda k: (-hits[k], k))[:8]:
            name_sound, name = self._fuzzy[index]
            if hits[index] * 2 < len(name_sound) - 1 or len(sound) < len(name_sound) - 1:
                continue
            # The shorter string must be the name: RapidFuzz slides it along the longer.
            made = partial_ratio_alignment(name_sound, sound, score_cutoff=_FUZZY_SCORE)
            if made is None or any(taken[made.dest_start : made.dest_end]):
                continue
            tail = bool(
                re.search(
                    "村|社区|镇|街道|小区|路|市场|学|厂|花园|广场|医院", text[made.dest_start : made.dest_end + 2]
                )
            )
            if (tail or (len(name_sound) >= _SURE_FROM and made.score >= _SURE_SCORE)) and (
                best is None or made.score > best[0]
            ):
                best = (made.score, made.dest_start, made.dest_end, name)
        if best:
            score, start, end, name = best
            yield Mention(name.places, start, end, text[start:end], round(0.7 * score / 100, 3))

    def _finish(self, text: str, found: list[Mention]) -> tuple[Mention, ...]:
        """Attach what follows a name, and withdraw names that the speaker took back."""
        done: list[Mention] = []
        for i, mention in enumerate(found):
            next_start = found[i + 1].start if i + 1 < len(found) else len(text)
            tail = text[mention.end : next_start]
            end = mention.end
            if mention.level == 2 and (unit := re.match("社区|村委会|居委会|村(?!口|委)", tail)):
                end += unit.end()
            rest = ""
            if mention.level >= 2:
                gap = _FILLER.match(text[end:next_start])
                begin = end + (gap.end() if gap else 0)
                after = self._rest.match(text, begin, next_start) or self._rest.match(text, end, next_start)
                if after:
                    rest = _ARABIC.sub(
                        lambda m: spoken_digits("零" + m[0])[1:] if len(m[0]) == 1 else spoken_digits(m[0]),
                        after["rest"],
                    )
            taken_back = (
                i + 1 < len(found)
                and self._corrected.search(tail) is not None
                and (found[i + 1].level >= mention.level)
            )
            words = text[mention.start : end]
            done.append(replace(mention, end=end, words=words, rest=rest, withdrawn=taken_back))
        return tuple(done)


def _names(city: City) -> Iterable[_Name]:
    """Every way the city's places are called."""
    spoken: dict[tuple[str, bool], list[Known]] = defaultdict(list)

    def add(text: str, place: Known, short: bool) -> None:
        if len(text) >= 2 and place not in spoken[(text, short)]:
            spoken[(text, short)].append(place)

    town_of: dict[str, set[str]] = defaultdict(set)
    for town in city.towns:
        where = Known(town=town.name)
        short_town = _TOWN_END.sub("", town.name)
        add(town.name, where, False)
        if short_town != town.name:
            add(short_town, where, True)
        for community in town.communities:
            place = Known(town=town.name, community=community.name)
            town_of[community.name].add(town.name)
            short_name = _COMMUNITY_END.sub("", community.name)
            add(community.name, place, False)
            for base in {short_name, _PEOPLE.sub("", short_name), short_name.replace("氵", "")}:
                if base != community.name:
                    add(base, place, True)
                    for end in ("村", "社区"):
                        add(base + end, place, False)
                if short_town and base:
                    add(short_town + base, place, False)
                    # Said in full it is long enough to be known by sound alone, its 镇 and 村 misheard too.
                    add(town.name + base, place, False)
            if short_town:
                add(town.name + community.name, place, False)
                add(short_town + community.name, place, False)
    for landmark in city.landmarks:
        homes = town_of.get(landmark.community, set())
        home = landmark.town or (next(iter(homes)) if len(homes) == 1 else "")
        place = Known(town=home, community=landmark.community, landmark=landmark.name)
        add(landmark.name, place, False)
        name = landmark.name.removeprefix(city.profile.name.removesuffix("市"))
        if len(name) >= 4 and name != landmark.name:
            add(name, place, False)
    return [_Name(text, tuple(places), short) for (text, short), places in spoken.items()]


def _merge(group: Sequence[Mention], towns: Sequence[str]) -> Place:
    """One place from mentions side by side, the most exact last."""
    last = group[-1]
    beside = [m.places[0].town for m in group if m.level == 1]
    wanted = beside or list(towns)
    fitting = [p for p in last.places if p.town in wanted] or list(last.places)
    communities = {(p.town, p.community) for p in fitting}
    exact = fitting[0]
    town = exact.town if len({t for t, _ in communities}) == 1 else ""
    if not town and last.level == 3 and beside:
        town = beside[-1]
    community = exact.community
    if last.level == 3 and not community:
        community = next((m.places[0].community for m in group if m.level == 2 and len(m.places) == 1), "")
        if community and not town:
            town = next(m.places[0].town for m in group if m.level == 2)
    start = "".join(m.words for m in group)
    # 华洲村 and 村口 are 华洲村口.
    rest = last.rest.removeprefix("村") if community.endswith("村") and not exact.landmark else last.rest
    canonical = town + community + exact.landmark + rest
    ambiguous = not town and last.level == 2
    score = min(m.score for m in group) * (0.6 if ambiguous else 1.0)
    return Place(canonical=canonical, town=town, community=community, mention=start, score=round(score, 3))


def _drop_parts(places: Sequence[Place]) -> Iterable[Place]:
    """Leave out what a better place already contains: the town of a community that was named too."""
    kept: list[Place] = []
    for place in places:
        if not any(place.canonical in better.canonical for better in kept):
            kept.append(place)
    return kept
