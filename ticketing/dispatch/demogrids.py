"""Draws invented grids around the middles of towns, to show what grids do where a city's real ones cannot be had.

``python -m ticketing.dispatch.demogrids cities/jinjiang`` writes ``grids.geojson``. Every feature is marked
``"invented": true``; pages and documentation say so. A city replaces the file by its own.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.city import City
from core.cityfile import load_city
from core.earth import METRES_OF_A_DEGREE, metres_of_lon

#: So many grids on a side around each middle, of so many metres.
SIDE, SIZE_M = 3, 500.0
#: Middles that the city's files do not give, to about two kilometres: east, north.
ROUGH: Mapping[str, tuple[float, float]] = {"青阳街道": (118.552, 24.782), "安海镇": (118.470, 24.715)}
#: West, south, east, north of Jinjiang, to about a kilometre.
BOX = [118.40, 24.49, 118.73, 24.92]


def collection(city: City) -> dict[str, Any]:
    """The grids as GeoJSON."""
    features = []
    for town in city.towns:
        middle = (town.lon, town.lat) if town.lon is not None and town.lat is not None else ROUGH.get(town.name)
        if middle is None:
            continue
        key = next((d.id for d in city.departments if town.name in d.aliases), town.code).removeprefix("town_")
        for number, ring in enumerate(_squares(*middle), 1):
            said = {
                "key": f"{key}-{number}",
                "name": f"{town.name}演示网格{number}",
                "town": town.name,
                "invented": True,
            }
            features.append(
                {"type": "Feature", "properties": said, "geometry": {"type": "Polygon", "coordinates": [ring]}}
            )
    return {"type": "FeatureCollection", "bbox": BOX, "features": features}


def _squares(lon: float, lat: float) -> Iterator[list[list[float]]]:
    wide, high = SIZE_M / metres_of_lon(lat), SIZE_M / METRES_OF_A_DEGREE
    for row in range(SIDE):
        for column in range(SIDE):
            west, south = (lon + (column - SIDE / 2) * wide, lat + (row - SIDE / 2) * high)
            corners = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
            yield [[round(west + x * wide, 6), round(south + y * high, 6)] for x, y in corners]


def main(folder: Path) -> None:
    made = collection(load_city(folder))
    lines = ",\n".join(json.dumps(f, ensure_ascii=False) for f in made["features"])
    head = f'{{"type": "FeatureCollection", "bbox": {json.dumps(made["bbox"])}, "features": [\n'
    (folder / "grids.geojson").write_text(f"{head}{lines}\n]}}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
