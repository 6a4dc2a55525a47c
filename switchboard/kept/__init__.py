"""Kept places: who hangs up while waiting and is rung when the turn comes."""
