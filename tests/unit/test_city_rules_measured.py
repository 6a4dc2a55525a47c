"""What is measured judges by the city's own rules, as a running heyi does."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.cityfile import load_city
from core.cityfolder import CityFolder
from core.errors import HeyiError
from heyi import ivr_command, quality_command
from heyi.configuring import own_rules
from tests.unit.test_city_file import write
from triage.cityrules import city_rules
from triage.judge import Judge
from triage.measure import weights

OWN = Path(weights.__file__).parents[1] / "rules"
CALL = {"id": "1", "line": "110", "caller_number": "", "turns": [{"who": "A", "text": "您好，报警服务台。"}], "qa": {}}


class Seen(Exception):
    """As far as a test needs to follow."""


@pytest.fixture
def city(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    folder.mkdir()
    write(folder)
    (folder / "rules").mkdir()
    own = (OWN / "emergency.yaml").read_text("utf-8")
    version = city_rules(CityFolder(folder))[0].version
    (folder / "rules" / "emergency.yaml").write_text(own.replace(f"version: {version}", "version: 4711", 1), "utf-8")
    return folder


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The version of the rules of every judge that is made."""
    found: list[int] = []

    def judge(*given: Any, **named: Any) -> Judge:
        found.append(given[1].version)
        raise Seen

    for module in (quality_command, ivr_command, weights):
        monkeypatch.setattr(module, "Judge", judge)
    monkeypatch.setattr(ivr_command, "ensure_model", lambda *_: None)
    monkeypatch.setattr(weights, "ensure_model", lambda *_: None)
    return found


def test_by_the_folder_that_is_named(
    city: Path, versions: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text(json.dumps(CALL, ensure_ascii=False), "utf-8")
    with pytest.raises(Seen):
        quality_command.eval_command(calls, as_json=True, rules_only=True, folder=city)
    with pytest.raises(Seen):
        ivr_command.Listener(load_city(city), "110", ivr_command._files(city)).judged(["着火了"])
    monkeypatch.setattr("sys.argv", ["weights", "--city", str(city)])
    with pytest.raises(Seen):
        weights.main()
    assert versions == [4711] * 3


def test_else_by_the_sites_as_it_was_changed(
    city: Path, versions: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEYI_CITY", str(city))
    monkeypatch.setenv("HEYI_DATA", str(tmp_path / "data"))
    text = (city / "rules" / "emergency.yaml").read_text("utf-8")
    quality_command.Settings().city_folder.write("rules/emergency.yaml", text.replace("4711", "4712", 1).encode())
    with pytest.raises(Seen):
        quality_command.eval_command(tmp_path / "none.jsonl", as_json=True, rules_only=True)
    monkeypatch.setattr("sys.argv", ["weights"])
    with pytest.raises(Seen):
        weights.main()
    assert versions == [4712] * 2 and own_rules(quality_command.Settings())[0].version == 4712


def test_a_file_of_checks_that_cannot_be_read_is_told_and_not_left_out(city: Path, tmp_path: Path) -> None:
    (city / "checks.yaml").write_text("- nothing", "utf-8")
    with pytest.raises(HeyiError, match=r"checks\.yaml"):
        quality_command.eval_command(tmp_path / "none.jsonl", rules_only=True, folder=city)
