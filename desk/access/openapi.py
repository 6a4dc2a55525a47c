"""What the API's document says of access: a session, or a token whose scope the operation is."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from desk.access.routes import ACTION_OF
from desk.access.table import BY_KEY, SCOPES


def described(app: FastAPI, cookie: str) -> dict[str, Any]:
    """The OpenAPI document; made once."""
    if app.openapi_schema:
        return app.openapi_schema
    made = get_openapi(title=app.title, version=app.version, routes=app.routes)
    made.setdefault("components", {})["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": cookie},
        "token": {
            "type": "http", "scheme": "bearer",
            "description": "Scopes: " + "; ".join(f"{action.key} ({action.name})" for action in SCOPES),
        },
    }  # fmt: skip
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            action = ACTION_OF.get(f"{method.upper()} {path}")
            if action is None:
                operation["security"] = []
                continue
            token = [{"token": [action]}] if BY_KEY[action].scope else []
            operation["security"] = [{"session": []}, *token]
    app.openapi_schema = made
    return made
