"""Charts of the assessment as SVG, made here: they print, and need no script. Pure; every text is escaped."""

from collections.abc import Callable, Sequence

from markupsafe import Markup

#: Points of a line: a label and its value; None where there is none.
Points = Sequence[tuple[str, float | None]]
_COLOURS = ("c1", "c2", "c3", "c4")


def spark(points: Points, label: str, width: int = 84, height: int = 22) -> Markup:
    """A small line of scores, its last point marked; nothing where there are fewer than two values."""
    values = [value for _, value in points if value is not None]
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    spread = max(high - low, 1.0)
    step = (width - 8) / max(len(points) - 1, 1)
    places = [
        (4 + step * at, height - 4 - (value - low) / spread * (height - 8))
        for at, (_, value) in enumerate(points)
        if value is not None
    ]
    title = "  ".join(f"{name} {value:.2f}" for name, value in points if value is not None)
    x, y = places[-1]
    return Markup(
        '<svg class="spark" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">'
        '<title>{title}</title><polyline points="{line}"></polyline><circle cx="{x}" cy="{y}" r="2.5"></circle></svg>'
    ).format(
        w=width, h=height, label=label, title=title, line=" ".join(f"{a:.1f},{b:.1f}" for a, b in places),
        x=f"{x:.1f}", y=f"{y:.1f}",
    )  # fmt: skip


def bars(rows: Sequence[tuple[str, float]], label: str, top: float = 100, width: int = 640) -> Markup:
    """Lying bars, one a row, each with its value behind it."""
    height, left, right = 20, 210, 60
    scale = (width - left - right) / top
    body = [
        Markup(
            '<text class="name" x="{at}" y="{y}" text-anchor="end">{name}</text>'
            '<rect x="{left}" y="{box}" width="{long}" height="12"></rect>'
            '<text class="value" x="{end}" y="{y}">{value}</text>'
        ).format(
            at=left - 8, y=place * height + 14, name=_short(name), left=left, box=place * height + 4,
            long=f"{max(value * scale, 1):.1f}", end=f"{left + value * scale + 6:.1f}", value=f"{value:.2f}",
        )
        for place, (name, value) in enumerate(rows)
    ]  # fmt: skip
    tall = max(len(rows), 1) * height + 4
    return Markup(
        '<svg class="chart bars" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{label}">'
        "{body}</svg>"
    ).format(w=width, h=tall, label=label, body=Markup("").join(body))


def lines(series: Sequence[tuple[str, Points]], label: str, width: int = 640, height: int = 190) -> Markup:
    """Shares in per cent over time, one line each with its name at the end; gaps where there is no value."""
    left, right, top, low = 36, 20 + 6 * max((_wide(name) for name, _ in series), default=0), 10, 24
    names = [name for name, _ in series[0][1]] if series else []
    values = [v for _, points in series for _, v in points if v is not None]
    floor = max(0.0, min(values, default=0.0) // 10 * 10 - 10) if values else 0.0
    scale = (height - top - low) / (100 - floor)
    step = (width - left - right) / max(len(names) - 1, 1)

    def y(value: float) -> float:
        return height - low - (value - floor) * scale

    grid = Markup("").join(
        Markup('<line x1="{a}" x2="{b}" y1="{y}" y2="{y}"></line><text x="{t}" y="{yt}" text-anchor="end">{v}%</text>')
        .format(a=left, b=width - right, y=f"{y(v):.1f}", t=left - 4, yt=f"{y(v) + 4:.1f}", v=f"{v:.0f}")
        for v in (floor, (floor + 100) / 2, 100.0)
    )  # fmt: skip
    # Labels that would run into each other are left out, never the last one.
    each = max(1, -(-len(names) * 48 // (width - left - right)))
    along = Markup("").join(
        Markup('<text x="{x}" y="{y}" text-anchor="middle">{name}</text>').format(
            x=f"{left + step * at:.1f}", y=height - 8, name=name
        )
        for at, name in enumerate(names)
        if (len(names) - 1 - at) % each == 0
    )
    drawn, ends = (
        Markup(""),
        _apart([(p[-1][1], at) for at, (_, p) in enumerate(series) if p and p[-1][1] is not None], y),
    )
    for at, (name, points) in enumerate(series):
        places = [(left + step * n, y(v)) for n, (_, v) in enumerate(points) if v is not None]
        colour = _COLOURS[at % len(_COLOURS)]
        if len(places) > 1:
            drawn += Markup('<polyline class="{c}" points="{p}"></polyline>').format(
                c=colour, p=" ".join(f"{a:.1f},{b:.1f}" for a, b in places)
            )
        for a, b in places:
            drawn += Markup('<circle class="{c}" cx="{a}" cy="{b}" r="2.5"></circle>').format(
                c=colour, a=f"{a:.1f}", b=f"{b:.1f}"
            )
        if at in ends:
            drawn += Markup('<text class="{c}" x="{x}" y="{y}">{name}</text>').format(
                c=colour, x=width - right + 8, y=f"{ends[at]:.1f}", name=name
            )
    return Markup(
        '<svg class="chart lines" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{label}">'
        '<g class="grid">{grid}</g><g class="axis">{along}</g>{drawn}</svg>'
    ).format(w=width, h=height, label=label, grid=grid, along=along, drawn=drawn)


def _apart(ends: Sequence[tuple[float | None, int]], y: Callable[[float], float]) -> dict[int, float]:
    """Where the name of each line stands, at least a line of text from the next."""
    found: dict[int, float] = {}
    last = -100.0
    for value, at in sorted(ends, key=lambda end: -(end[0] or 0)):
        place = max(y(value or 0.0) + 4, last + 14)
        found[at], last = place, place
    return found


def _wide(name: str) -> int:
    """Width of a text in half-width characters."""
    return sum(1 if character < "\u2e80" else 2 for character in name)


def _short(name: str, most: int = 29) -> str:
    """At most so wide, in half-width characters."""
    if _wide(name) <= most:
        return name
    while _wide(name) > most - 1:
        name = name[:-1]
    return name + "…"
