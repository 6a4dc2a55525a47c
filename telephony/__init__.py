"""Lines, calls, the merged queue, agents and Asterisk. From above this room shows its events, lines and commands."""
