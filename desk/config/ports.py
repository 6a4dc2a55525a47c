"""What the administrator's pages ask of who knows Asterisk and the start; all of it blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.city import City


@dataclass(frozen=True)
class Applied:
    """What an apply did: files that are new, and those of them that Asterisk reads only when it starts."""

    changed: tuple[str, ...]
    at_restart: tuple[str, ...] = ()
    #: Whether an Asterisk ran and read them.
    running: bool = True


class ExchangeConfig(Protocol):
    """Asterisk's configuration as the city asks for it."""

    def fit(self, city: City) -> None:
        """Raises :class:`core.errors.HeyiError` for a city with which heyi or Asterisk would not start."""
        ...

    def differences(self, city: City) -> Mapping[str, tuple[str, str]]:
        """File → text in place and text that the city asks for, where they differ; passwords are blanked."""
        ...

    def problems(self, city: City) -> Sequence[str]:
        """What a scratch Asterisk says of it, line by line."""
        ...

    def apply(self, city: City) -> Applied:
        """Put it in place; a running Asterisk reads it and drops no call. Raises :class:`core.errors.HeyiError`."""
        ...

    def unspoken(self, city: City) -> Sequence[str]:
        """Names of the sounds that say something else than the city now asks for, or are not there."""
        ...


class Restart(Protocol):
    """This process, ended in good order and begun anew with the same arguments."""

    async def prove(self) -> None:
        """Raises :class:`core.errors.HeyiError` with the reason where the start that would come does not open; takes
        seconds."""
        ...

    def begin(self) -> None:
        """End and begin anew; returns at once."""
        ...
