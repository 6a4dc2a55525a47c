"""What callers get without a person: how a ticket stands, cuts of water and power, opening hours, a car's owner."""
