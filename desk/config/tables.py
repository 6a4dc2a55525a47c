"""Versions of the city's files. Rows are only ever added."""

from datetime import datetime

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class ConfigVersion(Base):
    """One file as somebody saved it, whole. Number 0 is what the city came with when it was first changed."""

    __tablename__ = "config_versions"
    __table_args__ = (UniqueConstraint("city", "file", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    #: Name of the city's folder: a site may be started with another.
    city: Mapped[str] = mapped_column(String(80))
    file: Mapped[str] = mapped_column(String(80))
    number: Mapped[int]
    content: Mapped[str] = mapped_column(Text)
    #: SHA-256 of the content, and of the version that it came of (empty on the first).
    hash: Mapped[str] = mapped_column(String(64))
    parent: Mapped[str] = mapped_column(String(64))
    #: Login; empty on number 0.
    who: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime]
    why: Mapped[str] = mapped_column(String(200))
    #: The version that was taken back, where this is an undo.
    restores: Mapped[int | None]
