"""The knowledge base and announcements of cuts."""
