"""One line to learn from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """One labelled utterance."""

    text: str
    #: Empty where they are not known.
    code: str
    nature: str
    emergency: bool
    hard: bool
    #: Examples of one group are never both learned from and tested on.
    group: str
    #: Said in the middle of a call, mostly in answer to something.
    later: bool = False
