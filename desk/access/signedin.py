"""Who was signed in at a desk: the newest sign-in of one of the logins that belong there."""

from datetime import datetime, timedelta

from sqlalchemy import select

from core.audit import AuditEntry
from core.database import Database
from desk.access.users import UserRow


async def login_at(
    database: Database, extension: str, at: datetime, *, lifetime: timedelta = timedelta(hours=13)
) -> str:
    """Login at this desk at that time; empty where nobody had signed in, or had signed out again.

    ``lifetime``: a session's at most.
    """
    newest = (
        select(AuditEntry.who, AuditEntry.what)
        .join(UserRow, UserRow.login == AuditEntry.who)
        .where(
            UserRow.extension == extension,
            AuditEntry.what.in_(("sign_in", "sign_out")),
            AuditEntry.at <= at,
            AuditEntry.at > at - lifetime,
        )
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )
    async with database.read() as session:
        found = (await session.execute(newest)).first()
    return found[0] if found is not None and found[1] == "sign_in" else ""
