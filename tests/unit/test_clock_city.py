"""A city's calendar and time limits as files: what is refused, and what jinjiang's own say."""

import shutil
from pathlib import Path

import pytest

from core.cityfile import load_city
from core.errors import CityFileError
from ticketing.clocks.policy import Subject, policy_of

JINJIANG = Path(__file__).parents[2] / "cities" / "jinjiang"
CITY = load_city(JINJIANG)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(JINJIANG, tmp_path / "city"))


@pytest.mark.parametrize(
    ("kind", "code", "flow", "amount", "unit"),
    [
        ("answer", "", "six", 0.25, "minutes"),  # 15 s, GB/T 33358-2016
        ("dispatch", "E301", "emergency", 3, "minutes"),
        ("dispatch", "E502", "emergency", 1, "minutes"),
        ("arrive", "E502", "emergency", 5, "minutes"),
        ("handle", "E101", "emergency", 2, "hours"),  # life and property, by the category
        ("handle", "S0104", "six", 24, "hours"),
        ("handle", "S0202", "six", 7, "workdays"),
        ("handle", "S0108", "six", 15, "workdays"),
        ("handle", "X05", "six", 24, "hours"),
    ],
)
def test_the_figures_of_jinjiang(kind, code, flow, amount, unit):
    policy = policy_of(CITY, kind, Subject(code, flow, "", flow == "emergency"))
    assert policy is not None
    assert (policy.amount, policy.unit) == (amount, unit)


def test_every_category_of_jinjiang_has_a_time_to_handle_it():
    for group in CITY.taxonomy:
        for category in group.categories:
            subject = Subject(category.code, "emergency" if group.emergency else "six", "", group.emergency)
            policy = policy_of(CITY, "handle", subject)
            assert policy is not None
            if policy.unit == "hours":
                assert policy.amount == category.due_hours
            else:
                assert policy.amount * 24 == category.due_hours, "a day became a working day"


def test_a_city_may_have_neither_file(folder: Path):
    (folder / "clocks.yaml").unlink()
    (folder / "calendar.yaml").unlink()
    city = load_city(folder)
    assert city.clocks.policies == ()
    assert len(city.calendar.office_hours) == 1


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("clocks", "{kind: accept, flow: emergency,", "{kind: accept, flow: emergencies,", 'did you mean "emergency"'),
        ("clocks", "codes: [E5]", "codes: [E9]", 'code "E9" does not exist'),
        ("clocks", "pauses: [disaster]", "pauses: [disastre]", 'did you mean "disaster"'),
        ("clocks", "codes: [S0102, S0108", "codes: [S0104, S0108", "handle for S0104 has a policy on line"),
        ("clocks", "amount: 7\n", "amount: 7.5\n", "7.5 working days, expected a whole number"),
        ("clocks", "yellow: 0.7", "yellow: 0.4", "expected blue less than yellow"),
        ("clocks", "kind: callback", "kind: recall", "expected"),
        ("clocks", "warn: 0.66", "warn: 1.2", "warn"),
        ("clocks", "  - {key: court,", "  - {key: caller,", "stands twice"),
        ("calendar", "closes: 12:00", "closes: 15:00", "overlap"),
        ("calendar", "closes: 17:30", "closes: 13:30", "expected a time before"),
        ("calendar", "closed: []", "closed: [{day: 2026-13-01, name: 停工}]", "day"),
        ("calendar", "closed: []", "closed: [{day: 2026-07-10, until: 2026-07-01, name: 停工}]", "at most a year"),
        ("calendar", "closed: []", "closd: []", 'did you mean "closed"'),
    ],
)
def test_what_is_wrong_is_told_with_its_file_and_line(folder: Path, name: str, old: str, new: str, message: str):
    file = folder / f"{name}.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CityFileError) as error:
        load_city(folder)
    assert message in str(error.value)
    assert f"{name}.yaml:" in str(error.value)
