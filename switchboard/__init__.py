"""What a city does with its calls: priority, desks, supervision, missed calls and kept places, on top of telephony."""
