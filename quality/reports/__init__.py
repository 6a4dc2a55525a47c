"""Quality in figures: of call takers, desks, lines, categories and items, from all calls and from reviews."""
