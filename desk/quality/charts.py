"""A call taker's weeks as SVG, with the band between his peers' quartiles. Pure; every text is escaped."""

from collections.abc import Sequence

from markupsafe import Markup

from quality.coaching.figures import WeekOf


def weeks_chart(weeks: Sequence[WeekOf], label: str, unit: str, width: int = 720, height: int = 200) -> Markup:
    """Calls with a violation of a hundred, week by week; points of few calls are hollow. ``unit``: of the axis."""
    left, right, top, low = 40, 24, 22, 26
    values = [one.own.share for one in weeks] + [one.peers.high for one in weeks if one.peers]
    most = max([10.0, *(value for value in values if value is not None)])
    step = (width - left - right) / max(len(weeks) - 1, 1)

    def x(place: int) -> float:
        return left + step * place

    def y(value: float) -> float:
        return height - low - value / most * (height - top - low)

    grid = Markup("").join(
        Markup(
            '<line x1="{a}" x2="{b}" y1="{y:.1f}" y2="{y:.1f}"></line>'
            '<text x="{t}" y="{yt:.1f}" text-anchor="end">{v:.0f}</text>'
        ).format(a=left, b=width - right, y=y(v), t=left - 5, yt=y(v) + 4, v=v)
        for v in (0.0, most / 2, most)
    )
    # As many names of weeks as find room.
    each = max(1, -(-len(weeks) * 46 // (width - left - right)))
    along = Markup("").join(
        Markup('<text x="{x:.1f}" y="{y}" text-anchor="middle">{name}</text>').format(
            x=x(place), y=height - 8, name=f"{one.monday:%m-%d}"
        )
        for place, one in enumerate(weeks)
        if (len(weeks) - 1 - place) % each == 0
    )
    drawn = Markup("")
    for run in _runs([one.peers is not None for one in weeks]):
        upper = [f"{x(n):.1f},{y(band.high):.1f}" for n in run if (band := weeks[n].peers)]
        lower = [f"{x(n):.1f},{y(band.low):.1f}" for n in reversed(run) if (band := weeks[n].peers)]
        middle = [f"{x(n):.1f},{y(band.median):.1f}" for n in run if (band := weeks[n].peers)]
        drawn += Markup('<polygon class="band" points="{p}"></polygon>').format(p=" ".join(upper + lower))
        drawn += Markup('<polyline class="peers" points="{p}"></polyline>').format(p=" ".join(middle))
    for run in _runs([one.own.share is not None for one in weeks]):
        places = [(x(n), y(share)) for n in run if (share := weeks[n].own.share) is not None]
        drawn += Markup('<polyline class="own" points="{p}"></polyline>').format(
            p=" ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        )
    for n, one in enumerate(weeks):
        if (share := one.own.share) is not None:
            drawn += Markup(
                '<circle class="own{few}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{title}</title></circle>'
            ).format(
                few=" few" if one.few else "", x=x(n), y=y(share),
                title=f"{one.monday:%m-%d}  {share:.1f}  ({one.own.found}/{one.own.checked})",
            )  # fmt: skip
    return Markup(
        '<svg class="chart weeks" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{label}">'
        '<text class="unit" x="4" y="12">{unit}</text><g class="grid">{grid}</g><g class="axis">{along}</g>'
        "{drawn}</svg>"
    ).format(w=width, h=height, label=label, unit=unit, grid=grid, along=along, drawn=drawn)


def _runs(there: Sequence[bool]) -> list[list[int]]:
    """Places that follow each other without a gap."""
    found: list[list[int]] = []
    for place, one in enumerate(there):
        if one and place and there[place - 1]:
            found[-1].append(place)
        elif one:
            found.append([place])
    return found
