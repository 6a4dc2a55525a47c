"""Tests that run on SQLite and on PostgreSQL: ``@pytest.fixture(params=KINDS)`` and :func:`address`."""

from pathlib import Path

import pytest

from tests.postgres import Postgres, postgres_programs

KINDS = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.skipif(not postgres_programs(), reason="no PostgreSQL")),
]


def address(request: pytest.FixtureRequest, folder: Path) -> str:
    """SQLAlchemy's address of an empty database of the kind that ``request.param`` names; the module's ``postgres``."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{folder / 'heyi.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()
