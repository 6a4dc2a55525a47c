"""Wiring and command line: the only room that knows everyone."""
