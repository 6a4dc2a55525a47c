"""By what people know a prompt: a few of its words. Pure."""

import re
from collections.abc import Mapping
from typing import Literal

Shown = Literal["zh", "en"]
#: Characters of a step's short name.
_SHORT: Mapping[Shown, int] = {"zh": 9, "en": 17}
#: Clauses of a Chinese prompt, sentences of an English one.
_PARTS = {"zh": re.compile(r"[^，。；,.;!！？?]+[？?]?"), "en": re.compile(r"[^.!?]+[?]?")}
_GREETINGS = frozenset({"您好"})


def gist(said: str, language: Shown) -> str:
    """The part of a prompt by which people know it, cut short: its question, else what it bids (in Chinese, where
    every clause may bid), else its beginning."""
    parts = [part.strip() for part in _PARTS[language].findall(said)]
    parts = [part for part in parts if part not in _GREETINGS] or parts
    for wanted in ("？?", "请") if language == "zh" else ("?",):
        if found := next((part for part in parts if any(mark in part for mark in wanted)), None):
            return cut(found.rstrip("？?"), language)
    return cut(parts[0], language) if parts else ""


def cut(text: str, language: Shown) -> str:
    """As long as a step's box is wide."""
    most = _SHORT[language]
    return text if len(text) <= most else f"{text[: most - 1]}…"
