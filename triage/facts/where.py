"""The call's places from both sides' words: what the caller named, took back, and agreed to. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace

from triage.facts.answers import replies
from triage.places import ESTATE, Gazetteer, Mention
from triage.relative import continued, relatives, spoken
from triage.turns import Turn
from triage.verdict import Place

#: At the head of what the caller says, it takes back the place said before.
_TAKEN_BACK = re.compile(r"^[^，。]{0,4}(?:说错|讲错|搞错|弄错|记错|不对|错了|不是|更正)")
_ASKS_WHERE = re.compile(r"哪里|哪儿|哪个|什么位置|什么地方|具体|位置|地址|地点|在哪|附近有|标志|怎么走")


def places(turns: Sequence[Turn], mentions: Sequence[Sequence[Mention]], gazetteer: Gazetteer) -> tuple[Place, ...]:
    """The places, the best first; ``mentions`` are those of each turn.

    The call taker's places count where the caller agreed, and where the caller named none; those that the caller denied
    are gone, also from what the caller seemed to have said before.
    """
    answered = replies(turns)
    kept: list[Sequence[Mention]] = [() for _ in turns]
    unanswered: list[Sequence[Mention]] = [() for _ in turns]
    agreed: list[int] = []
    for at, (turn, named) in enumerate(zip(turns, mentions, strict=True)):
        if not named:
            continue
        if turn.leg == "caller":
            if _TAKEN_BACK.match(turn.text) and any(not m.withdrawn for m in named):
                kept[:at] = [[m for m in turn_before if m.level == 1] for turn_before in kept[:at]]
            for gone in (m for m in named if m.withdrawn):
                _forget(kept, at, gone)
            kept[at] = named
        elif turn.leg == "agent":
            if answered.get(at) == "yes":
                kept[at] = named
                agreed.append(at)
            elif answered.get(at) == "wrong":
                for denied in named:
                    _forget(kept, at, denied)
            else:
                unanswered[at] = named
    asked = {
        at for at in range(1, len(turns))
        if turns[at].leg == "caller" and turns[at - 1].leg == "agent" and _ASKS_WHERE.search(turns[at - 1].text)
    }  # fmt: skip
    found = gazetteer.resolve(kept, {*asked, *agreed})
    if not found or found[0].towns:
        # The call taker's words tell which of two villages is meant, too.
        said = gazetteer.resolve(unanswered)
        if not found or any(p.community == found[0].community and p.town in found[0].towns for p in said):
            found = said
    # What the caller let pass was heard on both sides of the line: as good as a yes, where the caller named it too.
    passed = [unanswered[at] for at in answered if unanswered[at] and found and at > found[0].turn]
    read = [*gazetteer.resolve([kept[at] for at in agreed]), *gazetteer.resolve(passed)]
    confirmed = {(p.town, p.community) for p in read}
    return tuple(
        replace(
            p, utterance_id=turns[p.turn].utterance_id, leg=turns[p.turn].leg,
            confirmed=(p.town, p.community) in confirmed, relative=p.relative or _told_later(p, turns),
        )
        for p in found
    )  # fmt: skip


def _forget(kept: list[Sequence[Mention]], before: int, gone: Mention) -> None:
    """Take the place of ``gone`` out of what was said before."""
    for at in range(before):
        kept[at] = [m for m in kept[at] if not (m.level == gone.level and set(m.places) & set(gone.places))]


def _told_later(place: Place, turns: Sequence[Turn]) -> str:
    """Where from the place, said when the call taker asked for it: 学府嘉园北门正对面."""
    for at in range(place.turn + 1, len(turns)):
        if turns[at].leg == "caller" and turns[at - 1].leg == "agent" and _ASKS_WHERE.search(turns[at - 1].text):
            text = turns[at].text
            if estate := ESTATE.match(text):
                return spoken(text[: max(estate.end(), continued(text, estate.end(), len(text))[0])])
            for found in relatives(text):
                if found.anchored:
                    return found.value
    return ""
