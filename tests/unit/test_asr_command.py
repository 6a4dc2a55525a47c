"""``heyi asr``: what cannot be done is said before a model is loaded."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import HeyiError
from heyi.asr_command import app


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("eval", "none.tsv"), "there is no manifest none.tsv"),
        (("transcribe", "a.wav", "--srt", "--json"), "exclude each other"),
        (("transcribe", "a.wav", "b.wav", "--srt"), "need a file each"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEYI_CITY", str(Path(__file__).parents[2] / "cities" / "jinjiang"))
    run = CliRunner().invoke(app, args)
    assert isinstance(run.exception, HeyiError)
    assert says in str(run.exception) and "\n" not in str(run.exception)
    assert list(tmp_path.iterdir()) == []
