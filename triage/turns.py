"""One utterance of one side: what all judgements begin from."""

from dataclasses import dataclass

from telephony.events import Leg


@dataclass(frozen=True)
class Turn:
    """One utterance of one side."""

    leg: Leg
    text: str
    #: Names the utterance in the transcript; empty where there is none (a typed text, a labelled line).
    utterance_id: str = ""
    #: It is still being said.
    partial: bool = False
