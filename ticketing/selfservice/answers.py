"""The knowledge base answers a question by voice, where it surely knows and somebody wrote what is to be said."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from core.city import City
from ticketing.knowledge.content import Content
from ticketing.knowledge.index import Found, Index
from ticketing.knowledge.index import asked as pieces
from ticketing.knowledge.service import Knowledge
from ticketing.selfservice.asked import NONE, Answer, Asked

#: How much of the caller's words the article has, how much of one of its ways to ask was said (0..1), and the weight of
#: that. Both ways: a caller who says a whole question and much else asks for something else. The next article must be
#: so much less likely. Measured, see docs/selfservice.md.
_COVERED, _SAID, _LEAST, _APART = 0.6, 0.5, 6.0, 0.1


class Sayable(Protocol):
    """Whether a text can be said at once, without waiting for a voice (ivr's shelf, in ``heyi``)."""

    def __call__(self, text: str, /) -> bool: ...


class Answers:
    """``answer``."""

    def __init__(self, city: City, knowledge: Knowledge, sayable: Sayable) -> None:
        self._city, self._knowledge, self._sayable = city, knowledge, sayable

    async def find(self, asked: Asked) -> Answer:
        """The spoken form of the one article that answers ``words``."""
        words = asked.text("words")
        if not words:
            return NONE
        found = best(await self._knowledge.index(), self._city, words, self._knowledge.today())
        said = found.entry.content.spoken if found is not None else ""
        return ("found", {"answer": said}) if said and self._sayable(said) else NONE

    async def sayings(self) -> Sequence[str]:
        """All that may have to be said: the spoken forms of what is published and valid today."""
        day = self._knowledge.today()
        entries = (await self._knowledge.index()).entries
        return [e.content.spoken for e in entries if e.published and e.content.holds(day) and e.content.spoken]


def best(index: Index, city: City, words: str, day: date) -> Found | None:
    """The article that answers ``words``; None where none surely does, or two may. Pure."""

    def takes(content: Content) -> bool:
        # First aid is a call taker's: such a call is no question. Where the caller is nobody has asked.
        return not content.area and not (content.codes and all(map(city.is_emergency, content.codes)))

    covered = [one for one in index.search("，".join(pieces(words)), day) if takes(one.entry.content)]
    if not covered or covered[0].score < _COVERED:
        return None
    if len(covered) > 1 and covered[0].score - covered[1].score < _APART:
        return None
    said = index.propose(words, day, bar=_SAID, least=_LEAST, limit=len(index.entries), takes=takes)
    return covered[0] if any(one.entry is covered[0].entry for one in said) else None
