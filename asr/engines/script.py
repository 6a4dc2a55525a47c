"""What Whisper's decoder is not let write: traditional characters and foreign words.

Whisper knows Chinese in both scripts and spreads its belief over both: the same sentence stands in the beam several
times, and right readings fall out of it.
"""

import re
from collections.abc import Callable

from asr.engines.text import simplified

_FOREIGN = re.compile(r"[a-z\u00c0-\u1fff\u3040-\u30ff\uac00-\ud7a3]")


def unwanted(decode: Callable[[list[int]], str], tokens: int) -> list[int]:
    """Tokens below ``tokens`` (those of text) that write neither simplified Chinese nor figures, marks or capitals.

    Pieces of a character are left alone: what they make is not known before the last. Capitals stay for KTV and ATM.
    """
    texts = [decode([token]).replace("\n", " ") for token in range(tokens)]
    # One conversion of all is a hundred times quicker than one each.
    plain = simplified("\n".join(texts)).split("\n")
    return [
        token
        for token, (text, simple) in enumerate(zip(texts, plain, strict=True))
        if "\ufffd" not in text and (text != simple or _FOREIGN.search(text))
    ]
