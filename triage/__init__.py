"""Judgement: emergency or service, what, where, whose. The screen always shows the words that decided."""
