"""What a person may get wrong gives one clear line and a non-zero exit, never a traceback."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from core.city import City
from core.settings import Settings
from tests.asterisk.conftest import Site
from tests.asterisk.serving import environment

pytestmark = pytest.mark.asterisk


@pytest.fixture
def city(jinjiang: City) -> City:
    return jinjiang


def heyi(settings: Settings, *args: str, **more: str) -> str:
    """Runs a command that must fail; its one line."""
    done = subprocess.run(
        [sys.executable, "-m", "heyi", *args],
        env={**environment(settings), **more},
        capture_output=True,
        text=True,
        timeout=300,  # against hanging for ever; beside other work a start takes a minute
        check=False,
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("heyi:")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_broken_city_file_is_named_with_its_line(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "city"
    shutil.copytree("cities/jinjiang", folder)
    lines = folder / "lines.yaml"
    text = lines.read_text()
    lines.write_text(text.replace("kind: emergency", "kind: urgent", 1))
    number = text[: text.index("kind: emergency")].count("\n") + 1
    said = heyi(settings, "serve", HEYI_CITY=str(folder))
    assert f"lines.yaml:{number}:" in said
    assert "emergency" in said and "service" in said


def test_a_busy_port_is_named_with_the_setting_that_moves_ours(settings: Settings) -> None:
    with socket.socket() as other:
        other.bind((settings.host, settings.ami_port))
        other.listen()
        said = heyi(settings, "asterisk", "start")
    assert str(settings.ami_port) in said and "HEYI_AMI_PORT" in said


def test_an_absent_model_is_named_with_the_command_that_fetches_it(settings: Settings, tmp_path: Path) -> None:
    said = heyi(settings, "serve", HEYI_CACHE=str(tmp_path / "empty"))
    assert "whisper-base" in said and "models fetch" in said


def test_an_absent_asterisk_is_named(settings: Settings, tmp_path: Path) -> None:
    said = heyi(settings, "asterisk", "start", HEYI_ASTERISK_PREFIX=str(tmp_path))
    assert "HEYI_ASTERISK_PREFIX" in said


@pytest.mark.models
async def test_a_wrong_manager_password_is_said(site: Site) -> None:
    said = heyi(site.settings, "serve", HEYI_AMI_SECRET="wrong")
    assert "refused the manager login" in said and "HEYI_AMI_SECRET" in said


@pytest.mark.models
def test_no_asterisk_running_is_said(settings: Settings) -> None:
    said = heyi(settings, "serve")
    assert str(settings.ami_port) in said and "asterisk start" in said


def test_a_full_disk_is_said_before_anything_starts(settings: Settings) -> None:
    said = heyi(settings, "serve", HEYI_MIN_FREE_MB="1000000000")
    assert "MB are free" in said and "HEYI_DATA" in said


def test_a_setting_that_is_no_number_is_named(settings: Settings) -> None:
    assert "HEYI_DESK_PORT" in heyi(settings, "serve", HEYI_DESK_PORT="eight")


def test_a_folder_that_cannot_be_written_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "HEYI_DATA" in heyi(settings, "serve", HEYI_DATA=str(tmp_path / "file" / "data"))


def test_a_calls_file_with_a_wrong_line_is_named(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(
        '{"id": "1", "line": "119", "caller_number": "13800138000", "turns": [{"who": "X", "text": "喂"}]}\n'
    )
    said = heyi(settings, "demo", "--once", "--calls", str(file))
    assert "calls.jsonl:1:" in said and "who" in said
