"""For all tests."""

from hypothesis import settings

# These machines are shared: no test may fail because something else was running.
settings.register_profile("heyi", deadline=None)
settings.load_profile("heyi")
