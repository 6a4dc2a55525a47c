"""Which calls are reviewed, and by whom."""
