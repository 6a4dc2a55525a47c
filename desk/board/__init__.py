"""The dispatcher's board 派单台: open tickets by urgency and clock, units, map."""
