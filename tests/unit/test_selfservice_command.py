"""``heyi announcements`` and ``heyi cars``: dry run, faults with their lines, the same file twice."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import HeyiError
from heyi.cli import app


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("HEYI_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HEYI_CITY", "cities/jinjiang")
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner()


def test_announcements(run: CliRunner, tmp_path: Path) -> None:
    file, soon = tmp_path / "cuts.csv", f"{datetime.now() + timedelta(days=1):%Y-%m-%d}"  # noqa: DTZ005
    rows = [f"停水,池店镇、青阳街道,{soon} 08:00,{soon} 18:00,管网检修停水,供水公司"]
    file.write_text("\n".join(["种类,范围,开始时间,结束时间,播报内容,来源", *rows]), "gb18030")
    for flags, told in (
        (["--dry-run"], "1 announcements would be entered"), ([], "1 announcements entered"), ([], "1 there already")
    ):  # fmt: skip
        done = run.invoke(app, ["announcements", "import", str(file), *flags], catch_exceptions=False)
        assert done.exit_code == 0 and told in done.output
    assert "管网检修停水" in run.invoke(app, ["announcements", "list"], catch_exceptions=False).output
    file.write_text("\n".join([file.read_text("gb18030"), f"停水,北京,{soon} 08:00,{soon} 18:00,停水,供水公司"]))
    wrong = run.invoke(app, ["announcements", "import", str(file)])
    assert isinstance(wrong.exception, HeyiError) and "line 3" in wrong.output


def test_cars(run: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "cars.csv"
    file.write_text("车牌号,手机号\n闽C12345,13800000001\n闽C1,13800000002\n")
    wrong = run.invoke(app, ["cars", "import", str(file), "--dry-run"])
    assert isinstance(wrong.exception, HeyiError) and "1 cars would be entered" in wrong.output
    assert "line 3" in wrong.output and "1380000" not in wrong.output
    file.write_text("车牌号,手机号\n闽C12345,13800000001\n")
    for told in ("1 cars entered", "1 there already"):
        assert told in run.invoke(app, ["cars", "import", str(file)], catch_exceptions=False).output
