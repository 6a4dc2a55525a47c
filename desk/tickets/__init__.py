"""What a screen shows of tickets and does with them: parts of departments, clocks, callbacks, incidents."""
