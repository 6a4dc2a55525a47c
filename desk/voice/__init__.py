"""What callers did before a person answered."""
