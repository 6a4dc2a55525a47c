"""The leaders' page (领导驾驶舱): what all figures of the house say together."""
