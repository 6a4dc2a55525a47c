"""Where a ticket is, from what is written in its place: town and community by their names, and a point. Pure.

The gazetteer of :mod:`triage.places` hears names by their sound, which takes milliseconds; here names are written, and
there are a hundred thousand of them.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

from core.city import City
from triage.placenames import Known, names_of

#: A place that may be farther off than this (metres) has no point worth drawing: it is known by its town alone.
_VAGUE_M = 2500.0


@dataclass(frozen=True)
class Spot:
    """Empty where it is not known. ``point``: degrees north and east."""

    town: str = ""
    community: str = ""
    point: tuple[float, float] | None = None


NOWHERE = Spot()


class Placer:
    """Finds places in written text; remembers what it has found."""

    def __init__(self, city: City) -> None:
        self._names: dict[str, tuple[Known, ...]] = {}
        self._short: dict[str, tuple[Known, ...]] = {}
        for name in names_of(city):
            (self._short if name.short else self._names).setdefault(name.text, name.places)
        self._lengths: dict[str, tuple[int, ...]] = self._by_head(self._names)
        self._short_lengths = self._by_head(self._short)
        self._towns = {town.name: town for town in city.towns}
        self.find = lru_cache(maxsize=100_000)(self._find)

    @staticmethod
    def _by_head(names: dict[str, tuple[Known, ...]]) -> dict[str, tuple[int, ...]]:
        found: dict[str, set[int]] = defaultdict(set)
        for text in names:
            found[text[:2]].add(len(text))
        return {head: tuple(sorted(lengths, reverse=True)) for head, lengths in found.items()}

    @property
    def words(self) -> frozenset[str]:
        """Every name, in full and short: what says where, and nothing of what."""
        return frozenset(self._names) | frozenset(self._short)

    def _find(self, text: str) -> Spot:
        said = self._said(text, self._names, self._lengths) or self._said(text, self._short, self._short_lengths)
        towns = {place.town for places in said for place in places if place.level == 1}
        best: Known | None = None
        for places in said:
            # Villages of one name lie in several towns: the town that is named tells which.
            fits = [place for place in places if not towns or not place.town or place.town in towns]
            if len(fits) == 1 and (best is None or fits[0].level > best.level):
                best = fits[0]
        if best is None:
            return Spot(next(iter(towns))) if len(towns) == 1 else NOWHERE
        community = best.community or next(
            (p[0].community for p in said if len(p) == 1 and p[0].community and p[0].town in ("", best.town)), ""
        )
        town = best.town or (next(iter(towns)) if len(towns) == 1 else "")
        point = best.point if best.point is not None and best.point_m <= _VAGUE_M else None
        return Spot(town, community, point)

    @staticmethod
    def _said(
        text: str, names: dict[str, tuple[Known, ...]], lengths: dict[str, tuple[int, ...]]
    ) -> list[tuple[Known, ...]]:
        """The names in the text, the longest first at each place."""

        def end_of(at: int, most: int) -> int:
            for length in lengths.get(text[at : at + 2], ()):
                if length <= most and text[at : at + length] in names:
                    return at + length
            return at

        found, at = [], 0
        while at < len(text) - 1:
            end = end_of(at, len(text))
            # 青阳街道阳光时代广场: 青阳街道阳光 is a village in short, but 阳光时代广场 is what was meant.
            while end > at and any(end_of(inner, len(text)) > end for inner in range(at + 1, end - 1)):
                end = end_of(at, end - at - 1)
            if end > at:
                found.append(names[text[at:end]])
            at = max(end, at + 1)
        return found
