"""Automatic checks of one call: what was said, what was not, and how it went."""
