"""Ears: engines, live streams, transcripts, and the pass over the recording after the call."""
