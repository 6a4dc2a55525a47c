"""Where and as whom a page's telephone registers."""

from typing import Any

from starlette.datastructures import URL

from desk.services import DeskServices

_ANY = ("0.0.0.0", "::", "")  # noqa: S104  compared with, not bound to


def softphone(services: DeskServices, extension: str, page: URL) -> dict[str, Any]:
    """Account of one desk for the page at that address. No STUN or TURN: desks and Asterisk share a network.

    A page over https may open only an encrypted WebSocket: ``/ws`` at its own host, which the proxy that ends TLS
    passes on to Asterisk.
    """
    settings = services.settings
    # The configured address; where heyi listens everywhere, the one by which this browser found it.
    host = (page.hostname or "localhost") if settings.host in _ANY else settings.host
    return {
        "ws": f"wss://{page.netloc}/ws" if page.scheme == "https" else f"ws://{host}:{settings.sip_ws_port}/ws",
        "uri": f"sip:{extension}@{host}",
        "extension": extension,
        "password": services.sip_secret(extension),
        "ice": [],
    }
