"""Reading on from a place: after a rotation, after a file was emptied, deleted, or its inode was used again."""

from pathlib import Path

import pytest

from telephony.eventfiles import Place, place_of, read_on
from tests.unit.event_file_support import write_events
from tests.unit.telephony_support import Script


@pytest.fixture
def script() -> Script:
    script = Script()
    for n in range(4):
        script.arrive(100.0 * n)
    return script


def noted(file: Path) -> Place:
    place = place_of(file)
    assert place is not None
    return place


def test_without_a_place_the_file_is_read_and_nothing_that_was_rotated_away(tmp_path: Path, script: Script) -> None:
    file = tmp_path / "Master.csv"
    assert list(read_on(file, None)) == []
    write_events(tmp_path / "Master.csv.1", script.events[:4])
    write_events(file, script.events[4:])
    assert list(read_on(file, None)) == script.events[4:]


def test_it_goes_on_after_the_place_and_leaves_an_unfinished_line(tmp_path: Path, script: Script) -> None:
    file = tmp_path / "Master.csv"
    write_events(file, script.events[:4])
    place = noted(file)
    write_events(file, script.events[4:], append=True)
    with file.open("a") as out:
        out.write('"CHAN_START","1795')
    assert list(read_on(file, place)) == script.events[4:]


def test_a_file_that_was_rotated_away_is_read_on_and_then_its_successors(tmp_path: Path, script: Script) -> None:
    file = tmp_path / "Master.csv"
    write_events(tmp_path / "Master.csv.2", script.events[:2])
    write_events(file, script.events[2:5])
    place = noted(file)
    write_events(file, script.events[5:9], append=True)
    file.rename(tmp_path / "Master.csv.1")
    assert list(read_on(file, place)) == script.events[5:9]  # Asterisk has not written since
    write_events(file, script.events[9:])
    assert list(read_on(file, place)) == script.events[5:]


def test_an_emptied_file_and_one_that_got_the_old_inode_are_read_from_the_start(tmp_path: Path, script: Script) -> None:
    file = tmp_path / "Master.csv"
    write_events(file, script.events[:6])
    place = noted(file)
    write_events(file, script.events[6:9])
    assert list(read_on(file, place)) == script.events[6:9]
    cuts_a_line = Place(noted(file).inode, noted(file).offset - 10)
    assert list(read_on(file, cuts_a_line)) == script.events[6:9]
    assert list(read_on(file, Place(place.inode + 1, 1))) == script.events[6:9]
