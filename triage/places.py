"""Places by sound: towns, communities and landmarks of the city found in what was heard.

Names are compared as strings of folded syllables (:mod:`asr.words.sounds`), so homophones that recognition writes and
accents still match; the longer names also with one syllable wrong or missing. Short names that are everyday words, or
that sound like some, count only where the words around them speak of a place.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pypinyin.constants import PHRASES_DICT
from rapidfuzz.fuzz import partial_ratio_alignment

from asr.words.digits import spoken_digits
from asr.words.sounds import is_han, symbols, variants
from core.city import City
from triage.placenames import COMMUNITY_END, Known, Name, names_of
from triage.relative import continued, relatives, spoken
from triage.rulefile import FOLDER, RuleData, load
from triage.verdict import Place
from triage.words import plain

_FUZZY_FROM = 4
_FUZZY_SCORE = 74.0
#: From here on a name needs no 村, 镇 or 路 in what was written: four of five syllables sound right.
_SURE_FROM = 5
_SURE_SCORE = 80.0
#: An estate, road or house number that the gazetteer lacks: 金域花园二期, 荷塘路18号.
_ESTATE = (
    r"[^\W那的是有在我了这个一不就都也很被把到说\d]{1,5}(?:小区|花园|公寓|家园|苑|府|大厦|医院|小学|中学|幼儿园|酒店|宾馆|安置房|路|巷|弄|广场|公馆|豪庭|新城|名城|楼|厂)"
    r"(?:[一二三四五六七八九十\d]+(?:期|栋|幢|号楼|号|座))?|[一二三四五六七八九十百零\d]+(?:号楼|号|栋|幢|期|组|区)"
)
ESTATE = re.compile(_ESTATE)
#: Digits read one by one before a number's unit; 二十三号 stays as said.
_ARABIC = re.compile(r"(?<![十百一二三四五六七八九零])[一二三四五六七八九零]+(?=号|栋|幢|期|座|室)")
#: 不是华洲村 takes a place back, 是不是华洲村 and 不是在华洲村吗 do not.
_DENIED = re.compile(r"(?<!是)不[是在](?:在|到)?$")
_WONDERING = re.compile(r"[^，。]{0,4}[吗嘛么?？]")
#: 往五龙跑了: where somebody went.
_TOWARDS = re.compile(r"(?:往|朝|向|开到|快到|去)$")
_SIDE = re.compile("对面|旁边|附近")
#: 世纪大道跟长兴路那个路口.
_ROAD = re.compile(r"(?:路|街|大道|通道|国道|省道|高速|巷|线)$")
_JOINED = re.compile(r"(?:的|那个)?(?:和|跟|与|同|、|交)")
_CROSSING_END = re.compile(r"(?:(?:的|那个|那边|这个|这边|那)*(?:交叉|交汇|交界|十字)?(?:路口|口|处|红绿灯))?")
_OWN_ROAD = re.compile(r"(?:路|街|巷)[\d一二三四五六七八九十百零]+号")
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
    #: A later place in the same breath replaced it, or it was said not to be the place (不是华洲村).
    withdrawn: bool = False
    #: Where from there: 对面, 往官田方向, 与泉安路交叉口; ``text[start:said]`` is everything said of the place.
    relative: str = ""
    said: int = 0
    #: Only a direction or the other one of two roads: no place of its own where another is named.
    aside: bool = False
    #: The whole utterance.
    text: str = ""

    @property
    def level(self) -> int:
        return self.places[0].level


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
        self._names: dict[str, list[Name]] = defaultdict(list)
        self._fuzzy: list[tuple[str, Name]] = []
        self._bigrams: dict[str, list[int]] = defaultdict(list)
        for name in names_of(city):
            for sound in variants(name.text):
                self._names[sound].append(name)
                if (
                    len(sound) >= _FUZZY_FROM
                    and len(COMMUNITY_END.sub("", name.text)) >= 3
                    and all(map(is_han, name.text))
                ):
                    for i in range(len(sound) - 1):
                        self._bigrams[sound[i : i + 2]].append(len(self._fuzzy))
                    self._fuzzy.append((sound, name))
        #: Lengths of the names that begin with two syllables.
        self._lengths: dict[str, set[int]] = defaultdict(set)
        for sound in self._names:
            self._lengths[sound[:2]].add(len(sound))

    def mentions(self, text: str) -> tuple[Mention, ...]:
        """The places named in one utterance, in order, none overlapping another."""
        text = plain(text)
        sound = symbols(text)
        taken = [False] * (len(text) + 1)
        found: list[Mention] = []
        maybe: list[tuple[int, int, list[Name]]] = []
        for start in range(len(sound) - 1):
            for length in self._lengths.get(sound[start : start + 2], ()):
                names = self._names.get(sound[start : start + length])
                if names and start + length <= len(sound):
                    maybe.append((start, start + length, names))
        maybe.sort(key=lambda place: place[0] - place[1])
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

    def resolve(self, turns: Sequence[Sequence[Mention]], sure: Collection[int] = ()) -> tuple[Place, ...]:
        """The call's places from the mentions of its utterances, the best first; ``turn`` is the utterance's index.

        What is said in the utterances ``sure`` (an answer to where, a place that the caller agreed to) goes before.
        A town said anywhere in the call tells apart communities of the same name; a community of one town alone brings
        its town. What stays ambiguous keeps an empty town: the call taker asks.
        """
        valid = [m for turn in turns for m in turn if not m.withdrawn]
        if not valid:
            return ()
        towns = [m.places[0].town for m in valid if m.level == 1 and len(m.places) == 1]
        told = {(m.places[0].town, m.places[0].community) for m in valid if m.level == 2 and len(m.places) == 1}
        made: list[tuple[int, float, int, Place]] = []
        for index, turn in enumerate(turns):
            kept = [m for m in turn if not m.withdrawn]
            order = 0
            while order < len(kept):
                group = [kept[order]]
                while (
                    order + 1 < len(kept)
                    and kept[order + 1].start - group[-1].end <= 6
                    and (kept[order + 1].level > group[-1].level)
                    and not (kept[order + 1].aside and group[-1].level > 1)
                ):
                    order += 1
                    group.append(kept[order])
                order += 1
                place = replace(_merge(group, towns, told), turn=index)
                level = (2 if place.community else 0) + (1 if place.town else 0) + (place.canonical != place.town)
                made.append((level - group[-1].aside + (index in sure), place.score, -len(made), place))
        best: dict[str, tuple[int, float, int, Place]] = {}
        for item in made:
            place = item[3]
            known = best.get(place.canonical)
            if known is not None:
                # The surest rank, and the most that was said of it.
                fuller = place if len(place.relative) > len(known[3].relative) else known[3]
                item = (*max(item[:3], known[:3]), fuller)
            best[place.canonical] = item
        ranked = [item[3] for item in sorted(best.values(), key=lambda i: i[:3], reverse=True)]
        return tuple(_drop_parts(_most_exact_first(ranked)))

    def _accept(self, text: str, start: int, end: int, names: list[Name], found: list[Mention]) -> Mention | None:
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
        best: tuple[float, int, int, Name] | None = None
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
        asides = [(r.aside, r.aside_end) for r in relatives(text) if r.aside >= 0]
        for i, mention in enumerate(found):
            next_start = found[i + 1].start if i + 1 < len(found) else len(text)
            tail = text[mention.end : next_start]
            end = mention.end
            if mention.level == 2 and (unit := re.match("社区|村委会|居委会|村(?!口|委)", tail)):
                end += unit.end()
            rest, said = "", end
            if mention.level >= 2:
                gap = _FILLER.match(text[end:next_start])
                begin = end + (gap.end() if gap else 0)
                after = self._rest.match(text, begin, next_start) or self._rest.match(text, end, next_start)
                if after:
                    rest = _ARABIC.sub(
                        lambda m: spoken_digits("零" + m[0])[1:] if len(m[0]) == 1 else spoken_digits(m[0]),
                        after["rest"],
                    )
                    said = after.end()
            if mention.level == 2 and (road := _OWN_ROAD.match(text, end)):
                # 思进路88号 lies in 思进村, and is called so.
                rest, said = COMMUNITY_END.sub("", mention.places[0].community) + road[0], road.end()
            aside = bool(_TOWARDS.search(text[: mention.start])) or any(s <= mention.start < e for s, e in asides)
            relative = ""
            if not aside:
                if text.startswith("村委会", end - 1):
                    said = max(said, end + 2)
                by_office = not rest and text[:said].endswith("村委会")
                named, (said, relative) = said, continued(text, said, next_start)
                if rest and _SIDE.search(text[end : named - len(rest)]):
                    # 华洲村对面的加油站 is not in 华洲村's name.
                    rest, relative = "", spoken(text[end:said])
                relative = "村委会" + relative if by_office and relative else relative
                if i + 1 < len(found) and _cross(mention, found[i + 1], tail):
                    rest = f"与{found[i + 1].places[0].landmark}交叉口"
                    said = _CROSSING_END.match(text, found[i + 1].end).end()  # type: ignore[union-attr]
                    said, relative = continued(text, said, len(text))
                    asides.append((found[i + 1].start, found[i + 1].end))
                elif relative.startswith("与") and "交叉口" in relative:
                    crossing, end_word, relative = relative.partition("交叉口")
                    rest = crossing + end_word
            taken_back = (
                i + 1 < len(found)
                and self._corrected.search(tail) is not None
                and (found[i + 1].level >= mention.level)
            )
            denied = bool(_DENIED.search(text[: mention.start])) and not _WONDERING.match(text, said)
            done.append(
                replace(
                    mention, end=end, words=text[mention.start : end], rest=rest, withdrawn=taken_back or denied,
                    relative=relative, said=said, aside=aside, text=text,
                )
            )  # fmt: skip
        return tuple(done)


def _cross(one: Mention, other: Mention, between: str) -> bool:
    """Two roads named together: where they cross."""
    return bool(
        _JOINED.fullmatch(between) and _ROAD.search(one.places[0].landmark) and _ROAD.search(other.places[0].landmark)
    )


def _merge(group: Sequence[Mention], towns: Sequence[str], told: Collection[tuple[str, str]]) -> Place:
    """One place from mentions side by side, the most exact last."""
    last = group[-1]
    beside = [m.places[0].town for m in group if m.level == 1]
    wanted = beside or list(towns)
    fitting = [p for p in last.places if p.town in wanted or (not beside and (p.town, p.community) in told)]
    fitting = fitting or list(last.places)
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
    said = last.text[group[0].start : last.said] or "".join(m.words for m in group)
    # 华洲村 and 村口 are 华洲村口.
    rest = last.rest.removeprefix("村") if community.endswith("村") and not exact.landmark else last.rest
    canonical = town + community + exact.landmark + rest
    ambiguous = not town and last.level == 2
    score = min(m.score for m in group) * (0.6 if ambiguous else 1.0)
    return Place(
        canonical=canonical, town=town, community=community, mention=said, score=round(score, 3),
        relative=last.relative, towns=tuple(sorted({p.town for p in fitting})) if ambiguous else (),
        point=None if ambiguous else exact.point, point_m=0.0 if ambiguous else exact.point_m,
    )  # fmt: skip


def _most_exact_first(places: Sequence[Place]) -> list[Place]:
    """Of what was said of the best place's community the most exact: 思进村, then 思进路88号后面."""
    same = [p for p in places if p.community and (p.town, p.community) == (places[0].town, places[0].community)]
    exact = max(same, key=lambda p: len(p.full), default=None)
    return list(places) if exact is None else [exact, *(p for p in places if p is not exact)]


def _drop_parts(places: Sequence[Place]) -> Iterable[Place]:
    """Leave out what a better place already contains: the town of a community that was named too."""
    kept: list[Place] = []
    for place in places:
        if not any(place.canonical in better.canonical for better in kept):
            kept.append(place)
    return kept
