"""Missed calls (漏话): a list that is worked off, and the callers of emergency lines who are rung back."""
