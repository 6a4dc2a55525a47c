"""Who does a ticket's work: a main department and those that assist, refusal and ruling, levels, supervision."""
