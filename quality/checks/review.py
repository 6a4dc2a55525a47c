"""All checks of one call. Pure."""

from dataclasses import dataclass, replace

from core.city import City
from core.cityfolder import CityFolder
from core.settings import Settings
from quality.call import Call
from quality.checks import address, conduct, dispatch, manner, opening, phone, promises, timing
from quality.checks.dialogue import Dialogue
from quality.checks.findings import Review
from quality.checks.learned import LEAKED, SHIFTED, Learned, ensure
from quality.checks.occasion import Occasion
from quality.checks.rulebook import Rulebook, sound_rulebook


@dataclass(frozen=True)
class Checks:
    """The checks with a city's rules; ``review`` never raises for what a call holds."""

    rules: Rulebook
    #: Knows the categories' hours; without one no promised time is compared.
    city: City | None = None
    #: What sounds like marked sentences; without it the rules alone judge the wording.
    learned: Learned | None = None

    def review(self, call: Call) -> Review:
        """Every check's answer, by name."""
        dialogue = Dialogue(call, self.rules)
        place = address.Address(dialogue)
        occasion = Occasion(dialogue, place, self.learned)
        found = manner.wordings(dialogue, occasion, self.learned)
        occasion = replace(occasion, shifted=any(f.label == SHIFTED for f in found))
        hung_up = conduct.hung_up(dialogue)
        found = manner.unless_ended(found, hung_up)
        leaked = (*found, *manner.others_numbers(dialogue))
        category = self.city.category(call.category) if self.city and call.category else None
        limit = promises.limit_of(dialogue, category.due_hours if category else None)
        code = call.ticket.code if call.ticket else call.category
        return Review({
            "greeting": opening.greeting(dialogue),
            "address": address.check(dialogue, place, occasion.needs_address, spoken_of=occasion.place_matters),
            "phone": phone.check(dialogue, occasion.needs_phone),
            "questions": dispatch.questions(occasion, code),
            "recorded": conduct.recorded(occasion, found),
            "comfort": conduct.comfort(dialogue, leaked, self.learned),
            "polite": manner.polite(found, dialogue),
            "wording": manner.other_wordings(found),
            "promises": promises.allowed(dialogue, promises.promised(dialogue), limit, found),
            "privacy": manner.of_label(leaked, LEAKED),
            "heard_out": conduct.heard_out(dialogue, found),
            "interruptions": timing.interruptions(dialogue),
            "talking_over": timing.talking_over(dialogue),
            "silence": timing.silence(dialogue),
            "speed": timing.speed(dialogue),
            "holds": timing.holds(dialogue),
            "hung_up": hung_up,
            "closing": opening.closing(dialogue),
        })  # fmt: skip


def prepare(settings: Settings, city: City, *, rules_only: bool = False, folder: CityFolder | None = None) -> Checks:
    """The checks with heyi's rules and the city's own, and what is learned (fitted once, then from the cache).

    ``folder``: the city's files; None: the site's.
    """
    return Checks(
        sound_rulebook(folder or settings.city_folder),
        city,
        None if rules_only else ensure(settings.cache / "quality"),
    )
