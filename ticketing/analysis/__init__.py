"""What the tickets say together: rising matters, clusters, words, repeat callers, briefs."""
