"""What a request finds its services by."""

from typing import cast

from starlette.requests import HTTPConnection

from desk.services import DeskServices


def services_of(request: HTTPConnection) -> DeskServices:
    return cast(DeskServices, request.app.state.services)
