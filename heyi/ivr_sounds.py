"""Which prompts of a city can be heard: recorded, spoken, or missing; and the texts for those who record them."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.city import City
from core.city_ivr import slots
from core.errors import HeyiError
from core.speaking import Language, seconds
from ivr.inventory import OF_LINE, sayings_of
from ivr.joints import seconds_of
from ivr.recordings import Recorded, recordables
from ivr.spokenstore import SpokenStore

#: File of the texts to record.
TEXTS = "texts.csv"


@dataclass(frozen=True)
class Row:
    """One prompt of the list. ``length_s`` is measured where there is a sound, else estimated."""

    name: str
    language: Language
    #: recorded, spoken, missing; of a prompt with values of the call: how many of its pieces are there.
    state: str
    length_s: float
    text: str

    def line(self) -> str:
        return f"{self.state:<9} {self.language:<3} {self.length_s:5.1f} s  {self.name}  {self.text}"


def rows(city: City, recorded: Recorded, store: SpokenStore) -> Iterator[Row]:
    """Every prompt in every language that its flow speaks, the dialplan's own first."""
    # The dialplan's prompts lie beside the shelf, under their names.
    sounds = store.folder.parent
    for one in recordables(city):
        path = recorded.find(one.language, one.name, one.text)
        state = "recorded"
        if path is None:
            named = sounds / f"{one.name}.wav"
            path = store.find(one.text, one.language) or (named if one.language == "zh" and named.is_file() else None)
            state = "missing" if path is None or one.language == "nan" else "spoken"
        length = seconds_of(path) if path is not None else seconds(one.text, one.language)
        yield Row(one.name, one.language, state, length, one.text)
    languages: tuple[Language, Language] = ("zh", "en")
    for flow in city.ivr:
        for name, prompt in flow.prompts.items():
            for language in languages:
                text: str = getattr(prompt, language)
                if set(slots(text)) <= OF_LINE or (language == "en" and "en" not in flow.languages):
                    continue
                pieces = sayings_of(city, flow, text, language)
                there = sum(store.has(piece.text, piece.language) for piece in pieces)
                state = f"{there}/{len(pieces)}" if pieces else "values"
                yield Row(f"{flow.key}/{name}", language, state, seconds(text, language), text)


def export_texts(city: City, folder: Path) -> int:
    """Writes ``texts.csv`` for a studio: the file to record, its language, about how long, the text. How many rows.

    A text that several prompts share is recorded once.
    """
    unique = {(one.language, one.text): one for one in reversed(recordables(city))}
    wanted = list(reversed(unique.values()))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The mark at the beginning: spreadsheets take the file for UTF-8 only with it.
        with (folder / TEXTS).open("w", encoding="utf-8-sig", newline="") as file:
            table = csv.writer(file)
            table.writerow(["文件名", "语言", "约秒数", "文本"])
            for one in wanted:
                length = f"{seconds(one.text, one.language):.0f}"
                table.writerow([f"{one.language}/{one.name}.wav", one.language, length, one.text])
    except OSError as error:
        raise HeyiError(f"{folder} cannot be written: {error.strerror or error}") from error
    return len(wanted)
