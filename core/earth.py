"""Distances on the ground between points in degrees (WGS 84)."""

import math

#: Mean radius of the earth in metres (IUGG), and what one degree of latitude is on it.
RADIUS_M = 6_371_008.8
METRES_OF_A_DEGREE = math.pi * RADIUS_M / 180


def metres_between(a_lon: float, a_lat: float, b_lon: float, b_lat: float) -> float:
    """The great-circle distance by the haversine formula; right to about 0.5 % on the real ellipsoid."""
    a, b = math.radians(a_lat), math.radians(b_lat)
    across = math.sin(math.radians(b_lon - a_lon) / 2) ** 2
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * across
    return 2 * RADIUS_M * math.asin(min(1.0, math.sqrt(half)))


def metres_of_lon(lat: float) -> float:
    """What one degree of longitude is at this latitude."""
    return METRES_OF_A_DEGREE * math.cos(math.radians(lat))
