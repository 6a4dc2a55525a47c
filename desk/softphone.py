"""Where and as whom a page's telephone registers."""

from typing import Any

from desk.services import DeskServices

_ANY = ("0.0.0.0", "::", "")  # noqa: S104  compared with, not bound to


def sip_host(services: DeskServices, seen_as: str) -> str:
    """Address of Asterisk as this browser reaches it: the configured one, else the one the page was asked at."""
    host = services.settings.host
    return seen_as if host in _ANY else host


def websocket(services: DeskServices, seen_as: str) -> str:
    """Address of Asterisk's SIP over WebSocket (RFC 7118)."""
    return f"ws://{sip_host(services, seen_as)}:{services.settings.sip_ws_port}/ws"


def softphone(services: DeskServices, extension: str, seen_as: str) -> dict[str, Any]:
    """Account of one desk. No STUN or TURN: desks and Asterisk share a network."""
    return {
        "ws": websocket(services, seen_as),
        "uri": f"sip:{extension}@{sip_host(services, seen_as)}",
        "extension": extension,
        "password": services.sip_secret(extension),
        "ice": [],
    }
