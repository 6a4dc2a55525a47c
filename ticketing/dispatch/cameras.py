"""The cameras around a point. Pure; built once from the city's data."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from core.city_dispatch import Camera
from core.earth import METRES_OF_A_DEGREE, metres_between

NEAREST = 5
WITHIN_M = 500.0


class Cameras:
    """The city's cameras, in the order of their latitude: only those in the band of a point are measured."""

    def __init__(self, cameras: Sequence[Camera]) -> None:
        self._cameras = sorted(cameras, key=lambda camera: camera.lat)
        self._lats = [camera.lat for camera in self._cameras]

    def near(
        self, lon: float, lat: float, count: int = NEAREST, within_m: float = WITHIN_M
    ) -> list[tuple[Camera, float]]:
        """At most ``count`` cameras within so many metres, the nearest first, each with its distance."""
        reach = within_m / METRES_OF_A_DEGREE
        band = self._cameras[bisect_left(self._lats, lat - reach) : bisect_right(self._lats, lat + reach)]
        measured = [(camera, metres_between(lon, lat, camera.lon, camera.lat)) for camera in band]
        found = [pair for pair in measured if pair[1] <= within_m]
        return sorted(found, key=lambda pair: (pair[1], pair[0].id))[:count]
