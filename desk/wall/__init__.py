"""The supervisors' wallboard and the health of the lines."""
