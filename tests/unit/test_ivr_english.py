"""English prompts: every word has its phonemes, numbers are words, endings are read; without the model."""

import json
import re
from pathlib import Path

import pytest

from core.city_ivr import slots
from core.cityfile import load_city
from core.settings import Settings
from ivr.english import LETTERS, EnglishPhonemes, number_words

CITY = load_city(Path(__file__).resolve().parents[2] / "cities" / "jinjiang")


@pytest.fixture(scope="module")
def read() -> EnglishPhonemes:
    return EnglishPhonemes(lambda text: f"<{text}>")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("0", "zero"), ("7", "seven"), ("13", "thirteen"), ("20", "twenty"), ("45", "forty five"),
        ("100", "one hundred"), ("250", "two hundred fifty"), ("1024", "one thousand twenty four"),
        ("1,500", "one thousand five hundred"), ("12345", "one two three four five"), ("0007", "zero zero zero seven"),
        ("3.5", "three point five"), ("20%", "twenty percent"), ("8:00", "eight o'clock"), ("8:30", "eight thirty"),
        ("8:05", "eight oh five"), ("14:15", "fourteen fifteen"),
    ],
)  # fmt: skip
def test_numbers_are_words(written: str, said: str) -> None:
    assert " ".join(number_words(written)) == said


@pytest.mark.parametrize(
    ("word", "said"),
    [
        # Endings by the rules of the language: voiceless, voiced, after a hiss; with a doubled or a lost letter.
        ("cuts", "kˈʌts"), ("urged", "ˈɜɹʤd"), ("presses", "pɹˈɛsᵻz"), ("city's", "sˈɪɾiz"), ("AED", "ˈA ˈi dˈi"),
        ("qqx", " ".join(LETTERS[letter] for letter in "QQX")), ("the", "ðə"), ("HELLO", "həlˈO"), ("A", "ɐ"),
    ],
)  # fmt: skip
def test_words_are_read(read: EnglishPhonemes, word: str, said: str) -> None:
    assert read.word(word) == said


def test_names_in_chinese_are_left_to_the_chinese_reader(read: EnglishPhonemes) -> None:
    assert read("Hello, 晋江市.").replace(" ", "") == "həlˈO,<晋江市>."


def test_no_word_of_the_citys_prompts_and_names_has_to_be_spelled(read: EnglishPhonemes) -> None:
    texts = [re.sub(r"\{.*?\}", "", prompt.en) for flow in CITY.ivr for prompt in flow.prompts.values()]
    texts += [line.name_en for line in CITY.lines]
    texts += [category.name_en for group in CITY.taxonomy for category in group.categories]
    words = {word for text in texts for word in re.findall(r"[A-Za-z']+", text)}
    spelled = {word for word in words if len(word) > 1 and read.word(word) == spelling(word)}
    assert len(words) > 150 and spelled == set()
    assert any(slots(prompt.en) for flow in CITY.ivr for prompt in flow.prompts.values())


def spelling(word: str) -> str:
    return " ".join(LETTERS[letter] for letter in word.upper() if letter in LETTERS)


@pytest.mark.models
def test_the_model_knows_every_sound(read: EnglishPhonemes) -> None:
    vocab = json.loads((Settings().cache / "models/kokoro/vocab.json").read_text(encoding="utf-8"))["vocab"]
    read.word("hello")
    unknown = {c for said in read._words.values() for c in said} - vocab.keys()
    assert unknown <= set("")
