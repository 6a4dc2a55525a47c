"""Tickets: opened from a call, dispatched, handled, called back, closed."""
