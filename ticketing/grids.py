"""The grid of a point. Pure; built once from the city's data."""

from collections.abc import Sequence

import shapely

from core.city_dispatch import Grid
from core.city_grids import shapes
from core.earth import METRES_OF_A_DEGREE, metres_of_lon

#: A point this near to a grid that lies in none (GPS beside a border, on the water's edge) is given to that grid.
NEAR_M = 50.0


class Grids:
    """The city's grids, found by a tree over their boxes."""

    def __init__(self, grids: Sequence[Grid]) -> None:
        # In the order of keys: a point on a border belongs to the first.
        self._grids = sorted(grids, key=lambda grid: grid.key)
        lats = [lat for grid in grids for polygon in grid.polygons for ring in polygon for _, lat in ring]
        middle = (min(lats) + max(lats)) / 2 if lats else 0.0
        self._scale = (metres_of_lon(middle), METRES_OF_A_DEGREE)
        self._shapes = shapes(self._grids, middle)
        self._tree = shapely.STRtree(self._shapes)

    def __len__(self) -> int:
        return len(self._grids)

    def at(self, lon: float, lat: float, near_m: float = NEAR_M) -> Grid | None:
        """The grid in which the point lies, else the nearest within ``near_m`` metres, else None."""
        if not self._grids:
            return None
        point = shapely.Point(lon * self._scale[0], lat * self._scale[1])
        inside = self._tree.query(point, predicate="intersects")
        if len(inside):
            return self._grids[int(min(inside))]
        near = self._tree.query(point, predicate="dwithin", distance=near_m)
        if not len(near):
            return None
        return self._grids[int(min(near, key=lambda i: (shapely.distance(self._shapes[i], point), i)))]
