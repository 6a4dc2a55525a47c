"""Everything of the doors, made once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.city import City
from core.clock import Clock
from core.database import Database
from ticketing.doors.hooks import Hooks
from ticketing.doors.intake import Intake, Judged
from ticketing.doors.keys import Keys
from ticketing.doors.letters import Letters
from ticketing.doors.mail import MAILTO, Mailer, MailServer
from ticketing.doors.outward import Answer, Network, Sender


class Doors:
    """``data`` is the site's data folder, ``secret`` its secret; ``private`` networks may be sent to although they are
    not public; ``scene`` asks other rooms about an emergency (:class:`ticketing.doors.hooks.Scene`); ``mail`` is how
    email leaves.
    """

    def __init__(
        self,
        database: Database,
        city: City,
        clock: Clock,
        *,
        secret: str,
        data: Path,
        judge: Judged | None = None,
        private: tuple[Network, ...] = (),
        scene: Callable[..., Any] | None = None,
        mail: MailServer | None = None,
    ) -> None:
        self.intake = Intake(database, city, clock, secret=secret, photos=data / "photos", judge=judge)
        self.letters = Letters(database, clock, mails=mail is not None)
        self.keys = Keys(database, clock, secret)
        self.hooks = Hooks(database, city, clock, secret, scene) if scene else Hooks(database, city, clock, secret)
        self.private = private
        self._mail = mail

    def sender(self) -> "Outward":
        """What messages to other systems, and email, go out by; the caller closes it."""
        return Outward(self.private, Mailer(self._mail))


class Outward(Sender):
    """One way out for the one queue: by http, or by the mail server."""

    def __init__(self, private: tuple[Network, ...], mailer: Mailer) -> None:
        super().__init__(private)
        self._mailer = mailer

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if url == MAILTO:
            return await self._mailer.send(body)
        return await super().post(url, headers, body)
