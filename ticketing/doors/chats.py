"""What a chat (WeChat) is answered. Its users write Chinese; so do the answers."""

from core.database import Database
from core.errors import HeyiError
from ticketing.doors import items
from ticketing.doors.inbound import Chat
from ticketing.doors.intake import MAX_PLACE, Intake, Said
from ticketing.events import TicketState

#: How a matter stands, in words for its writer.
PROGRESS: dict[TicketState, str] = {
    "draft": "已收到，等待受理",
    "filed": "已受理",
    "dispatched": "已派遣承办单位",
    "handling": "正在办理",
    "reported": "已办理，等待回访",
    "callback": "已办理，等待回访",
    "closed": "已办结",
}
#: Fewer characters are a greeting, not a matter.
SHORTEST = 6
_HELP = (
    "您好！请直接写明您要反映的事情、地点和联系电话，我们登记后会把编号告诉您；"
    "发送编号可查询办理进度。紧急情况请拨打110、119、120。"
)
_DANGER = "如有危险请立即拨打110、119、120！"


async def converse(database: Database, intake: Intake, key_id: str, via: str, message: Chat) -> str:
    """Take what the message says in as a ticket, or tell how the ticket stands whose number it is; the answer."""
    async with database.read() as session:
        asked = await items.of_writer(session, message.text.upper(), sender=message.sender) if message.text else None
    if asked is not None:
        return f"{asked.ticket.number}：{PROGRESS[asked.ticket.state]}。"
    if message.kind not in ("text", "voice", "location") or len(message.text) < SHORTEST:
        return _HELP
    here = message.kind == "location"
    said = Said(
        text=f"位置：{message.text}" if here else message.text, place=message.text[:MAX_PLACE] if here else "",
        lat=message.lat, lon=message.lon,
    )  # fmt: skip
    try:
        taken = await intake.take_in(
            "wechat", said, external_id=f"{key_id}:{message.message_id}"[:120], via=via, sender=message.sender
        )
    except HeyiError as error:
        return error.message
    danger = _DANGER if taken.emergency else ""
    return f"{danger}您的诉求已登记，编号 {taken.number}，工作人员会尽快处理。发送编号可查询进度。"
