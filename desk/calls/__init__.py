"""Calls on screen: the list, one call's story, recordings, transcripts, missed calls, and a call in hand."""
