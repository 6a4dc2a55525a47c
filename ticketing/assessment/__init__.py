"""Assessment (一键考核): what departments and call takers did in a month, half-year or year, and how it scores."""
