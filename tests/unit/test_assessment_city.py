"""``assessment.yaml``: jinjiang's own, a city without one, and what is refused with its line."""

import shutil
from pathlib import Path

import pytest

from core.city_assessment import CityAssessment
from core.cityfile import load_city
from core.errors import CityFileError

JINJIANG = Path(__file__).parents[2] / "cities" / "jinjiang"
WEIGHTS = """departments:
  - {measure: accept, weight: 40, full: 100, zero: 60}
  - {measure: handle, weight: 50, full: 100, zero: 60}
  - {measure: urged, weight: 10, full: 0, zero: 20}
"""
GRADES = "grades:\n  - {name: 好, name_en: Good, at_least: 80}\n  - {name: 差, name_en: Bad, at_least: 0}\n"
TIERS = """tiers:
  - {key: all, name: 单位, name_en: All, kinds: [bureau, utility, emergency, centre]}
  - {key: town, name: 镇街, name_en: Towns, kinds: [town]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(JINJIANG, tmp_path / "city"))


def test_jinjiang_says_who_is_ranked_with_whom() -> None:
    assessment = load_city(JINJIANG).assessment
    assert sum(weight.weight for weight in assessment.departments) == 100
    assert [tier.key for tier in assessment.tiers] == ["bureau", "town", "utility", "emergency", "centre"]
    assert assessment.issuer and assessment.document


def test_a_city_without_the_file_has_the_usual_rules(folder: Path) -> None:
    (folder / "assessment.yaml").unlink()
    assert load_city(folder).assessment == CityAssessment()


def test_a_city_may_set_everything(folder: Path) -> None:
    (folder / "assessment.yaml").write_text(f"minimum: 5\n{WEIGHTS}{GRADES}{TIERS}", encoding="utf-8")
    assessment = load_city(folder).assessment
    assert (assessment.minimum, len(assessment.departments), len(assessment.grades)) == (5, 3, 2)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (WEIGHTS.replace("weight: 50", "weight: 40"), "assessment.yaml:2: the weights of departments sum to 90"),
        (WEIGHTS.replace("accept", "accepted"), "assessment.yaml:2: measure is"),
        (WEIGHTS.replace("accept", "handle"), 'assessment.yaml:3: measure "handle" stands on line 2 too'),
        (WEIGHTS.replace("accept", "misdirected"), 'assessment.yaml:2: "misdirected" says nothing of departments'),
        (WEIGHTS.replace("full: 0, zero: 20", "full: 20, zero: 0"), "assessment.yaml:4: full is 20, zero 0"),
        (WEIGHTS.replace("full: 100, zero: 60}\n  - {measure: h", "full: 60, zero: 60}\n  - {measure: h"), "y.yaml:2:"),
        ("minimum: 0\n", "assessment.yaml:1: minimum is"),
        ("leave_out: [X01, Z99]\n", 'assessment.yaml:1: unknown code "Z99"'),
        (TIERS.replace("bureau, ", ""), "departments of kind bureau are in no tier"),
        (TIERS.replace("[town]", "[town, utility]"), '"kind utility" stands on line 2 too'),
        (GRADES.replace("80", "0"), "assessment.yaml:3: at_least is 0 after 0"),
        (GRADES.replace("at_least: 0", "at_least: 10"), "assessment.yaml:3: at_least is 10, expected 0"),
        ("weight: 3\n", "unknown key"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(folder: Path, text: str, fault: str) -> None:
    (folder / "assessment.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CityFileError) as told:
        load_city(folder)
    assert fault.replace("y.yaml", "assessment.yaml") in str(told.value)
