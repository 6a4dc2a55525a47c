"""What callers hear: spoken prompts and the voice that makes them."""
