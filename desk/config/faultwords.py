"""What the city's readers complain of, in Chinese. They tell it in English, as the command line does. Pure."""

import re
from functools import cache
from pathlib import Path

from core.yamltext import read
from desk.config.forms import FIELDS
from desk.i18n import Language

_FILE = Path(__file__).with_name("faults.yaml")


@cache
def _table() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(said), told) for said, told in read(_FILE.read_bytes()).plain())


def in_words(text: str, language: Language, file: str = "") -> str:
    """The complaint about ``file`` in the reader's language; as it is where nobody has put it into Chinese."""
    if language == "zh":
        titles = {field.key: field.title for field in FIELDS.get(file, ())}
        for said, told in _table():
            if found := said.fullmatch(text):
                return told.format(*(titles.get(word, word) for word in found.groups()))
    return text
