"""What every room stands on: clock, ids, errors, settings, events, the bus, the database and the city's data."""
