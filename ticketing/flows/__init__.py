"""Flows: the ways that a city's tickets go, as data."""
