"""The city's rules as a plan."""

from dataclasses import replace
from datetime import timedelta

from core.city import City
from ticketing.callbacks.plan import CallbackPolicy
from ticketing.clocks.calendar import WorkCalendar


def policy_of(city: City, base: CallbackPolicy | None = None) -> CallbackPolicy:
    """The plan that ``callbacks.yaml`` makes. ``base``: what the site itself decides of times; its rules are added."""
    own, zone = city.callbacks, city.profile.timezone
    made = base or CallbackPolicy(
        first_delay=timedelta(minutes=own.after_minutes),
        retry_delays=tuple(timedelta(minutes=minutes) for minutes in own.retry_minutes),
        quiet_from=own.quiet_from,
        quiet_to=own.quiet_to,
        timezone=zone,
        max_attempts=own.attempts,
        max_later=own.postponements,
    )
    return replace(
        made,
        text_patience=timedelta(hours=own.sms_hours),
        best_time=own.best_time,
        office=WorkCalendar(city.calendar, zone) if own.firms_in_office_hours else None,
        rules=own.cases,
        groups={category.code: group.code for group in city.taxonomy for category in group.categories},
    )
