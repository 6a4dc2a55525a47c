"""What Whisper's decoder is not let write: traditional characters and foreign words.

Whisper knows Chinese in both scripts and spreads its belief over both: the same sentence stands in the beam several
times, and right readings fall out of it.
"""

import re
from collections.abc import Sequence

from asr.engines.text import simplified

#: What the other script might have. A line's end within would part it from what it is converted to.
_CHINESE = re.compile(r"[^\n]*[\u2e80-\uffff\U00020000-\U0003ffff][^\n]*")
_FOREIGN = re.compile(r"[a-z\u00c0-\u1fff\u3040-\u30ff\uac00-\ud7a3]")


def unwanted(tokens: Sequence[str]) -> list[int]:
    """Which of ``tokens``, all of text in their order, write neither simplified Chinese nor figures, marks or capitals.

    Pieces of a character are left alone: what they make is not known before the last. Capitals stay for KTV and ATM.
    """
    whole = {token: text for token, text in enumerate(tokens) if "\ufffd" not in text}
    foreign = {token for token, text in whole.items() if _FOREIGN.search(text)}
    chinese = {token: text for token, text in whole.items() if token not in foreign and _CHINESE.fullmatch(text)}
    # One conversion of all is a hundred times quicker than one each.
    plain = simplified("\n".join(chinese.values())).split("\n")
    traditional = {token for (token, text), simple in zip(chinese.items(), plain, strict=True) if text != simple}
    return sorted(foreign | traditional)
