"""What the caller told: places, telephone numbers, names, people hurt or trapped, vehicles, sums, times."""
