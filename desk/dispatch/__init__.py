"""Dispatch and work on the spot: units, orders, plans, and the page for phones."""
