"""A mail server on 127.0.0.1 that speaks SMTP as tests need it: EHLO, STARTTLS, AUTH PLAIN and LOGIN, one mailbox."""

import asyncio
import base64
import email
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A certificate for 127.0.0.1: the server's context, and that of a client that trusts it."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
         "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out",
         str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    return server, ssl.create_default_context(cafile=str(cert))


@dataclass
class Mailbox:
    """What arrived, and how the server is to behave."""

    tls: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None
    #: Answers to RCPT and to the end of DATA, the last repeats.
    rcpt: list[str] = field(default_factory=lambda: ["250 ok"])
    data: list[str] = field(default_factory=lambda: ["250 queued"])
    #: Seconds before the end of DATA is answered, and the answer to QUIT; empty: the line is dropped instead.
    late_s: float = 0
    bye: str = "221 bye"
    #: Set when a message came, before it is answered.
    came: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    #: Sender, recipients, whether it came over TLS and signed in, and the bytes.
    got: list[tuple[str, list[str], bool, bool, bytes]] = field(default_factory=list)
    #: Every line a client said outside of DATA, with the state of TLS.
    lines: list[tuple[str, bool]] = field(default_factory=list)

    def messages(self) -> list[EmailMessage]:
        return [email.message_from_bytes(row[4], policy=default) for row in self.got]  # type: ignore[misc]

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Mailbox"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secure = signed = False
        sender, to = "", list[str]()

        async def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")
            await writer.drain()

        await say("220 test ESMTP")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.lines.append((line, secure))
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                offers = ["test", "8BITMIME"]
                offers += ["STARTTLS"] if self.tls and not secure else []
                offers += ["AUTH PLAIN"] if self.login and secure else []
                await say("\r\n".join(f"250{'-' if n + 1 < len(offers) else ' '}{o}" for n, o in enumerate(offers)))
            elif verb == "STARTTLS" and self.tls:
                await say("220 go on")
                await writer.start_tls(self.tls)
                secure = True
            elif verb == "AUTH":
                _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                signed = (user, password) == self.login
                await say("235 welcome" if signed else "535 no")
            elif verb == "MAIL":
                sender = line
                await say("250 ok" if signed or not self.login else "530 sign in first")
            elif verb == "RCPT":
                answer = self.rcpt.pop(0) if len(self.rcpt) > 1 else self.rcpt[0]
                to += [line] if answer.startswith("250") else []
                await say(answer)
            elif verb == "DATA":
                await say("354 go on")
                body = b""
                while (part := await reader.readline()) != b".\r\n":
                    body += part.removeprefix(b".")
                answer = self.data.pop(0) if len(self.data) > 1 else self.data[0]
                if answer.startswith("250"):
                    self.got.append((sender, to, secure, signed, body))
                    self.came.set()
                await asyncio.sleep(self.late_s)
                await say(answer)
            elif verb == "QUIT":
                return await say(self.bye) if self.bye else None
            else:
                sender, to = ("", []) if verb == "RSET" else (sender, to)
                await say("250 ok")
