"""What came by other doors than the telephone, as pages show it."""

from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from desk.access import masking
from desk.access.users import User
from desk.services import DeskServices
from desk.views import Views, stamp
from ticketing.doors import items, letters, mail
from ticketing.doors.events import SOURCE_NAMES
from ticketing.doors.items import Entry
from ticketing.doors.letters import ACTION_NAMES, STATE_NAMES, LetterView
from ticketing.doors.tables import Delivery
from ticketing.tables import Ticket

#: States of an email, as those who wrote it read them.
MAIL_NAMES = {"waiting": "邮件等待发送", "done": "邮件已发出", "dead": "邮件未能送达"}


async def item_view(session: AsyncSession, views: Views, entry: Entry) -> dict[str, Any]:
    item, ticket = entry.item, entry.ticket
    return {
        "id": item.id,
        "ticket_id": ticket.id,
        "code": ticket.code,
        "number": ticket.number,
        "state": ticket.state,
        "emergency": ticket.is_emergency,
        "source": views.text(SOURCE_NAMES[item.source]),
        "via": item.via,
        "at": stamp(item.at),
        "title": item.title,
        "text": item.text,
        "place": ticket.place,
        "said_place": item.said.get("place", ""),
        "email": item.said.get("email", ""),
        "media": item.said.get("media_url", ""),
        "point": (item.lat, item.lon) if item.lat is not None else None,
        "public": item.public,
        "contact": " ".join(part for part in (ticket.contact_name, ticket.contact_phone) if part),
        "category": views.category_name(ticket.code) if ticket.code else "",
        "department": views.department_name(ticket.department) if ticket.department else "",
        "photos": [photo.id for photo in await items.photos(session, item.id)],
    }


def hidden(view: dict[str, Any], ticket: Ticket, user: User) -> dict[str, Any]:
    """What came, without whose it is where the reader's role does not need it."""
    if not masking.hides(user):
        return view
    whose = (masking.person(ticket.contact_name), masking.number(ticket.contact_phone))
    return {**masking.record(view), "contact": " ".join(filter(None, whose)), "email": ""}


def mail_view(row: Delivery | None, views: Views) -> dict[str, Any] | None:
    """Where the email of a reply stands; None where none was sent."""
    if row is None:
        return None
    return {
        "state": row.state, "name": views.text(MAIL_NAMES[row.state]), "at": stamp(row.done_at or row.next_at),
        "error": row.error, "attempts": row.attempts,
    }  # fmt: skip


async def letter_view(
    session: AsyncSession, services: DeskServices, views: Views, one: LetterView, user: User
) -> dict[str, Any]:
    letter, item, ticket = one.letter, one.item, one.ticket
    received = item.at.astimezone(ZoneInfo(services.city.profile.timezone))
    draft = letter.draft or letters.proposal(ticket, item.title, received, services.city)
    shown = {
        **hidden(await item_view(session, views, Entry(item, ticket, letter)), ticket, user),
        "letter_state": letter.state,
        "letter_state_name": views.text(STATE_NAMES[letter.state]),
        "due_at": stamp(letter.due_at),
        "version": letter.version,
        "draft": draft,
        "written": bool(letter.draft),
        "reply": letter.reply,
        "reply_public": letter.public,
        "sent_at": stamp(letter.sent_at),
        "mail": mail_view(await mail.reply_of(session, item.id), views) if letter.state == "sent" else None,
        "printable": letter.state in ("approved", "sent"),
        "actions": letters.actions(letter.state, user.role),
        "steps": [
            {"at": stamp(s.at), "who": s.who, "name": views.text(ACTION_NAMES[s.action]), "note": s.note,
             "words": s.words}
            for s in await letters.steps(session, item.id)
        ],
    }  # fmt: skip
    return masked_letter(shown, ticket) if masking.hides(user) else shown


def masked_letter(shown: dict[str, Any], ticket: Ticket) -> dict[str, Any]:
    """A letter as who is not told whose it is reads it: its reply begins with the name."""
    told = partial(masking.named, name=ticket.contact_name)
    return {
        **shown, **{name: told(shown[name]) for name in ("title", "text", "draft", "reply")},
        "steps": [{**step, "note": told(step["note"]), "words": told(step["words"])} for step in shown["steps"]],
    }  # fmt: skip


async def of_ticket(services: DeskServices, user: User, views: Views, ticket: Ticket) -> dict[str, Any] | None:
    """What came with a ticket by another door, for its page; None for a ticket of a call."""
    async with services.database.read() as session:
        entry = await items.of_ticket(session, ticket.id)
        if entry is None:
            return None
        if entry.letter is not None:
            return await letter_view(session, services, views, LetterView(entry.letter, entry.item, ticket), user)
        return {**hidden(await item_view(session, views, entry), ticket, user), "letter_state": ""}
