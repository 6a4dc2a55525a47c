"""Spaces between words: Kaldi and its successors write them everywhere, Chinese nowhere."""


def spaced(text: str) -> str:
    """``text`` without the spaces that touch a Chinese character; those between Latin words and figures stay."""
    out = ""
    for word in text.split(" "):
        if out and word and not (_is_han(out[-1]) or _is_han(word[0])):
            out += " "
        out += word
    return out


def _is_han(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"
