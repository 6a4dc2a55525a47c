"""What the phases and the actions of tickets are called. Steps and edges are the flows': :mod:`ticketing.flows`."""

from core.city_flows import FlowAction
from ticketing.events import TicketState

#: Of :data:`core.city_flows.FlowAction`.
Action = FlowAction

#: In the order of a ticket's life; by these all flows' tickets are found in lists.
STATE_NAMES: dict[TicketState, str] = {
    "draft": "受理",
    "filed": "立案",
    "dispatched": "派遣",
    "handling": "处置",
    "reported": "反馈",
    "callback": "回访",
    "closed": "结案归档",
}

#: The usual names; an edge may have its own.
ACTION_NAMES: dict[Action, str] = {
    "file": "立案",
    "dispatch": "派遣",
    "accept": "接单",
    "refuse": "退单",
    "depart": "出动",
    "arrive": "到场",
    "handle": "开始处置",
    "report": "反馈结果",
    "call_back": "转回访",
    "settle": "回访结案",
    "reopen": "退回重办",
    "answer": "直接办结",
    "follow": "随主单结案",
    "overrule": "督办结案",
}
