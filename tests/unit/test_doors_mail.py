"""Replies to letters by email: what is sent, to a real server, again where it fails, and never anything else."""

import asyncio
import dataclasses
import shutil
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import HeyiError
from tests.eventually import PATIENCE_S
from tests.unit.doors_support import doors
from tests.unit.smtp_server import Mailbox, certificate
from tests.unit.ticket_support import AGENT, CHIEF, Room
from ticketing.doors import hooks, items, mail
from ticketing.doors.deliver import FIRST_S, TRIES, Deliverer
from ticketing.doors.intake import Said
from ticketing.doors.letters import Letters
from ticketing.doors.mail import MAIL, BadMail, Mailer, MailServer, compose, deliverable, reply_of
from ticketing.doors.room import Doors, Outward
from ticketing.doors.tables import Delivery

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
USER, PASSWORD = "mayor", "pass word"
REPLY = "陈女士，您好：\n.水管已更换。\n感谢您的来信。"


class Scene:
    """Letters, a mail server, and the queue between them."""

    def __init__(self, room: Room, made: Doors, box: Mailbox, mailer: Mailer) -> None:
        self.room, self.doors, self.box, self.mailer = room, made, box, mailer
        self.letters = Letters(room.database, room.clock, mails=True)
        self.outward = Outward((), mailer)
        self.deliverer = Deliverer(room.database, made.hooks, self.outward, room.clock, dice=lambda: 1.0)

    async def answered(self, title: str = "停水", address: str = "chen@example.org") -> str:
        """A letter that was answered; its item's id."""
        said = Said(text="我家停水两天了", title=title, name="陈女士", email=address)
        taken = await self.doors.intake.take_in("letter", said)
        async with self.room.database.read() as session:
            entry = await items.of_ticket(session, taken.ticket_id)
        assert entry is not None
        item_id = entry.item.id
        await self.letters.write(item_id, AGENT, REPLY)
        await self.letters.submit(item_id, AGENT)
        await self.letters.approve(item_id, CHIEF)
        await self.letters.send(item_id, AGENT, public=False)
        return item_id

    async def pump(self) -> None:
        while await self.deliverer.tick():
            await self.deliverer.settle()

    async def row(self, item_id: str) -> Delivery:
        async with self.room.database.read() as session:
            found = await reply_of(session, item_id)
        assert found is not None
        return found


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    theirs, ours = certificate(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD}\n", encoding="utf-8")
    async with Mailbox(tls=theirs, login=(USER, PASSWORD)).open() as box, doors(tmp_path) as (room, made, _):
        server = MailServer(
            host="127.0.0.1", port=box.port, user=USER, secret_file=secret, sender="szxx@jinjiang.example.cn"
        )
        opened = Scene(room, made, box, Mailer(server, context=ours, now=room.clock.now))
        yield opened
        await opened.outward.close()


async def test_the_reply_arrives_word_for_word_over_tls_and_once(scene: Scene) -> None:
    item_id = await scene.answered()
    await scene.pump()
    ((sender, to, secure, signed, _),) = scene.box.got
    assert ("<szxx@jinjiang.example.cn>" in sender, to, secure, signed) == (
        True, ["rcpt TO:<chen@example.org>"], True, True,
    )  # fmt: skip
    (message,) = scene.box.messages()
    assert message["Subject"].startswith("关于“停水”的答复（JJ") and message["From"] == "szxx@jinjiang.example.cn"
    assert message["To"] == "chen@example.org" and message["Message-ID"] == f"<{item_id}.reply@jinjiang.example.cn>"
    assert message.get_content().replace("\r\n", "\n") == f"{REPLY}\n"
    assert [line for line, tls in scene.box.lines if line.startswith(("AUTH", "MAIL")) and not tls] == []
    assert ((await scene.row(item_id)).state, (await scene.row(item_id)).status) == ("done", 250)
    await scene.pump()
    assert len(scene.box.got) == 1
    history = await scene.room.history((await scene.row(item_id)).ticket_id)
    assert history[-1].note == "答复来信人，并发电子邮件"


async def test_a_server_that_is_busy_is_asked_again_and_an_unknown_mailbox_is_not(scene: Scene) -> None:
    scene.box.rcpt = ["451 later", "250 ok"]
    item_id = await scene.answered()
    await scene.pump()
    row = await scene.row(item_id)
    assert (row.state, row.attempts, row.error) == ("waiting", 1, "451 later")
    scene.room.clock.advance(FIRST_S)
    await scene.pump()
    assert (await scene.row(item_id)).state == "done" and len(scene.box.got) == 1
    scene.box.rcpt = ["550 no such user"]
    other = await scene.answered()
    await scene.pump()
    row = await scene.row(other)
    assert (row.state, row.attempts, row.error) == ("dead", 1, "550 no such user")
    # Mended at the other side, a person sends it again as any other dead letter.
    scene.box.rcpt = ["250 ok"]
    assert await scene.doors.hooks.replay(MAIL) == 1
    await scene.pump()
    assert (await scene.row(other)).state == "done" and len(scene.box.got) == 2


async def test_a_server_that_takes_its_time_gets_the_letter_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5321, 4.5.3.2.6: the word that a message is taken may take ten minutes."""
    monkeypatch.setattr(mail, "_WORD_S", 2.0)
    scene.box.late_s = 2.5
    item_id = await scene.answered()
    await scene.pump()
    assert ((await scene.row(item_id)).state, (await scene.row(item_id)).attempts) == ("done", 1)
    assert len(scene.box.got) == 1
    assert mail._TAKEN_S >= 600 and mail.LONGEST_S > mail._TAKEN_S


@pytest.mark.parametrize("bye", ["421 too many", "500 what", ""])
async def test_a_letter_that_was_taken_is_sent_however_the_server_says_goodbye(scene: Scene, bye: str) -> None:
    scene.box.bye = bye
    item_id = await scene.answered()
    await scene.pump()
    row = await scene.row(item_id)
    assert (row.state, row.status, row.attempts, len(scene.box.got)) == ("done", 250, 1, 1)


async def test_while_the_server_takes_its_time_no_other_process_takes_the_letter(scene: Scene) -> None:
    scene.box.late_s = 0.5
    item_id = await scene.answered()
    assert await scene.deliverer.tick() == 1
    held = (await scene.row(item_id)).held_until
    assert held is not None and (held - scene.room.clock.now()).total_seconds() > mail.LONGEST_S
    scene.room.clock.advance(mail.LONGEST_S)
    other = Deliverer(scene.room.database, scene.doors.hooks, scene.outward, scene.room.clock)
    assert await other.tick() == 0
    await scene.deliverer.settle()
    assert len(scene.box.got) == 1


async def test_ending_the_process_waits_for_no_mail_server(scene: Scene) -> None:
    scene.box.late_s = 30
    item_id = await scene.answered()
    sending = asyncio.create_task(scene.mailer.send((await scene.row(item_id)).body))
    await scene.box.came.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    before = threading.active_count()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.get_running_loop().shutdown_default_executor()
    assert threading.active_count() < before, "the thread that waited has ended"


async def test_a_wrong_password_waits_for_a_person_and_is_a_dead_letter_only_after_all_tries(scene: Scene) -> None:
    scene.box.login = (USER, "another")
    item_id = await scene.answered()
    for _ in range(TRIES):
        await scene.pump()
        scene.room.clock.advance(3600)
    row = await scene.row(item_id)
    assert (row.state, row.attempts, row.error) == ("dead", TRIES, "535 no")
    assert scene.box.got == [] and PASSWORD not in row.error


async def test_a_password_that_smtp_cannot_say_is_not_shown(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("pass wörd", encoding="utf-8")
    item_id = await scene.answered()
    await scene.pump()
    row = await scene.row(item_id)
    assert row.state == "waiting" and "ASCII" in row.error and "wörd" not in row.error


async def test_without_starttls_nothing_is_said(scene: Scene) -> None:
    scene.box.tls = None
    item_id = await scene.answered()
    await scene.pump()
    assert (await scene.row(item_id)).state == "waiting" and scene.box.got == []
    assert {line.split(" ")[0].upper() for line, _ in scene.box.lines} <= {"EHLO", "STARTTLS", "QUIT"}


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(scene: Scene) -> None:
    mailer = Mailer(scene.mailer._server)
    await scene.answered()
    scene.deliverer = Deliverer(scene.room.database, scene.doors.hooks, Outward((), mailer), scene.room.clock)
    await scene.pump()
    assert scene.box.got == []
    async with scene.room.database.read() as session:
        (row,) = await hooks.deliveries(session)
    assert "CERTIFICATE" in row.error.upper()


@pytest.mark.parametrize("address", ["a,b@c.cn", "陈@example.org", "a@localhost", "a@b.c>d.cn", "a;b@c.cn"])
async def test_an_address_that_mail_cannot_go_to_gets_none(scene: Scene, address: str) -> None:
    item_id = await scene.answered(address=address)
    await scene.pump()
    assert scene.box.got == [] and not deliverable(address)
    async with scene.room.database.read() as session:
        assert await reply_of(session, item_id) is None


async def test_a_title_with_line_breaks_adds_no_header(scene: Scene) -> None:
    await scene.answered(title="停水\r\nBcc: all@example.org\r\n\r\n假的正文")
    await scene.pump()
    ((_, to, *_),) = scene.box.got
    (message,) = scene.box.messages()
    assert message["Bcc"] is None and len(to) == 1
    assert "Bcc: all@example.org" in message["Subject"], "words of the title, nothing else"
    assert message.get_content().replace("\r\n", "\n") == f"{REPLY}\n"


@given(st.text(max_size=60), st.text(max_size=40), st.text(max_size=400))
def test_whatever_people_write_becomes_no_header(subject: str, to: str, text: str) -> None:
    try:
        made = compose("a@example.org", to, subject, text, "x.reply", NOW)
    except BadMail:
        return
    assert [name for name, _ in made.items()].count("To") == 1
    assert set(made.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Content-Language", "Content-Type", "MIME-Version",
        "Content-Transfer-Encoding",
    }  # fmt: skip
    head = bytes(made).split(b"\r\n\r\n")[0]
    assert all(line[:1] in (b" ", b"\t") or b":" in line for line in head.split(b"\r\n"))


@pytest.mark.parametrize("bad", ["a@b.cn\r\nBcc: x@y.cn", "a@b.cn\nx", "a@b.cn\x00", "a@b.cn ", "<a@b.cn>", "a@@b.cn"])
def test_a_line_break_in_an_address_is_refused(bad: str) -> None:
    for sender, to in (("a@example.org", bad), (bad, "a@example.org")):
        with pytest.raises(BadMail):
            compose(sender, to, "答复", "x", "x.reply", NOW)
    with pytest.raises(BadMail):
        compose("a@example.org", "b@example.org", "答复\r\nBcc: c@example.org", "x", "x.reply", NOW)
    with pytest.raises(BadMail):
        compose("a@example.org", "b@example.org", "答复", "x", "x>\r\nBcc: c", NOW)


def test_no_password_goes_out_in_the_clear(tmp_path: Path) -> None:
    open_server = MailServer(host="127.0.0.1", sender="a@example.org", user="u", tls="none")
    assert open_server.tls == "none"
    with pytest.raises(HeyiError, match="口令"):
        dataclasses.replace(open_server, host="mail.example.org")
    with pytest.raises(HeyiError, match="HEYI_MAIL_FROM"):
        dataclasses.replace(open_server, sender="市长信箱")


async def test_the_connection_is_tried_from_the_page(scene: Scene) -> None:
    await scene.answered()
    await scene.pump()
    await scene.doors.hooks.ping(MAIL)
    await scene.pump()
    async with scene.room.database.read() as session:
        newest = (await hooks.deliveries(session))[0]
    assert (newest.topic, newest.state, len(scene.box.got)) == ("ping", "done", 1)
