"""Asking callers whether their matter was settled: the plan, who asks, and what follows from each answer."""
