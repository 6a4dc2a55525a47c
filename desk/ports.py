"""What the screens ask of the rooms that ``heyi`` joins to them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from telephony.events import Leg
from telephony.switchboard import AgentView, CallView, ChosenState
from triage.verdict import Verdict


class Switchboard(Protocol):
    """Live calls and desks, and what a person may do to them."""

    def agents(self) -> Sequence[AgentView]: ...

    def calls(self) -> Sequence[CallView]: ...

    async def set_agent_state(self, extension: str, state: ChosenState, reason: str = "") -> None: ...

    async def end_wrapup(self, extension: str) -> None:
        """Back to the state that was chosen last."""
        ...

    async def rejoin(self, extension: str) -> bool:
        """Ring this desk again for the call it holds; True once it has joined, False where it holds none."""
        ...

    async def hangup(self, call_id: str) -> None: ...


class CallRow(Protocol):
    """One call of the ledger."""

    @property
    def id(self) -> str: ...
    @property
    def line(self) -> str: ...
    @property
    def caller(self) -> str: ...
    @property
    def arrived_at(self) -> datetime: ...
    @property
    def answered_at(self) -> datetime | None: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def agent(self) -> str | None:
        """Extension of the call taker who answered; empty or None where nobody did."""
        ...

    @property
    def outcome(self) -> str | None: ...
    @property
    def recording(self) -> str | None:
        """File name in the recordings folder."""
        ...


class Ledger(Protocol):
    async def call(self, call_id: str) -> CallRow | None: ...

    async def history(self, caller_number: str, /) -> Sequence[CallRow]:
        """Calls of this number, latest first."""
        ...


class UtteranceRow(Protocol):
    """One finished utterance; times in seconds from the start of its leg's audio."""

    @property
    def utterance_id(self) -> str: ...
    @property
    def leg(self) -> Leg: ...
    @property
    def text(self) -> str: ...
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...


class Transcripts(Protocol):
    async def of_call(self, call_id: str) -> Sequence[UtteranceRow]:
        """The call's transcript in the order of speaking: of record where there is one, else the live one."""
        ...


class Verdicts(Protocol):
    async def latest(self, call_id: str) -> Verdict | None: ...
