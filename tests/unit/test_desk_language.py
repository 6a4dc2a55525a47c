"""Every text that a person can see has its English, and nothing stands untranslatable in a page."""

import json

from core import photos
from desk.i18n import messages, messages_json, translate
from quality.coaching import states as coaching
from quality.listening.examples import CATEGORIES
from quality.reviews import states as reviews
from switchboard.health import DISK_FULL, TRUNK_DOWN, TRUNK_FAULT
from telephony.linecheck import FAILURES
from tests.desk_strings import (
    bare_in_scripts,
    bare_in_templates,
    in_python,
    in_scripts,
    in_templates,
    shown_by_runners,
    shown_by_ticketing,
)
from ticketing import sources
from ticketing.assessment.measures import COUNT_NAMES, COUNT_RULES, FORMULAS
from ticketing.callbacks import second
from ticketing.dispatch import states as units
from ticketing.doors import chats, events, keys, letters, topics
from ticketing.fields import NATURES
from ticketing.patrol import steps, wishes
from ticketing.states import ACTION_NAMES, STATE_NAMES

#: Texts that are shown from tables of rooms below the desk.
TABLES = {
    *STATE_NAMES.values(), *ACTION_NAMES.values(), *NATURES, *FAILURES.values(), TRUNK_DOWN, TRUNK_FAULT, DISK_FULL,
    *sources.NAMES.values(), *second.REFUSALS.values(),
    *units.STATE_NAMES.values(), *units.ACTION_NAMES.values(),
    *events.SOURCE_NAMES.values(), *letters.STATE_NAMES.values(), *letters.ACTION_NAMES.values(), *photos.REFUSALS,
    *keys.KIND_NAMES.values(), *topics.TOPICS.values(), *chats.PROGRESS.values(),
    *reviews.STATE_NAMES.values(), *reviews.ACTION_NAMES.values(),
    *CATEGORIES.values(), *coaching.STATE_NAMES.values(), *coaching.ACTION_NAMES.values(),
    *wishes.NAMES.values(), *steps.ENDED.values(),
    *(name for names in (*COUNT_NAMES.values(), *COUNT_RULES.values()) for name in names.values()),
    *(formula.name for formulas in FORMULAS.values() for formula in formulas.values()),
}  # fmt: skip


def test_every_text_of_templates_scripts_and_errors_has_its_english() -> None:
    english = messages("en")
    tables = [("tables", name) for name in TABLES]
    texts = [*in_templates(), *in_scripts(), *in_python("desk"), *shown_by_ticketing(), *shown_by_runners(), *tables]
    assert len(texts) > 200
    assert sorted({(file, text) for file, text in texts if not english.get(text)}) == []


def test_no_chinese_stands_outside_the_translation_functions() -> None:
    assert [*bare_in_templates(), *bare_in_scripts()] == []


def test_the_catalogue_has_nothing_that_is_no_longer_shown() -> None:
    shown = {
        text
        for _file, text in (
            *in_templates(),
            *in_scripts(),
            *in_python("desk"),
            *shown_by_ticketing(),
            *shown_by_runners(),
        )
    }
    hints = {"误拨请先改类别为 X01 或 X02；并非紧急请先取消紧急标记", "请在校准页面比对"}
    # Punctuation has no Chinese character by which it would be found.
    assert set(messages("en")) - shown - TABLES - hints <= {"、", "；"}


def test_placeholders_survive_translation() -> None:
    for source, english in messages("en").items():
        assert sorted(part.split("}")[0] for part in source.split("{")[1:]) == sorted(
            part.split("}")[0] for part in english.split("{")[1:]
        )


def test_chinese_is_the_source_and_unknown_texts_stay() -> None:
    assert translate("zh", "接听") == "接听"
    assert translate("en", "接听") == "Answer"
    assert translate("en", "华洲村") == "华洲村"
    assert json.loads(messages_json("zh")) == {}
    assert "<" not in messages_json("en")
