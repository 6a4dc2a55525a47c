"""Benchmarks; each runs as ``./run bench NAME``."""
