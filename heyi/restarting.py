"""``heyi serve`` begun anew by itself, with the same arguments and in the same process.

The process stays the same for whoever began it (a service manager, a terminal, the demonstration): it is another
program in it. Asterisk is no child of it and goes on.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Sequence

import structlog

from core.errors import HeyiError

log = structlog.get_logger(__name__)

#: Proves that a start would open, and opens nothing.
CHECK = "--check"
#: Of 19: the proof works for seconds beside calls.
_NICE = "10"
#: A model may have to be trained for it.
_PROOF_S = 1800.0
#: After this what does not end in good order is broken off: a restart that hangs would leave all screens dark.
_END_S = 60.0
#: Characters of what a proof says.
_MOST = 2000


def command(given: Sequence[str] | None = None) -> list[str]:
    """The command that this process was begun with (``given``: :data:`sys.orig_argv`), by the interpreter's path."""
    return [sys.executable, *(sys.orig_argv if given is None else given)[1:]]


class Again:
    """Satisfies :class:`desk.config.ports.Restart` for the process of ``heyi serve``."""

    def __init__(self, argv: Sequence[str] | None = None) -> None:
        self._command = command() if argv is None else list(argv)
        #: Set when the process shall end, for whatever reason.
        self.stop = asyncio.Event()
        #: Whether it shall begin anew.
        self.wanted = False

    async def prove(self) -> None:
        """The same command in a process of its own, which reads all that the start reads: also a newer program."""
        process = await asyncio.create_subprocess_exec(
            "nice", "-n", _NICE, *self._command, CHECK, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            _, said = await asyncio.wait_for(process.communicate(), _PROOF_S)
        except TimeoutError:
            raise HeyiError("the next start could not be checked in time") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise HeyiError(_reason(said.decode(errors="replace")))

    def end(self) -> None:
        """End for good: who stops the service meanwhile is obeyed."""
        self.wanted = False
        self.stop.set()

    def begin(self) -> None:
        """See :class:`desk.config.ports.Restart`."""
        self.wanted = True
        late = threading.Timer(_END_S, self._late)
        late.daemon = True
        late.start()
        self.stop.set()

    def run(self) -> None:
        """This process becomes the new one; does not return."""
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(self._command[0], self._command)  # noqa: S606  our own command

    def _late(self) -> None:
        if not self.wanted:
            return
        log.error("heyi did not end in good order within its time and is restarted nevertheless", seconds=_END_S)
        self.run()


def _reason(said: str) -> str:
    """What a command says at its end: from its own line of error on, else the last line."""
    lines = [line for line in said.strip().splitlines() if line.strip()]
    own = [at for at, line in enumerate(lines) if line.startswith("heyi:")]
    kept = lines[own[-1] :] if own else lines[-1:]
    return "\n".join(kept).removeprefix("heyi:").strip()[:_MOST] or "the next start does not open"
