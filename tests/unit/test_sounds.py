"""What a running house has spoken before it is asked for: how tickets stand, and whatever a source tells."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from core.city_ivr import LONGEST, filled
from core.cityfile import load_city
from core.settings import Settings
from heyi.sounds import AnyTicket, Sounds, matters, progresses
from ivr.inventory import expected
from ivr.wording import clauses, pieces
from ticketing.selfservice.progress import matter_of, progress_of

JINJIANG = Path(__file__).resolve().parents[2] / "cities" / "jinjiang"
CITY = load_city(JINJIANG)
NOW = datetime(2026, 12, 24, 4, 0, tzinfo=UTC)
SPOKEN = {
    *expected(CITY, "progress", progresses(CITY, NOW), by_clause=True),
    *expected(CITY, "matter", matters(CITY)),
}
FOUND = next(flow for flow in CITY.ivr if flow.key == "progress").prompts["found"].zh
CODES = [category.code for group in CITY.taxonomy for category in group.categories]
DEPARTMENTS = [department.id for department in CITY.departments]


@given(
    st.sampled_from(["filed", "dispatched", "handling", "reported", "callback", "closed"]),
    st.sampled_from(CODES),
    st.sampled_from(DEPARTMENTS),
    st.integers(-14, 14),
    st.booleans(),
)
def test_how_any_ticket_stands_is_spoken_before_it_is_asked(state, code, department, days, own) -> None:  # type: ignore[no-untyped-def]
    """A due time still to come today is told by its hour: that clause alone is spoken when it is asked for."""
    due = NOW + timedelta(days=days)
    ended = NOW - timedelta(days=abs(days))
    ticket = AnyTicket(state, code, department, due, ended if state == "closed" else None)
    values = {"matter": matter_of(ticket, CITY, own=own), "progress": progress_of(ticket, CITY, NOW, own=own)}
    for piece in pieces(FOUND, filled(FOUND, values), "zh"):
        assert piece.text in SPOKEN or {one.text for one in clauses(piece, "zh")} <= SPOKEN, piece.text


def test_matters_keep_to_what_a_prompt_may_read_out() -> None:
    assert len(matters(CITY)) > 20 and all(0 < len(one) <= LONGEST["matter"] for one in matters(CITY))
    assert len(SPOKEN) < 1000


async def test_sources_are_asked_and_one_that_fails_takes_nothing_from_the_others(tmp_path: Path) -> None:
    sounds = Sounds(Settings(city=JINJIANG, data=tmp_path / "var", cache=tmp_path / "cache"), CITY, quiet=lambda: False)
    told: list[tuple[str, list[str]]] = []
    asked = asyncio.Event()

    async def broken() -> Sequence[str]:
        raise RuntimeError("no database")

    async def cuts() -> Sequence[str]:
        return ["今天停水"]

    async def answers() -> Sequence[str]:
        asked.set()
        return []

    sounds.shelf.expect = lambda name, values, **_: told.append((name, list(values)))  # type: ignore[method-assign]
    sounds.follow("hours", broken)
    sounds.follow("announcement", cuts)
    sounds.follow("answer", answers)
    sounds.start()
    async with asyncio.timeout(60):
        await asked.wait()
        while ("answer", []) not in told:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await sounds.close()
    assert told == [("announcement", ["今天停水"]), ("answer", [])]
