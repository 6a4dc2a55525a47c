"""Same incident: how likely two calls are about one matter, and where to look for others. Pure but for ``store``."""
