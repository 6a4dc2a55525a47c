"""Recordings after the call: laid out in stereo, sealed, kept as long as the site says."""
