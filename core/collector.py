"""Python's collector of garbage, in a process that stays."""

import gc


def settle() -> None:
    """Take all that is in memory now out of the collector's rounds; for when everything has been started.

    City, models, tables and modules stay to the end. To look them through again, every now and then, stopped everything
    for 150 ms of a core at once: a caller's key waits meanwhile. What is garbage just now stays with them: collecting
    it first would be such a stop.
    """
    gc.freeze()
