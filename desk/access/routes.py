"""Which action each route is; :func:`desk.access.auth.current_user` looks here. A route in neither list is refused."""

from collections.abc import Mapping
from types import MappingProxyType

#: Action → its routes, as ``METHOD path``.
ROUTES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "account": (
        "GET /api/session", "GET /account", "POST /account/password", "GET /account/factor", "POST /account/factor",
        "POST /account/factor/codes", "POST /account/factor/off", "POST /account/sessions/{session_id}/end",
        "POST /account/sessions/end-others", "POST /account/tokens/{token_id}/revoke",
    ),
    "home": (
        "GET /", "POST /logout", "GET /api/docs", "GET /api/openapi.json",
    ),
    "follow": (
        "GET /api/state", "GET /live",
    ),
    "call.take": (
        "POST /api/agent/state", "POST /api/agent/finish", "POST /api/agent/rejoin", "GET /api/softphone",
        "POST /api/calls/{call_id}/hangup", "POST /api/calls/{call_id}/transfer",
        "POST /api/calls/{call_id}/consult", "POST /api/calls/{call_id}/take-back",
        "POST /api/calls/{call_id}/conference", "POST /api/calls/{call_id}/complete",
        "POST /api/calls/{call_id}/link", "POST /api/calls/{call_id}/leave", "POST /api/calls/{call_id}/dismiss",
        "POST /api/calls/{call_id}/ask-silent", "POST /api/calls/{call_id}/help",
        "POST /api/calls/{call_id}/help-given", "POST /api/calls/{call_id}/claim",
        "GET /api/calls/{call_id}/parties", "GET /desk", "GET /desk/check", "POST /api/desk/check",
        "POST /api/calls/{call_id}/quality",
    ),
    "call.supervise": (
        "GET /api/help", "POST /api/calls/{call_id}/watch", "POST /api/calls/{call_id}/take-over",
        "POST /api/calls/{call_id}/unwatch", "POST /api/mode", "POST /api/calls/{call_id}/push",
        "POST /api/marks/{mark_id}/remove",
    ),
    "call.list": (
        "GET /calls", "GET /calls.xlsx",
    ),
    "call.search": (
        "GET /search",
    ),
    "call.read": (
        "GET /api/calls/{call_id}", "GET /api/calls/{call_id}/verdict", "GET /calls/{call_id}/recording",
        "GET /calls/{call_id}", "GET /messages/{message_id}/recording",
    ),
    "missed": (
        "GET /missed", "GET /api/missed", "GET /api/missed/count", "POST /api/missed/{item}/claim",
        "POST /api/missed/{item}/release", "POST /api/missed/{item}/call", "POST /api/missed/{item}/close",
        "POST /api/kept/{call_id}/cancel", "POST /api/marks",
    ),
    "mode.read": (
        "GET /api/mode",
    ),
    "board": (
        "GET /wallboard", "GET /live/wallboard", "POST /api/alarms/note", "GET /worktime", "GET /worktime.xlsx",
    ),
    "health": (
        "GET /api/health/lines",
    ),
    "ticket.read": (
        "GET /api/tickets", "GET /api/tickets/{ticket_id}", "GET /tickets/{number}/callbacks",
        "GET /photos/{photo_id}", "GET /field/photos/{photo_id}", "GET /tickets/{number}",
    ),
    "ticket.list": (
        "GET /department",
    ),
    "ticket.person": (
        "GET /api/tickets/{ticket_id}/eido",
    ),
    "ticket.reveal": (
        "POST /api/tickets/{ticket_id}/reveal",
    ),
    "ticket.work": (
        "GET /api/tickets/{ticket_id}/departments",
        "POST /api/tickets/{ticket_id}", "POST /api/tickets/{ticket_id}/submit",
        "POST /api/tickets/{ticket_id}/accept", "POST /api/tickets/{ticket_id}/depart",
        "POST /api/tickets/{ticket_id}/arrive", "POST /api/tickets/{ticket_id}/handle",
        "POST /api/tickets/{ticket_id}/refuse", "POST /api/tickets/{ticket_id}/report",
        "POST /api/tickets/{ticket_id}/close", "POST /api/tickets/{ticket_id}/reopen",
        "POST /api/tickets/{ticket_id}/answer",
    ),
    "ticket.assign": (
        "POST /api/tickets/{ticket_id}/handler", "POST /api/tickets/{ticket_id}/same-handler",
        "POST /api/parts/{part_id}/accept", "POST /api/parts/{part_id}/refuse", "POST /api/parts/{part_id}/report",
        "POST /api/parts/{part_id}/withdraw", "POST /api/tickets/{ticket_id}/assist",
        "POST /api/tickets/{ticket_id}/reassign", "POST /api/tickets/{ticket_id}/escalate",
        "POST /api/tickets/{ticket_id}/urge", "POST /api/tickets/{ticket_id}/supervise",
        "POST /api/nudges/{nudge_id}/answer", "POST /api/refusals/{refusal_id}/decide",
    ),
    "ticket.rule": (
        "GET /rulings",
    ),
    "ticket.clock": (
        "GET /api/tickets/{ticket_id}/clocks", "POST /api/clocks/{clock_id}/extension",
        "POST /api/clocks/{clock_id}/pause", "POST /api/clocks/{clock_id}/resume",
        "POST /api/clock-requests/{request_id}/approve", "POST /api/clock-requests/{request_id}/refuse",
    ),
    "ticket.incident": (
        "GET /api/calls/{call_id}/incident", "POST /api/tickets/{ticket_id}/link",
        "POST /api/tickets/{ticket_id}/unlink", "POST /api/tickets/{ticket_id}/stay",
        "POST /api/tickets/{ticket_id}/follow", "POST /api/tickets/{ticket_id}/spare",
    ),
    "ticket.callback": (
        "POST /api/callbacks/{callback_id}/begin", "POST /api/tickets/{ticket_id}/callback",
        "POST /api/callbacks/{callback_id}/result", "GET /callbacks",
    ),
    "ticket.handover": (
        "POST /api/tickets/{ticket_id}/handover",
    ),
    "unit": (
        "GET /api/units", "POST /api/units/{unit}/act", "POST /api/orders/{order_id}/seen",
        "POST /api/units/{unit}/position", "GET /api/units/{unit}/log", "GET /api/tickets/{ticket_id}/dispatch",
        "POST /api/tickets/{ticket_id}/dispatch", "POST /api/tickets/{ticket_id}/scene/place",
        "POST /api/tickets/{ticket_id}/scene/grade", "POST /api/tickets/{ticket_id}/plan", "GET /units",
        "GET /tickets/{number}/dispatch",
    ),
    "dispatch": (
        "GET /board", "GET /api/board", "GET /api/board/units", "GET /api/board/map",
        "GET /api/board/tickets/{ticket_id}", "POST /api/board/tickets/{ticket_id}/send",
    ),
    "field": (
        "GET /api/field/tasks", "POST /api/field/actions", "POST /api/field/photos", "POST /api/field/finds",
        "GET /field/",
    ),
    "field.help": (
        "GET /api/field/helps", "POST /api/field/helps/{help_id}/answer",
    ),
    "letter": (
        "GET /mailbox", "GET /letters/{item_id}/print", "POST /api/letters/{item_id}/write",
        "POST /api/letters/{item_id}/submit", "POST /api/letters/{item_id}/approve",
        "POST /api/letters/{item_id}/return", "POST /api/letters/{item_id}/withdraw",
        "POST /api/letters/{item_id}/send",
    ),
    "walkin": (
        "GET /walkin", "POST /walkin", "POST /walkin/earlier",
    ),
    "notice": (
        "GET /announcements", "POST /announcements", "POST /announcements/{announcement_id}/end",
    ),
    "knowledge": (
        "GET /api/knowledge", "GET /api/knowledge/{article_id}", "POST /api/knowledge",
        "POST /api/knowledge/{article_id}", "POST /api/knowledge/{article_id}/unhelpful",
        "GET /api/calls/{call_id}/knowledge", "GET /knowledge", "GET /knowledge/review", "GET /knowledge/export.csv",
        "POST /knowledge/import", "GET /knowledge/new", "POST /knowledge/new", "GET /knowledge/{article_id}",
        "GET /knowledge/{article_id}/edit", "POST /knowledge/{article_id}/edit",
        "POST /knowledge/{article_id}/publish", "POST /knowledge/{article_id}/withdraw",
        "POST /knowledge/{article_id}/review",
    ),
    "calendar": (
        "GET /calendar",
    ),
    "figures": (
        "GET /analysis", "GET /api/analysis/warnings", "GET /analysis/tickets", "GET /briefs",
        "GET /briefs/{brief_id}.xlsx", "GET /briefs/{brief_id}", "GET /briefs/{brief_id}/tickets", "GET /voice",
        "GET /voice/calls",
    ),
    "leader": (
        "GET /leader", "GET /leader/tickets", "GET /leader/callbacks",
    ),
    "leader.wall": (
        "GET /leader/wall", "GET /live/leader", "GET /leader/map.json", "POST /leader/screen",
    ),
    "figures.work": (
        "POST /analysis/look", "POST /analysis/warnings/{warning_id}/note", "GET /briefs/draft", "POST /briefs",
        "GET /briefs/draft/tickets",
    ),
    "assess": (
        "GET /assessment", "GET /assessment/cases", "POST /assessment/freeze", "GET /assessment.xlsx",
        "GET /assessment/bulletin",
    ),
    "quality": (
        "GET /reviews", "GET /reviews/{review_id}", "GET /reviews/{review_id}/recording",
        "POST /api/reviews/{review_id}/begin", "POST /api/reviews/{review_id}/reopen",
        "POST /api/reviews/{review_id}/hand-back", "POST /api/reviews/{review_id}/draft",
        "POST /api/reviews/{review_id}/score", "GET /api/reviews/{review_id}", "GET /api/reviews/{review_id}/peaks",
        "POST /api/reviews/{review_id}/utterances/{utterance_id}", "POST /api/reviews/{review_id}/clips",
        "POST /api/reviews/{review_id}/clips/{clip_id}/remove", "POST /api/reviews/{review_id}/private",
        "POST /api/reviews/{review_id}/private/{part_id}/lift", "POST /api/reviews/{review_id}/examples",
        "POST /api/examples/{example_id}/remove", "GET /examples", "GET /examples/{example_id}",
        "GET /examples/{example_id}/recording", "GET /quality", "GET /api/quality/waiting",
        "POST /api/quality/reviews/{review_id}/appeal", "POST /api/quality/reviews/{review_id}/uphold",
        "POST /api/quality/reviews/{review_id}/change", "GET /quality/appeals", "GET /quality/appeals/{review_id}",
        "GET /quality/calibration/{call_id}", "POST /api/quality/coaching/{plan_id}/read", "GET /quality/coaching",
        "GET /quality/coaching/{agent}",
    ),
    "quality.oversee": (
        "POST /api/quality/oversight", "GET /quality/oversight", "POST /api/quality/sampling",
        "POST /api/quality/sampling/{draw_id}/proof", "GET /quality/sampling", "GET /quality/sampling/{draw_id}",
        "POST /api/quality/calibration/order", "POST /api/quality/calibration/{call_id}", "GET /quality/calibration",
        "POST /api/quality/coaching", "POST /api/quality/coaching/{plan_id}/follow",
        "POST /api/quality/coaching/{plan_id}/meet", "POST /api/quality/coaching/{plan_id}/miss",
        "POST /api/quality/coaching/{plan_id}/drop", "GET /quality/reports", "GET /quality/reports/cases",
        "GET /quality/reports.xlsx", "POST /quality/reports/freeze",
    ),
    "speech": (
        "POST /api/calls/{call_id}/utterances/{utterance_id}", "POST /api/lexicon/accept",
        "POST /api/lexicon/refuse", "POST /api/lexicon/{word_id}/withdraw", "GET /lexicon",
        "GET /api/health/transcripts",
    ),
    "models": (
        "POST /api/models/proposals/{proposal_id}/promote", "POST /api/models/proposals/{proposal_id}/reject",
        "POST /api/models/back", "GET /models", "GET /drift",
    ),
    "hooks": (
        "GET /webhooks", "GET /api/webhooks", "POST /api/webhooks", "POST /api/webhooks/{hook_id}/rotate",
        "POST /api/webhooks/{hook_id}/pause", "POST /api/webhooks/{hook_id}/resume",
        "POST /api/webhooks/{hook_id}/remove", "POST /api/webhooks/{hook_id}/ping",
        "POST /api/webhooks/{hook_id}/replay", "POST /api/deliveries/{delivery_id}/replay", "POST /api/doors/keys",
        "POST /api/doors/keys/{key_id}/revoke",
    ),
    "users": (
        "GET /users", "POST /users", "POST /users/{login}", "GET /users/{login}", "POST /users/{login}/{what}",
    ),
    "roles": (
        "GET /roles",
    ),
    "config": (
        "GET /settings", "GET /settings/file", "POST /settings/edit", "POST /settings/preview", "POST /settings/save",
        "GET /settings/history", "POST /settings/restore", "GET /settings/asterisk", "POST /settings/asterisk/check",
        "POST /settings/asterisk/apply", "GET /api/settings/asterisk",
        "GET /settings/restart", "POST /settings/restart", "GET /api/settings/restart",
    ),
    "tokens": (
        "GET /tokens", "POST /tokens", "POST /tokens/{token_id}/revoke",
    ),
    "audit": (
        "GET /audit", "GET /audit.xlsx",
    ),
})  # fmt: skip

#: Without signing in: each has its own proof (a key, a signature, a code, this machine), or shows what is public.
OPEN: frozenset[str] = frozenset({
    "POST /api/login", "GET /health", "POST /api/texts/replies", "GET /r/{token}", "POST /r/{token}",
    "GET /metrics", "GET /field", "GET /field/worker.js", "GET /field/manifest.webmanifest", "GET /public",
    "POST /public", "GET /public/progress", "POST /public/progress", "GET /public/letters",
    "GET /open311/v2/services.{form}", "GET /open311/v2/services/{code}.{form}",
    "POST /open311/v2/requests.{form}", "GET /open311/v2/tokens/{token}.{form}",
    "GET /open311/v2/requests.{form}", "GET /open311/v2/requests/{number}.{form}",
    "GET /open311/discovery.{form}", "DELETE /open311/{rest:path}", "GET /open311/{rest:path}",
    "PATCH /open311/{rest:path}", "POST /open311/{rest:path}", "PUT /open311/{rest:path}",
    "GET /in/wechat/{key_id}", "POST /in/wechat/{key_id}", "POST /in/hook/{key_id}", "GET /login/factor",
    "POST /login/factor", "POST /login/enrol", "GET /login", "POST /login",
    "GET /login/oidc", "GET /login/oidc/back", "GET /login/oidc/out", "POST /login/oidc/logout",
})  # fmt: skip

ACTION_OF: Mapping[str, str] = MappingProxyType(
    {route: action for action, routes in ROUTES.items() for route in routes}
)
