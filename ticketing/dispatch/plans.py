"""Which plans (预案) belong to a ticket. Pure."""

from collections.abc import Iterable

from core.city_dispatch import Plan


def plans_for(plans: Iterable[Plan], code: str, grade: int | None) -> list[Plan]:
    """Plans of this category and grade, the most exact first: by category before by group, graded before ungraded."""
    fitting = [(_fit(plan, code), plan) for plan in plans if not plan.grades or grade in plan.grades]
    return [plan for fit, plan in sorted(fitting, key=lambda f: (-f[0], not f[1].grades, f[1].key)) if fit]


def _fit(plan: Plan, code: str) -> int:
    return max((len(own) for own in plan.codes if code.startswith(own)), default=0)


def wanted_units(plans: Iterable[Plan]) -> list[tuple[str, int]]:
    """How many of each kind these plans send; where several name a kind, the most that one of them asks for."""
    most: dict[str, int] = {}
    for plan in plans:
        for wish in plan.send:
            most[wish.kind] = max(most.get(wish.kind, 0), wish.count)
    return list(most.items())
