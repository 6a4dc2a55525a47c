"""A telephone number heard badly is decoded once more with figures forbidden: which reading is then to be believed.

Models write a row of digits as one Arabic number and lose a digit of it, or double one, more often than they lose one
of the characters 一三八…, of which each is a syllable. So where a number seems to be said, both readings are looked at.
"""

from collections.abc import Sequence

from asr.recognition import Hypothesis
from asr.words.digits import phones, sounding

#: Shorter rows are houses, rooms and short numbers, which are written well.
_LEAST = 6


def seems_numbered(text: str) -> bool:
    """True where six digits and more, sure or by their sound, stand in a row in ``text``."""
    return any(len(group) >= _LEAST for group in sounding(text))


def believed(heard: Sequence[Hypothesis], spelled: Sequence[Hypothesis]) -> tuple[Hypothesis, ...]:
    """The readings that say the telephone number which is to be believed, that one first; else ``heard`` as it is.

    ``heard``: as decoded at first, ``spelled``: with figures forbidden, both best first. A whole mobile number,
    landline with its area code or service number counts. A local one has seven digits or eight: the longer is believed,
    since a digit is lost more often than doubled. Readings further down are not asked: their numbers are whole, and
    mostly wrong, while an incomplete number makes the call taker ask again.
    """
    for reading in (*spelled[:1], *heard[:1], *spelled[1:2]):
        if number := _numbers(reading.text, whole=True):
            return _saying(number, reading, [*spelled, *heard])
    if spelled and heard:
        number = _numbers(spelled[0].text, whole=False)
        if len(number) > len(_numbers(heard[0].text, whole=False)):
            return _saying(number, spelled[0], [*spelled, *heard])
    return tuple(heard)


def _saying(number: str, first: Hypothesis, readings: Sequence[Hypothesis]) -> tuple[Hypothesis, ...]:
    whole = any(phone.kind != "local" for phone in phones(first.text))
    others = (r for r in readings if r is not first and _numbers(r.text, whole=whole) == number)
    return (first, *others)


def _numbers(text: str, *, whole: bool) -> str:
    return " ".join(phone.number for phone in phones(text) if not whole or phone.kind != "local")
