"""Two languages: the source text is Chinese, English comes from ``locale/en.po``."""

import json
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from babel.messages.pofile import read_po
from starlette.requests import Request

Language = Literal["zh", "en"]
COOKIE = "lang"
_CATALOGUE = Path(__file__).parent / "locale" / "en.po"


@cache
def messages(language: Language) -> dict[str, str]:
    """Translations by source text; empty for Chinese, which is the source."""
    if language == "zh":
        return {}
    with _CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale=language)
    return {str(m.id): str(m.string) for m in catalogue if m.id and m.string and not m.fuzzy}


@cache
def messages_json(language: Language) -> str:
    """The catalogue for the page's scripts, safe inside a ``<script>`` element."""
    return json.dumps(messages(language), ensure_ascii=False).replace("<", "\\u003c")


def translate(language: Language, text: str) -> str:
    """``text`` in that language; the text itself where the catalogue has none (data, names)."""
    return messages(language).get(text, text)


def language_of(request: Request) -> Language:
    """``?lang=`` first, then the cookie, else Chinese."""
    for wish in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        for language in get_args(Language):
            if wish == language:
                return language  # type: ignore[no-any-return]
    return "zh"
