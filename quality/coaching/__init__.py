"""Coaching: what a call taker's calls show over weeks, and plans that are followed up."""
