"""What a call gave occasion for: whether an address, a telephone number, a record were needed at all."""

import re
from dataclasses import dataclass
from functools import cached_property

from quality.checks import address, phone
from quality.checks.address import LEAST as LEAST_PLACE
from quality.checks.address import Address
from quality.checks.dialogue import Dialogue
from quality.checks.learned import SHIFTED, Learned

#: Category codes of a person's ticket; what software alone made of the words is not trusted with it.
_NUISANCE = frozenset({"X01", "X02"})
#: Lines that send police, fire engines, ambulances.
EMERGENCY_LINE = re.compile(r"1(?:10|19|20|22)")
_MOBILE = re.compile(r"1[3-9]\d{9}")
#: Lines of advice: law, the young, despair, work, funds, taxes.
_ADVICE = frozenset({"12348", "12355", "12356", "12333", "12329", "12366"})
#: Lines for what somebody did or feels, on the road or at home, and not for what is the matter with a place: rides,
#: the police's conduct, the young, women.
_OF_PEOPLE = frozenset({"12328", "12389", "12355", "12338"})
#: The caller tells a place of his own, not one that he asks about.
_I_AM_AT = re.compile(r"住|在(?!吗|不在)")
#: Shorter first words are a greeting.
_GREETING = 6
#: So many characters of the caller's are more than a greeting and a question.
_A_STORY = 20
#: Where a matter is taken up, a sentence must be surer by so much to be a shifting-off: others are named then too.
TAKEN_UP = 0.25


@dataclass(frozen=True)
class Occasion:
    """Read once for each call; every answer rests on the words, and on the ticket where there is one."""

    dialogue: Dialogue
    address: Address
    #: Tells questions from reports where the words of the rules do not.
    learned: Learned | None = None
    #: The call taker sent the caller elsewhere: then it was no mere question that he answered.
    shifted: bool = False

    @cached_property
    def nuisance(self) -> bool:
        """The call taker warned of misuse, and nothing was taken up."""
        ticket = self.dialogue.call.ticket
        if ticket is not None and ticket.code in _NUISANCE:
            return True
        return self.dialogue.says("nuisance", self.dialogue.agent)

    @cached_property
    def reported(self) -> bool:
        """The caller reports or complains of something: says so, or tells more than a question."""
        if self.shifted:
            return True
        if self._asks and not self._complains:
            return False
        if self.dialogue.says("report", self.dialogue.caller):
            return True
        told = sum(len(self.dialogue.texts[i]) for i in self.dialogue.caller)
        return told >= _A_STORY

    @cached_property
    def _asks(self) -> bool:
        """The caller's first words of substance are a question."""
        first = self._first
        if self.dialogue.says("enquiry", first) or self._asks_informant:
            return True
        if self.learned is None or not first or self.dialogue.says("report", self.dialogue.caller):
            return False
        return self.learned.asks(self.dialogue.texts[first[0]])

    @cached_property
    def wants_informant(self) -> bool:
        """The caller came for the name of who reported him, which the law keeps: nobody can shift that off."""
        return self._asks_informant and not self._complains

    @cached_property
    def taken_down(self) -> bool:
        """The call taker read back the caller's number or the place: a matter is in hand, whatever is said of it."""
        return phone.check(self.dialogue, needed=False).answer == "pass" or self.place_read_back

    @cached_property
    def place_read_back(self) -> bool:
        """The call taker read a place back."""
        return address.check(self.dialogue, self.address, needed=False).answer == "pass"

    @cached_property
    def _complains(self) -> bool:
        """Of something else than that somebody reported him."""
        rules, asked = self.dialogue.rules, self._first if self._asks_informant else ()
        for i in self.dialogue.caller:
            text = self.dialogue.texts[i]
            if i in asked:
                for start, end in rules["asks_informant"].find(text):
                    text = text[:start] + "　" * (end - start) + text[end:]
            if rules["complains"](text):
                return True
        return False

    @cached_property
    def _asks_informant(self) -> bool:
        """The caller wants to know who reported him."""
        return self.dialogue.says("asks_informant", self._first)

    @cached_property
    def _first(self) -> tuple[int, ...]:
        """The caller's first turn of substance, if there is one."""
        return tuple(i for i in self.dialogue.caller if len(self.dialogue.texts[i]) > _GREETING)[:1]

    @cached_property
    def enquiry(self) -> bool:
        """The caller only asks, in the first words of substance."""
        return self._asks and not self.reported

    @cached_property
    def registered(self) -> bool:
        """The call taker took the matter up: recorded, passed on, sent somebody; not to be rid of it."""
        registers = self.dialogue.rules["registers"]
        return any(registers(self._without_shifting(self.dialogue.texts[i])) for i in self.dialogue.agent)

    def _without_shifting(self, text: str) -> str:
        """``text`` without the sentences that are learned to be a shifting-off."""
        if self.learned is None:
            return text
        surer = {SHIFTED: self.learned.answered(())[SHIFTED] - TAKEN_UP}
        for label, start, end in self.learned.found(text, surer):
            if label == SHIFTED:
                text = text[:start] + "。" * (end - start) + text[end:]
        return text

    @cached_property
    def refused(self) -> bool:
        return self.dialogue.says("refuses", self.dialogue.agent) and not self.registered

    @cached_property
    def ignored(self) -> int | None:
        """The call taker's turn against which the caller protests in vain: in the whole call nothing is taken up."""
        dialogue = self.dialogue
        if (
            self.none
            or self.enquiry
            or not self.reported
            or self.registered
            or self.taken_down
            or self.wants_informant
            or dialogue.says("accepts", dialogue.agent)
        ):
            return None
        protests = (i for i in dialogue.caller if dialogue.rules["protests"](dialogue.texts[i]))
        return next((t for i in protests for t in reversed(dialogue.agent) if dialogue.agent[0] < t < i), None)

    @cached_property
    def referred(self) -> bool:
        """A matter that the law keeps from the hotline, with the way to go told, and nothing taken up."""
        agent = self.dialogue.agent
        return self.dialogue.says("referral", agent) and not self.registered

    @cached_property
    def asked_place(self) -> bool:
        return self.dialogue.says("asks_place", self.dialogue.agent)

    @cached_property
    def emergency(self) -> bool:
        call = self.dialogue.call
        ticket = call.ticket
        return call.outcome == "emergency" or (ticket is not None and ticket.emergency)

    @cached_property
    def silent(self) -> bool:
        """The caller said next to nothing."""
        said = sum(len(self.dialogue.texts[i]) for i in self.dialogue.caller)
        return said < LEAST_PLACE

    @cached_property
    def none(self) -> bool:
        """Nothing was to be taken down at all."""
        if not self.registered and (self.dialogue.caller_left or self.misdialled):
            return True
        return self.nuisance or self.referred or self.silent

    @cached_property
    def misdialled(self) -> bool:
        """The caller wanted another number: he says so, or does not contradict the call taker who does."""
        dialogue = self.dialogue
        if dialogue.says("misdialled", dialogue.caller):
            return True
        told = (i for i in dialogue.agent if dialogue.rules["wrong_number"](dialogue.texts[i]))
        return any(dialogue.answer_to(i) is not None and not dialogue.denied(i) for i in told)

    def _gone(self, asks: str) -> bool:
        """The caller was gone before he could answer the question ``asks`` of the last words."""
        return self.dialogue.caller_left and self.dialogue.says(asks, self.dialogue.agent[-1:])

    @cached_property
    def _of_a_person(self) -> bool:
        """The matter is somebody's own (pension, insurance, a ride), and has no place that anybody must find; nor has
        what was bought from a shop on the net, nor advice."""
        if self.dialogue.says("online", self.dialogue.caller[:2]):
            return True
        own = self._advice or self.dialogue.says("personal", self.dialogue.caller[:2])
        return own and not (self.asked_place or self._alarm)

    @cached_property
    def _alarm(self) -> bool:
        """An emergency on a line that sends somebody out; what triage alone makes of words on other lines is none."""
        ticket = self.dialogue.call.ticket
        sends = EMERGENCY_LINE.fullmatch(self.dialogue.call.line) is not None
        return self.emergency and (sends or (ticket is not None and ticket.emergency))

    @cached_property
    def _advice(self) -> bool:
        """A line that listens and advises, and sends nobody unless it says so."""
        return self.dialogue.call.line in _ADVICE and not self.registered

    @cached_property
    def needs_address(self) -> bool:
        if self.none or self._of_a_person or self._gone("asks_place"):
            return False
        if self.enquiry:
            return self.asked_place and self.registered
        told = self.address.weight >= LEAST_PLACE
        if self.dialogue.call.line in _OF_PEOPLE:
            return told and self.asked_place
        return told or self.asked_place or self._without_details

    @cached_property
    def place_matters(self) -> bool:
        """Somebody asked where, a matter was taken up, or the caller told where he is; advice alone has no place."""
        if self.asked_place or self.registered or not self.enquiry:
            return True
        return any(
            m.weight >= LEAST_PLACE and _I_AM_AT.search(self.dialogue.texts[m.turn]) for m in self.address.mentions
        )

    @cached_property
    def needs_phone(self) -> bool:
        if self.none or self.dialogue.says("declines", self.dialogue.caller) or self._gone("asks_phone"):
            return False
        last = self.dialogue.agent[-1:]
        if self.dialogue.says("line_kept", last) and not self.dialogue.says("farewell", last):
            # Somebody who cannot speak freely is not asked for a number: the line stays open.
            return False
        if self.registered:
            return True
        if self.enquiry:
            return False
        if self.place_read_back or self._of_a_person:
            # Nothing was taken up, which is another fault; nobody will come or call back. Somebody comes to an alarm.
            return (self._alarm or self._number_named) and not (self.shifted or self.refused)
        asked = self.dialogue.says("asks_phone", self.dialogue.agent)
        return asked or self.address.weight >= LEAST_PLACE or self._without_details

    @cached_property
    def _number_named(self) -> bool:
        """The call taker named a number at which the caller would be reached."""
        asked = (i for i in self.dialogue.agent if self.dialogue.says("asks_phone", (i,)))
        return any(_MOBILE.fullmatch(n) for i in asked for n in phone.numbers_in(self.dialogue.texts[i]))

    @cached_property
    def _without_details(self) -> bool:
        """Nobody spoke of a place, and yet one was needed: a matter was taken up or sent away. Advice needs none,
        however long its story."""
        return (self.reported and (self.registered or self.shifted)) or (self._alarm and not self.enquiry)
