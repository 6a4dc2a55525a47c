"""What the analysis found, in words, figures and drawings of the reader's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, radians
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from core.city import City
from desk.views import Views
from ticketing.analysis.facts import Where
from ticketing.analysis.tables import AnalysisWarning

WINDOW_NAMES = {"day": "近 24 小时", "week": "近 7 天"}
STRETCH_NAMES = {"day": "每 24 小时一柱，最右为最近 24 小时", "week": "每 7 天一柱，最右为最近 7 天"}
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
#: Steps of the heat table's colour.
_SHADES = 8


class AnalysisViews:
    """In one language."""

    def __init__(self, city: City, views: Views) -> None:
        self._city = city
        self._views = views
        self.text = views.text
        self._groups = {group.code: group for group in city.taxonomy}

    def matter(self, code: str) -> str:
        """Name of a group or a category."""
        group = self._groups.get(code)
        if group is not None:
            return group.name if self._views.language == "zh" else group.name_en
        return self._views.category_name(code)

    def place(self, town: str, community: str = "") -> str:
        return f"{town}{community}" or self.text("全市")

    def grid(self, key: str) -> str:
        """Name of a grid."""
        return next((grid.name for grid in self._city.dispatch.grids if grid.key == key), key)

    def what(self, cell: Mapping[str, Any]) -> str:
        """Where and what rises."""
        matter = self.text("“{word}”").format(word=cell["word"]) if cell["word"] else self.matter(cell["code"])
        return f"{self.place(cell['town'], cell['community'])} · {matter}"

    def sentence(self, found: Mapping[str, Any]) -> str:
        """What is usual, what came, how sure it is."""
        usual, count = found["usual"], found["count"]
        factor = count / usual if usual > 0 else 0.0
        told = "{window} {count} 人反映，往常 {usual} 人"
        if 0 < factor < 20:
            told = "{window} {count} 人反映，往常 {usual} 人，是往常的 {factor} 倍"
        window = self.text(WINDOW_NAMES[found["window"]])
        return self.text(told).format(window=window, count=count, usual=amount(usual), factor=amount(factor))

    def told(self, found: Mapping[str, Any]) -> str:
        """What rises, and the sentence."""
        return f"{self.what(found)}{self.colon}{self.sentence(found)}"

    @property
    def colon(self) -> str:
        return "：" if self._views.language == "zh" else ": "

    def chance(self, chance: float) -> str:
        """How probable so many are, where nothing has changed."""
        if chance < 1e-6:
            return self.text("若一切照旧，出现这么多人反映的可能不到百万分之一。")
        return self.text("若一切照旧，出现这么多人反映的可能约为 1/{odds}。").format(odds=f"{_rounded(1 / chance):,}")

    def warning(self, row: AnalysisWarning, names: Mapping[str, str]) -> dict[str, Any]:
        found = {
            name: getattr(row, name)
            for name in ("kind", "town", "community", "code", "word", "window", "count", "usual")
        }
        return {
            **found, "id": row.id, "what": self.what(found), "sentence": self.sentence(found),
            "chance": self.chance(row.chance), "threshold": row.threshold, "words": row.words,
            "detail": self.matter(row.detail) if row.detail else "",
            "same": [self.told(one) for one in row.same],
            "tickets": len(row.tickets), "first_at": row.first_at, "last_at": row.last_at,
            "noted_at": row.noted_at, "noted_by": names.get(row.noted_by, row.noted_by), "note": row.note,
            "bars": bars(row.series, row.usual, self.text(STRETCH_NAMES[row.window])),
        }  # fmt: skip


def amount(number: float) -> str:
    """``0.3``, ``4.2``, ``17``: as exact as a person reads it."""
    return "<0.1" if 0 < number < 0.05 else f"{number:.1f}" if number < 10 else f"{number:.0f}"


def _rounded(number: float) -> int:
    """Two figures that count: nobody knows a probability better."""
    whole = int(number)
    step = int(10 ** max(0, len(str(whole)) - 2))
    return whole // step * step


def share(part: int, whole: int) -> str:
    """``12.5%``; a dash where there is nothing."""
    return f"{100 * part / whole:.1f}%" if whole else "–"


def masked(number: str) -> str:
    """A caller's number for people who need not know it: 138****0001."""
    return f"{number[:3]}****{number[-4:]}" if len(number) >= 11 else f"{number[:-4]}****"


def query(where: Where, **more: object) -> str:
    """Address of a figure's tickets; the other way is :func:`asked`."""
    found: dict[str, object] = {}
    for name in ("town", "community", "grid", "group", "code", "line", "nature", "word", "outcome"):
        if value := getattr(where, name):
            found[name] = value
    for name in ("since", "until"):
        if (at := getattr(where, name)) is not None:
            found[name] = at.isoformat()
    for name in ("weekday", "hour"):
        if (number := getattr(where, name)) is not None:
            found[name] = number
    if where.emergency is not None:
        found["emergency"] = int(where.emergency)
    return urlencode({**found, **more})


# --- drawings: SVG with presentation attributes only, for no style may stand in a page --------------------------------


def bars(series: Sequence[int], usual: float, title: str) -> Markup:
    """A warning's counts, the oldest first, the one now in colour, with a line at what is usual."""
    values = list(reversed(series))
    top = max([*values, usual, 1])
    width, height, gap = 12, 46, 3
    drawn = Markup("").join(
        Markup('<rect x="{}" y="{:.1f}" width="{}" height="{:.1f}" class="{}"><title>{}</title></rect>').format(
            i * (width + gap), height - height * value / top, width, max(height * value / top, 0.8),
            "now" if i == len(values) - 1 else "then", value,
        )
        for i, value in enumerate(values)
    )  # fmt: skip
    span = max(len(values) * (width + gap) - gap, 1)
    y = height - height * usual / top
    return Markup(
        '<svg class="rise" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{t}">'
        "<title>{t}</title>"
        '{bars}<line x1="0" x2="{w}" y1="{y:.1f}" y2="{y:.1f}" class="usual"/></svg>'
    ).format(w=span, h=height, t=title, bars=drawn, y=y)


def shades(counts: Sequence[int]) -> list[int]:
    """The colour of each count, 0 (none) to 8."""
    top = max([*counts, 1])
    return [0 if not count else max(1, -(-count * _SHADES // top)) for count in counts]


@dataclass(frozen=True)
class Dot:
    """A cluster on the map."""

    lon: float
    lat: float
    callers: int
    label: str
    link: str


def map_of(dots: Sequence[Dot], towns: Sequence[tuple[float, float, str]], title: str) -> Markup:
    """Clusters as circles, the greater the more callers, above the names of towns. Degrees; north is up."""
    lons, lats = [d.lon for d in dots] + [t[0] for t in towns], [d.lat for d in dots] + [t[1] for t in towns]
    if not dots:
        return Markup("")
    middle = (min(lats) + max(lats)) / 2
    # A degree of longitude is shorter than one of latitude.
    squeeze = cos(radians(middle))
    wide, high = (max(lons) - min(lons)) * squeeze or 0.02, max(lats) - min(lats) or 0.02
    width, height, edge = 560, 420, 34
    scale = min((width - 2 * edge) / wide, (height - 2 * edge) / high)

    def at(lon: float, lat: float) -> tuple[float, float]:
        x = width / 2 + (lon - (min(lons) + max(lons)) / 2) * squeeze * scale
        return x, height / 2 - (lat - middle) * scale

    names = Markup("").join(
        Markup('<text x="{:.0f}" y="{:.0f}" class="town">{}</text>').format(*at(lon, lat), name)
        for lon, lat, name in towns
    )
    most = max(d.callers for d in dots)
    circles = Markup("").join(
        Markup(
            '<a href="{}"><circle cx="{:.0f}" cy="{:.0f}" r="{:.0f}"><title>{}</title></circle>'
            '<text x="{:.0f}" y="{:.0f}" class="many">{}</text></a>'
        ).format(
            d.link, *at(d.lon, d.lat), 8 + 20 * (d.callers / most) ** 0.5, d.label, *_below(at(d.lon, d.lat)),
            d.callers,
        )
        for d in sorted(dots, key=lambda d: -d.callers)
    )  # fmt: skip
    return Markup(
        '<svg class="map" viewBox="0 0 {w} {h}" role="img" aria-label="{t}"><title>{t}</title>{names}{circles}</svg>'
    ).format(w=width, h=height, t=title, names=names, circles=circles)


def _below(point: tuple[float, float]) -> tuple[float, float]:
    return point[0], point[1] + 4
