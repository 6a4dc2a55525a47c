"""For all tests."""

from hypothesis import settings

# A commit is green or red whatever the dice say, and no test may fail because something else was running.
settings.register_profile("heyi", deadline=None, derandomize=True)
# The dice: `./run test tests/unit --hypothesis-profile hunt` looks for cases nobody thought of.
settings.register_profile("hunt", deadline=None, max_examples=5000)
settings.load_profile("heyi")
