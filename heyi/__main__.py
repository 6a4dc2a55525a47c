"""``python -m heyi``."""

import gc

# Thousands of modules hold one another and are never let go: looking them through takes a sixth of the start.
gc.disable()
from heyi.cli import main  # noqa: E402

gc.freeze()
gc.enable()

if __name__ == "__main__":
    main()
