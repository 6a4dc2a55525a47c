"""Before and during a shift: whether a desk's devices and network are in order, and how its calls sounded."""
