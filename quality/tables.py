"""Tables of the automatic checks: a row for each checked call, one for each finding."""

from datetime import datetime

from sqlalchemy import JSON, Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class CallChecks(Base):
    """What the checks last said of one call's transcript of record."""

    __tablename__ = "call_checks"

    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    #: Version of the rules; ``learned`` is empty where they judged alone.
    rules: Mapped[int]
    learned: Mapped[str] = mapped_column(String(20), default="")
    #: Check → ``pass``, ``fail`` or ``na``.
    answers: Mapped[dict[str, str]] = mapped_column(JSON)
    #: Names of the violations, each once.
    violations: Mapped[list[str]] = mapped_column(JSON)


class CallFinding(Base):
    """One finding: see :class:`quality.checks.findings.Finding`."""

    __tablename__ = "call_findings"
    __table_args__ = (Index("ix_call_findings_label_call_id", "label", "call_id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("call_checks.call_id"), index=True)
    check: Mapped[str] = mapped_column(String(20))
    #: Name of the violation; empty where it is none.
    label: Mapped[str] = mapped_column(String(20))
    severity: Mapped[str] = mapped_column(String(8))
    rule: Mapped[str] = mapped_column(String(60))
    reason: Mapped[str] = mapped_column(Text)
    #: The utterance and the span of its text; empty where what is missing was said nowhere.
    utterance_id: Mapped[str] = mapped_column(String(32))
    start: Mapped[int]
    end: Mapped[int]
    words: Mapped[str] = mapped_column(Text)
    #: Second of the recording.
    second: Mapped[float | None] = mapped_column(Float)
