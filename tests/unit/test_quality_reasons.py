"""Reasons of automatic checks: each has its English, with the figures and lists that stand in it."""

import ast
from pathlib import Path

import pytest
import yaml

from desk.i18n import messages
from desk.quality.reasons import OF_CHECKS, OF_RULES, TOPICS, told
from desk.views import Views
from quality.checks import dispatch
from tests.desk_fakes import CITY

QUALITY = Path(__file__).parents[2] / "quality"


def sentences() -> set[str]:
    """Every Chinese sentence in the checks that is, or may become, a reason; figures as ``{}``."""
    found = set()
    for file in (QUALITY / "checks").glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "finding" and len(call.args) > 2:
                reason = call.args[2]
                if isinstance(reason, ast.Constant):
                    found.add(str(reason.value))
    return found


def test_every_reason_of_a_check_and_of_a_rule_is_known() -> None:
    """Red: add it, and its English, to desk/quality/reasons.py."""
    assert len(sentences()) >= 5 and sorted(sentences() - set(OF_CHECKS)) == []
    rules = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in (QUALITY / "rules").glob("*.yaml")]

    def reasons(held: object) -> set[str]:
        if isinstance(held, dict):
            own = {held["reason"]} if isinstance(held.get("reason"), str) else set()
            return own.union(*map(reasons, held.values()))
        return set().union(*map(reasons, held)) if isinstance(held, list) else set()

    assert sorted(reasons(rules) - set(OF_RULES)) == [] and sorted(set(OF_RULES) - reasons(rules)) == []
    assert set(TOPICS) == set(dispatch.TOPICS.values())
    assert [text for text in (*OF_CHECKS, *OF_RULES, *TOPICS) if text not in messages("en")] == []


@pytest.mark.parametrize(
    ("reason", "english"),
    [
        ("没有问清地址", "The address was not made clear"),
        ("冷场 14 秒", "Silence of 14 s"),
        ("双方同时说话占 31%", "Both speak at once for 31% of the talk"),
        ("语速每分钟 330 字，偏快", "Pace of 330 characters a minute: fast"),
        (
            "紧急来电没有问清关键情况：伤情、是什么在烧、在漏、暗号",
            "Emergency: not asked about injuries, what is burning or leaking, 暗号",
        ),
        ("本市自己的一条规则", "本市自己的一条规则"),
    ],
)
def test_a_reason_in_english(reason: str, english: str) -> None:
    assert told(reason, Views(CITY, "en")) == english
    assert told(reason, Views(CITY, "zh")) == reason
