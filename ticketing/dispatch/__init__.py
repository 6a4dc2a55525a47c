"""Dispatch: units and their duty, who is nearest, plans, grids and cameras."""
