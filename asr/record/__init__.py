"""Transcripts as they are kept: live, and of record after the call."""
