"""Replies to letters by email: the message, and the server that takes it (SMTP).

The queue, its retries and dead letters are those of :mod:`ticketing.doors.deliver`: the mail server is one more
receiver there, whose address is :data:`MAILTO`.
"""

import asyncio
import json
import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.database import StoredEvent, Work
from core.errors import HeyiError
from core.settings import Settings
from ticketing.doors.outward import Answer
from ticketing.doors.tables import Delivery, DoorItem, Hook
from ticketing.doors.topics import PING
from ticketing.tables import Ticket

#: Id and address of the receiver that the mail server is.
MAIL, MAILTO = "mail", "mailto:"
TOPIC = "letter.mail"
Tls = Literal["starttls", "tls", "none"]
#: Seconds for one word of the server's before the message is handed over, and for the word that it is taken: RFC 5321,
#: 4.5.3.2.6. A server that looks for viruses first may need long, and whoever hangs up earlier sends twice.
_WORD_S, _TAKEN_S = 8.0, 600.0
#: Seconds for the whole, more than all words one after the other.
LONGEST_S = 700.0
# One address in plain ASCII, with no character that means something in a header or to SMTP.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")


class BadMail(HeyiError):
    """No email can be made of this."""


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """How email leaves. ``secret_file`` is read for each message, so that a new password needs no restart."""

    host: str
    sender: str
    port: int = 587
    user: str = ""
    secret_file: Path | None = None
    tls: Tls = "starttls"

    def __post_init__(self) -> None:
        if not deliverable(self.sender):
            raise BadMail("HEYI_MAIL_FROM 不是邮箱地址", hint=self.sender)
        if self.user and self.tls == "none" and not _loopback(self.host):
            raise BadMail("HEYI_MAIL_TLS=none 时不发送口令", hint=self.host)


def deliverable(address: str) -> bool:
    """Whether this is one address that an email can go to."""
    return len(address) <= 254 and _ADDRESS.fullmatch(address) is not None


def compose(sender: str, to: str, subject: str, text: str, message_id: str, now: datetime) -> EmailMessage:
    """A plain text message; :class:`BadMail` where an address or a header could be read as something else. Pure."""
    for address in (sender, to):
        if not deliverable(address):
            raise BadMail("邮箱地址不正确", hint=address[:80])
    if not subject.isprintable() or not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", message_id):
        raise BadMail("邮件标题不正确", hint=repr(subject)[:80])
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = sender, to, subject[:200]
    made["Date"] = format_datetime(now)
    # The same however often it is sent: a mailbox that got it twice shows it once.
    made["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    made["Content-Language"] = "zh-CN"
    made.set_content(text, charset="utf-8", cte="base64")
    return made


class Mailer:
    """Sends what the queue holds; ``context`` is for tests, whose server signs its own certificate."""

    def __init__(
        self, server: MailServer | None, *, context: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self._server, self._context, self._now = server, context, now

    async def send(self, body: bytes) -> Answer:
        """Hand one message to the server; never raises for what the server does."""
        if self._server is None:
            return Answer(None, "没有配置邮件服务器")
        talk = _Talk(self._server, self._context)
        try:
            async with asyncio.timeout(LONGEST_S):
                return await asyncio.to_thread(self._send, talk, json.loads(body))
        except asyncio.CancelledError:
            # No thread is waited for when the process ends.
            talk.hang_up()
            raise
        except TimeoutError:
            talk.hang_up()
            return Answer(250, "") if talk.taken else Answer(None, "邮件服务器没有答复")
        except BadMail as error:
            return Answer(_NEVER, str(error)[:200])
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            return Answer(code, _said(code, said))
        except smtplib.SMTPResponseException as error:
            # Only what is said about the message itself is final: a wrong password is mended by a person.
            final = isinstance(error, smtplib.SMTPDataError)
            return Answer(error.smtp_code if final else None, _said(error.smtp_code, error.smtp_error))
        except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
            return Answer(None, f"{type(error).__name__}: {error}"[:200])

    def _send(self, talk: "_Talk", told: dict[str, str]) -> Answer:
        made, sender = None, talk.server.sender
        if told["topic"] != PING:
            made = compose(sender, told["to"], told["subject"], told["text"], told["id"], self._now())
        try:
            smtp = talk.open()
            if made is None:
                return Answer(smtp.noop()[0], "")
            talk.hand_over(sender, told["to"], bytes(made))
            return Answer(250, "")
        finally:
            talk.leave()


class _Talk:
    """One talk with a mail server, in a thread of its own; :meth:`hang_up` may be called from another one."""

    def __init__(self, server: MailServer, context: ssl.SSLContext | None) -> None:
        self.server = server
        self._context = context or ssl.create_default_context()
        self._smtp: smtplib.SMTP | None = None
        #: The server said that it has the message: whatever it does afterwards, it is sent.
        self.taken = False

    def open(self) -> smtplib.SMTP:
        """Connect, and sign in where there is a name."""
        server, name = self.server, self.server.sender.rpartition("@")[2]
        if server.tls == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, local_hostname=name, timeout=_WORD_S, context=self._context
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=_WORD_S)
        self._smtp = smtp
        if server.tls == "starttls":
            # Raises where it is not offered: nothing goes on without it.
            smtp.starttls(context=self._context)
        smtp.ehlo_or_helo_if_needed()
        if server.user:
            smtp.login(server.user, _secret(server))
        return smtp

    def hand_over(self, sender: str, to: str, data: bytes) -> None:
        """Returns once the server has taken the message, and raises where it has not."""
        assert self._smtp is not None  # noqa: S101
        smtp = self._smtp
        code, said = smtp.mail(sender, [f"size={len(data)}"] if smtp.has_extn("size") else [])
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, said, sender)
        code, said = smtp.rcpt(to)
        if code not in (250, 251):
            raise smtplib.SMTPRecipientsRefused({to: (code, said)})
        self._patience(_TAKEN_S)
        code, said = smtp.data(data)
        if code != 250:
            raise smtplib.SMTPDataError(code, said)
        self.taken = True

    def leave(self) -> None:
        """Say goodbye; what the server says to that changes nothing."""
        if self._smtp is None:
            return
        with suppress(smtplib.SMTPException, OSError):
            self._patience(_WORD_S)
            self._smtp.quit()
        self._smtp.close()

    def hang_up(self) -> None:
        """End the talk now: whoever waits for a word of the server's is woken."""
        if self._smtp is not None and (line := self._smtp.sock) is not None:
            with suppress(OSError):
                # Not TLS's own, which would take the connection away from under the thread that reads.
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    def _patience(self, seconds: float) -> None:
        if self._smtp is not None and self._smtp.sock is not None:
            self._smtp.sock.settimeout(seconds)


#: As a server says of an address that it does not know.
_NEVER = 553


def _said(code: int, said: bytes | str) -> str:
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return "".join(c for c in f"{code} {words}" if c.isprintable())[:200]


def _secret(server: MailServer) -> str:
    if server.secret_file is None:
        return ""
    try:
        secret = server.secret_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise OSError(f"HEYI_MAIL_SECRET_FILE: {error.strerror}") from error
    if not (secret.isascii() and server.user.isascii()):
        # smtplib's own error would show it.
        raise OSError("HEYI_MAIL_USER 和口令须为 ASCII 字符")
    return secret


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def queue_reply(work: Work, item: DoorItem, ticket: Ticket, heading: str, reply: str, now: datetime) -> bool:
    """Put the reply to a letter into the queue; false where its writer gave no address that mail can go to."""
    to = str(item.said.get("email", ""))
    if not deliverable(to):
        return False
    hook = await work.session.get(Hook, MAIL)
    if hook is None:
        last = await work.session.scalar(select(func.max(StoredEvent.seq))) or 0
        hook = Hook(
            id=MAIL, name="电子邮件", url=MAILTO, topics=[], personal=True, made_at=now, made_by="heyi", seq=last,
            first_seq=last, secret_no=1,
        )  # fmt: skip
        work.session.add(hook)
        await work.session.flush()
    hook.removed_at = None
    name = reply_id(item.id)
    body = {"id": name, "topic": TOPIC, "to": to, "subject": f"{heading}（{ticket.number}）", "text": f"{reply}\n"}
    work.session.add(
        Delivery(
            hook_id=MAIL, message_id=name, topic=TOPIC, ticket_id=ticket.id, number=ticket.number, made_at=now,
            body=json.dumps(body, ensure_ascii=False).encode(), next_at=now, state="waiting", attempts=0,
        )
    )  # fmt: skip
    return True


def reply_id(item_id: str) -> str:
    """The name of the email that answers this letter."""
    return f"{item_id}.reply"


async def reply_of(session: AsyncSession, item_id: str) -> Delivery | None:
    """Where the email that answers this letter stands; None where none was made, or long ago."""
    query = select(Delivery).where(Delivery.hook_id == MAIL, Delivery.message_id == reply_id(item_id))
    return (await session.scalars(query)).one_or_none()


def server_of(settings: Settings) -> MailServer | None:
    """The mail server that the settings name; None where they name none."""
    if not settings.mail_host:
        return None
    return MailServer(
        host=settings.mail_host, port=settings.mail_port, user=settings.mail_user, sender=settings.mail_from,
        secret_file=settings.mail_secret_file, tls=settings.mail_tls,
    )  # fmt: skip
