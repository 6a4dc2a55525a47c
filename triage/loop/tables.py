"""Tables of the learning loop. Labels and uses of models are only ever added to or completed, never deleted."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class TriageLabel(Base):
    """One filed ticket of a call: what the software last said before, and what the person left."""

    __tablename__ = "triage_labels"

    ticket_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[str] = mapped_column(String(24))
    call_id: Mapped[str] = mapped_column(String(80), index=True)
    #: When the ticket left its draft.
    at: Mapped[datetime] = mapped_column(index=True)
    line: Mapped[str] = mapped_column(String(12))
    desk: Mapped[str] = mapped_column(String(12))
    #: Login of who filed it.
    who: Mapped[str] = mapped_column(String(40))

    #: Version of the model, and of the rules, that were in use when the verdict was made.
    model: Mapped[str] = mapped_column(String(40))
    rules: Mapped[int]
    said_outcome: Mapped[str] = mapped_column(String(12))
    said_p: Mapped[float] = mapped_column(Float)
    said_code: Mapped[str] = mapped_column(String(8))
    said_nature: Mapped[str] = mapped_column(String(8))
    said_place: Mapped[str] = mapped_column(Text)

    emergency: Mapped[bool] = mapped_column(Boolean)
    code: Mapped[str] = mapped_column(String(8))
    nature: Mapped[str] = mapped_column(String(8))
    place: Mapped[str] = mapped_column(Text)
    #: Of :data:`triage.loop.labels.FIELDS`: where the person left something else; what a person saved at all.
    changed: Mapped[list[str]] = mapped_column(JSON)
    touched: Mapped[list[str]] = mapped_column(JSON)
    #: Ids of the utterances that had been heard by then, oldest first.
    utterances: Mapped[list[str]] = mapped_column(JSON)
    #: When a person last changed the filed ticket; what they left then counts.
    revised_at: Mapped[datetime | None]


class ModelUse(Base):
    """From when on which model judged. The newest row is the one in use."""

    __tablename__ = "model_uses"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    version: Mapped[str] = mapped_column(String(40))
    rules: Mapped[int]
    #: ``start``: found when heyi started; ``promoted``; ``back``: the one before was taken up again.
    how: Mapped[str] = mapped_column(String(12))
    who: Mapped[str] = mapped_column(String(40), default="")
    reason: Mapped[str] = mapped_column(Text, default="")


class ModelProposal(Base):
    """A trained model that somebody may promote, and how it did beside the one in use."""

    __tablename__ = "model_proposals"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    version: Mapped[str] = mapped_column(String(40))
    #: The model that it was compared with.
    base: Mapped[str] = mapped_column(String(40))
    rules: Mapped[int]
    #: Lines learned from in all; tickets among them; tickets that were kept aside to compare.
    lines: Mapped[int]
    labels: Mapped[int]
    aside: Mapped[int]
    #: Of :data:`triage.loop.states.State`.
    state: Mapped[str] = mapped_column(String(12), index=True)
    #: From which probability on the words alone raise a call: with ``base``, and with this one.
    threshold_before: Mapped[float] = mapped_column(Float)
    threshold: Mapped[float] = mapped_column(Float)
    #: See :meth:`triage.loop.gate.Comparison.plain`.
    figures: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    decided_at: Mapped[datetime | None]
    who: Mapped[str] = mapped_column(String(40), default="")
    reason: Mapped[str] = mapped_column(Text, default="")


class ProposalCase(Base):
    """One case that the proposed model answers otherwise than the one in use."""

    __tablename__ = "proposal_cases"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    proposal_id: Mapped[int] = mapped_column(ForeignKey("model_proposals.id"))
    #: Place among the proposal's cases: what got worse stands first.
    place: Mapped[int]
    name: Mapped[str] = mapped_column(String(60))
    #: ``fixed``, ``policy`` or ``own``, see :mod:`triage.loop.gate`.
    source: Mapped[str] = mapped_column(String(8))
    line: Mapped[str] = mapped_column(String(12))
    text: Mapped[str] = mapped_column(Text)
    #: ``better``, ``worse`` or ``other``.
    became: Mapped[str] = mapped_column(String(8))
    #: A reason for which the proposal was refused.
    refused: Mapped[bool] = mapped_column(Boolean)
    right: Mapped[dict[str, Any]] = mapped_column(JSON)
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    after: Mapped[dict[str, Any]] = mapped_column(JSON)

    __table_args__ = (Index("cases_of_proposal", "proposal_id", "place"),)
