"""Measuring the judgement: labelled utterances, whole calls replayed, and written messages for comparison."""
