"""Calls and tickets from other systems' tables, and into tables."""
