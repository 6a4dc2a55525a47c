"""Clocks: working days, policies, what is due, and who is told of it."""
