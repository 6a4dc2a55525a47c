"""Rules, category words and first questions that a city judges by: its own, heyi's where one cannot be read."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import structlog

from core.cityfolder import CityFolder
from core.errors import HeyiError
from triage.categories import Categories, load_categories
from triage.questions import Question, load_questions
from triage.rules import RuleSet, load_rules

log = structlog.get_logger(__name__)
T = TypeVar("T")
_RULES = Path(__file__).resolve().parent / "rules"


def city_rules(folder: CityFolder) -> tuple[RuleSet, Categories, dict[str, tuple[Question, ...]]]:
    """As they were changed, else as the city came with them, else heyi's own."""

    def of(name: str, load: Callable[[Path], T]) -> T:
        for path in dict.fromkeys((folder.path(f"rules/{name}"), folder.seed / "rules" / name)):
            try:
                if path.is_file():
                    return load(path)
            except HeyiError as error:
                log.error("a rule file of the city is left out", file=str(path), fault=str(error))
        return load(_RULES / name)

    rules, categories = of("emergency.yaml", load_rules), of("categories.yaml", load_categories)
    return rules, categories, of("questions.yaml", load_questions)
