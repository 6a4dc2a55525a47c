"""Knowledge base: articles, their search, what is proposed while a caller speaks, and who must review what."""
