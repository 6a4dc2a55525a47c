"""What the API's document says beside the routes: who may, how an operation fails, what it answers with."""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from desk.access.answers import ANSWERS, ProblemAnswer
from desk.access.routes import ACTION_OF
from desk.access.table import BY_KEY, SCOPES

#: What every operation for programs may answer instead, and when.
_ERRORS = {
    "400": "The ticket, call or fields do not allow it",
    "401": "No session, no token, or one that is over",
    "403": "Not for this role, or not in the token's scopes",
    "404": "There is none such that this login may see",
    "409": "Another person was first",
    "422": "The request is not as described; `where` names the fields",
    "429": "Too many requests",
}
_SCHEMAS = "#/components/schemas/"


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
            if path.startswith("/api/"):
                operation["responses"] |= _errors(method, path)
                _answer(operation, f"{method.upper()} {path}")
    _add_schemas(made["components"].setdefault("schemas", {}))
    app.openapi_schema = made
    return made


def _errors(method: str, path: str) -> dict[str, Any]:
    """Those that fit: what only reads meets nobody who was first, what has no parameter cannot be missing."""
    left_out = {"400", "409"} if method == "get" else set()
    if "{" not in path:
        left_out.add("404")
    problem = {"application/json": {"schema": {"$ref": f"{_SCHEMAS}{ProblemAnswer.__name__}"}}}
    return {
        status: {"description": why, "content": problem} for status, why in _ERRORS.items() if status not in left_out
    }


def _answer(operation: dict[str, Any], route: str) -> None:
    if route not in ANSWERS:
        return
    model, shape = ANSWERS[route]
    schema: dict[str, Any] = {"$ref": f"{_SCHEMAS}{model.__name__}"}
    if shape == "list":
        schema = {"type": "array", "items": schema}
    elif shape == "null":
        schema = {"anyOf": [schema, {"type": "null"}]}
    operation["responses"]["200"]["content"] = {"application/json": {"schema": schema}}


def _add_schemas(schemas: dict[str, Any]) -> None:
    models: Iterable[Any] = {ProblemAnswer, *(model for model, _ in ANSWERS.values())}
    ordered = [(model, "serialization") for model in sorted(models, key=lambda model: model.__name__)]
    _, found = models_json_schema(ordered, ref_template=_SCHEMAS + "{model}")  # type: ignore[arg-type]
    twice = schemas.keys() & found["$defs"].keys()
    if twice:
        raise ValueError(f"two schemas of one name: {sorted(twice)}")
    schemas |= found["$defs"]
