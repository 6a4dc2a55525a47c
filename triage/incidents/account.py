"""What one call tells of its matter, in the form in which two are compared, and the keys by which others are found."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from asr.words.sounds import is_han, symbols
from triage.incidents.matters import load_matters
from triage.incidents.rarity import Rarity, grams, seed_rarity
from triage.incidents.spots import Spot, roads, spot_of
from triage.verdict import Place, Verdict
from triage.words import plain

#: Characters of a caller's words that are kept: what is said later seldom tells the matter.
MOST_CHARACTERS = 600
#: Categories kept of a call, present and former.
_MOST_CODES = 4
#: Nouns that end a place's name, and words that follow one. The rare syllables before them are a name.
_ENDS = (
    "小区|花园|公寓|家园|名邸|公馆|豪庭|华庭|华府|大厦|大楼|安置房|宿舍|新城|城|苑|府|湾"
    "|大道|高速|国道|路口|路|街|巷|弄|桥|隧道|涵洞|通道|路段|出口|服务区|收费站"
    "|社区|村|镇|街道|公园|广场|商场|超市|市场|酒店|宾馆|饭店|药房|药店|理发店|店|网吧|健身"
    "|中学|小学|幼儿园|学校|一中|二中|医院|卫生院|工地|项目|工业园|园区|厂|港|码头|车站|站|山|湖|河|溪|水库|庙|祠堂"
    "|门口|地下|项目部|有人|门前|院子|这边|这里|那边|那里|这附近|附近|旁边|隔壁|对面|楼下"
)
_END = re.compile(_ENDS)
#: The longer of them by sound: recognition writes 毫庭 for 豪庭.
_END_SOUND = re.compile("|".join(symbols(end) for end in _ENDS.split("|") if len(end) > 1))
#: Figures of a part of an estate, a house or a road: 七栋, B座, 3号楼, 二期.
_UNIT = re.compile(r"(?P<number>[a-z]|[0-9]+|[一二三四五六七八九十百两]+)(?P<unit>号楼|栋|幢|座|单元|期)")
_SAME_UNIT = {"幢": "栋", "号楼": "栋"}
_FIGURES = str.maketrans("两", "二")
_CHINESE = {c: i for i, c in enumerate("零一二三四五六七八九")}
#: The farthest back that a name reaches from the word that ends it.
_LONGEST_NAME = 5
#: Outside names, pairs of syllables count that at most so many lines of the seed corpus hold.
_SINGULAR = 1
#: Weight from which on a pair of characters tells a matter: at most one caller in 150 says it.
_TELLING = 5.0
#: Pairs of syllables under which a call is kept, names first.
_MOST_PAIRS = 24
#: Syllables of a road's or a landmark's name under which a call is kept: 五里工业园 and its 电子厂 meet.
_BEGINNING = 4
#: Further places kept of a call.
_MOST_OTHERS = 2
#: Side of the square by which callers whose position is known find each other, in degrees: about a kilometre.
_SQUARE = 0.01
#: Beginning of the keys of squares.
NEAR_KEY = "g:"
#: A position that may be farther off finds nobody: half the side of such a square.
MOST_OFF_M = 500.0


@dataclass(frozen=True, kw_only=True)
class Account:
    """What one call tells of its matter."""

    call_id: str
    #: When the call arrived.
    at: datetime
    emergency: bool
    #: Categories and their shares, the present one first; those that the call had before among them.
    codes: tuple[tuple[str, float], ...] = ()
    #: As the verdict has it, or as a person wrote it.
    place: str = ""
    town: str = ""
    community: str = ""
    #: Other places that it named, the better ones first: where the caller stands, and where it is seen.
    others: tuple[Spot, ...] = ()
    #: The caller's words, oldest first.
    text: str = ""
    #: Latitude and longitude in degrees (WGS 84) and how many metres they may be off: of the telephone, where the
    #: network told them, and of the place, where the city's files know it.
    position: tuple[float, float] | None = None
    position_m: float = 0.0
    point: tuple[float, float] | None = None
    point_m: float = 0.0

    @property
    def spot(self) -> str:
        """The place within its town, empty where the town is all that is known."""
        return self.place.removeprefix(self.town)

    @property
    def spots(self) -> tuple[Spot, ...]:
        """The places that it named, the best first."""
        best = (spot_of(self.place, self.town, self.community),) if self.place else ()
        return (*best, *self.others)

    @property
    def code(self) -> str:
        return self.codes[0][0] if self.codes else ""


def account_of(
    call_id: str,
    at: datetime,
    verdict: Verdict,
    said: Sequence[str],
) -> Account:
    """The account that a call's verdict and its caller's words make."""
    best = verdict.places[0] if verdict.places else None
    return Account(
        call_id=call_id,
        at=at,
        emergency=verdict.outcome == "emergency",
        codes=tuple((c.code, c.probability) for c in verdict.candidates[:2]),
        place=best.canonical if best else "",
        town=best.town if best else "",
        community=best.community if best else "",
        others=others_of(verdict.places[1:]),
        text="，".join(said)[:MOST_CHARACTERS],
        point=best.point if best else None,
        point_m=best.point_m if best else 0.0,
    )


def others_of(places: Sequence[Place]) -> tuple[Spot, ...]:
    """Further places of a call, in the form in which they are compared."""
    return tuple(spot_of(p.canonical, p.town, p.community) for p in places[:_MOST_OTHERS])


def grown(former: Account, now: Account) -> Account:
    """The account of a call that goes on: what it was about before still counts, and so does its first time.

    A power cut that turns out to be a fire is met by callers about either.
    """
    shares = dict(now.codes)
    for code, share in former.codes:
        shares[code] = max(share, shares.get(code, 0.0))
    best = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:_MOST_CODES]
    # The present one stays in front: it is the one that is shown.
    codes = sorted(best, key=lambda item: item[0] != now.code)
    return replace(now, at=former.at, emergency=former.emergency or now.emergency, codes=tuple(codes))


@dataclass(frozen=True)
class Profile:
    """An account made ready to be compared."""

    account: Account
    #: Pairs of syllables of the names of places, and their weight.
    names: Mapping[str, float] = field(default_factory=dict)
    #: The name that each of them is from, as said.
    named: Mapping[str, str] = field(default_factory=dict)
    #: Parts of estates and houses, by unit: ``{"栋": {"7"}}``.
    units: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: The same without the names of towns, communities and roads: estates, shops.
    own_names: Mapping[str, float] = field(default_factory=dict)
    #: Rare pairs of syllables anywhere, names among them, with their weights.
    rare: Mapping[str, float] = field(default_factory=dict)
    #: Pairs of characters beside places that few callers say, with their weights.
    telling: Mapping[str, float] = field(default_factory=dict)
    #: What it is about, by ``matters.yaml``, each with the words that told it.
    matters: Mapping[str, str] = field(default_factory=dict)
    #: Runs of the words beside places, as written and by sound, with their weights; each vector of length 1.
    words: Mapping[str, float] = field(default_factory=dict)
    sounds: Mapping[str, float] = field(default_factory=dict)


@lru_cache(maxsize=4096)
def profile(account: Account, rarity: Rarity | None = None) -> Profile:
    """``account`` made ready to be compared; ``rarity`` is that of the seed corpus unless told."""
    rarity = rarity or seed_rarity()
    where = plain(account.spot)
    # Every village of a town has its name in common.
    town = symbols(account.town) if account.spot else ""
    text = plain(account.text)
    names: dict[str, float] = {}
    named: dict[str, str] = {}
    units: dict[str, set[str]] = {}
    for piece in (text, where):
        for start, end in _names(piece, rarity):
            sound = symbols(piece[start:end])
            for at in range(len(sound) - 1):
                if rarity.is_rare(pair := sound[at : at + 2]) and pair not in town:
                    names[pair] = rarity.weight(pair)
                    named.setdefault(pair, piece[start:end])
        for found in _UNIT.finditer(piece):
            unit = _SAME_UNIT.get(found["unit"], found["unit"])
            units.setdefault(unit, set()).add(_figure(found["number"]))
    rest = _without(text, _names(text, rarity))
    sound = symbols(text)
    rare = {pair: rarity.weight(pair) for pair in grams(sound) if len(pair) == 2 and rarity.counts[pair] <= _SINGULAR}
    # What is said of official places and of roads is compared as such.
    official = "，".join(
        symbols(name)
        for spot in account.spots
        for name in (spot.town, spot.community, *roads(spot.rest), spot.rest if roads(spot.rest) else "")
    )
    return Profile(
        account=account,
        names=names,
        named=named,
        own_names={pair: weight for pair, weight in names.items() if pair not in official},
        telling={
            gram: rarity.weight(gram)
            for gram in set(grams(rest))
            if len(gram) == 2 and rarity.weight(gram) >= _TELLING and all(map(is_han, gram))
        },
        units={unit: frozenset(numbers) for unit, numbers in units.items()},
        rare={**names, **rare},
        matters=load_matters().find(account.text),
        words=_vector(rest, rarity),
        sounds=_vector(symbols(rest), rarity),
    )


def keys(account: Account) -> tuple[str, ...]:
    """What another call about the same matter shares with this one, at least one of them; indexed by the store.

    Names of places by sound, community, a town together with the kind of matter, and the square of the position.
    Empty where nothing tells the place.
    """
    made = profile(account)
    pairs = sorted(made.rare, key=lambda g: (g not in made.names, -made.rare[g], g))
    found = [f"n:{pair}" for pair in pairs[:_MOST_PAIRS]]
    for spot in account.spots:
        if spot.community:
            found.append(f"c:{spot.community}")
        elif spot.rest:
            found += [f"p:{symbols(name)[:_BEGINNING]}" for name in sorted(roads(spot.rest)) or [spot.rest]]
    if account.town:
        # Who names the town alone and who names its village must meet; what they tell need not be of one category.
        kinds = {kind for code, _ in account.codes[:2] for kind in load_matters().kinds(code)}
        found += [f"t:{account.town}/{kind}" for kind in sorted(kinds)]
    found += ["{}{}/{}".format(NEAR_KEY, *_square(position)) for position in _positions(account)]
    return tuple(dict.fromkeys(found))


def wanted_keys(account: Account) -> tuple[str, ...]:
    """The keys under which the others are looked up: its own, and the squares around its position."""
    found = list(keys(account))
    for position in _positions(account):
        x, y = _square(position)
        found += [f"{NEAR_KEY}{x + i}/{y + j}" for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return tuple(dict.fromkeys(found))


def _positions(account: Account) -> list[tuple[float, float]]:
    """Those exact enough to find others by."""
    known = ((account.position, account.position_m), (account.point, account.point_m))
    return [position for position, off in known if position is not None and off <= MOST_OFF_M]


def _square(position: tuple[float, float]) -> tuple[int, int]:
    return int(position[0] // _SQUARE), int(position[1] // _SQUARE)


def _names(text: str, rarity: Rarity) -> tuple[tuple[int, int], ...]:
    """Where names of places stand: rare syllables before a word that ends a place."""
    sound = symbols(text)
    found: list[tuple[int, int]] = []
    ends = {(end.start(), end.end()) for end in _END.finditer(text)}
    ends |= {(end.start(), end.end()) for end in _END_SOUND.finditer(sound)}
    for end, after in sorted(ends):
        start = end
        least = max(0, end - _LONGEST_NAME, found[-1][1] if found else 0)
        while start > least and is_han(text[start - 1]):
            pair = sound[start - 1 : start + 1]
            if start < end and not rarity.is_rare(pair):
                break
            start -= 1
        while end - start > 1 and not rarity.is_rare(sound[start : start + 2]):
            start += 1
        if end - start >= 2:
            found.append((start, after))
    return tuple(found)


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    kept, at = [], 0
    for start, end in spans:
        kept.append(text[at:start])
        at = end
    return "，".join([*kept, text[at:]])


def _vector(text: str, rarity: Rarity) -> dict[str, float]:
    weights = {gram: rarity.weight(gram) * (1.0 if len(gram) > 1 else 0.7) for gram in set(grams(text))}
    length = sum(w * w for w in weights.values()) ** 0.5
    return {gram: w / length for gram, w in weights.items()} if length else {}


def _figure(said: str) -> str:
    """十二 and 12 are one number; letters stay."""
    if said.isdigit() or said.isascii():
        return said.lstrip("0") or said
    said = said.translate(_FIGURES)
    if "百" in said:
        return said
    tens, ten, ones = said.rpartition("十")
    if not ten:
        return "".join(str(_CHINESE[c]) for c in said)
    return str(_CHINESE.get(tens, 1) * 10 + _CHINESE.get(ones, 0))
