"""The API's description of itself, OpenAPI 3.1. What it does is in `api`."""

from __future__ import annotations

from typing import Any, Final

from pgproxy.approvals.model import Decision, Status
from pgproxy.web.refusing import COMMENT_CHARACTERS

PATH: Final = "/api/v1/openapi.json"

_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_COUNT_OR_NULL: Final = {"type": ["integer", "null"]}
_DECISION: Final = {"type": "string", "enum": [str(one) for one in Decision]}
_STATUS: Final = {"type": "string", "enum": [str(one) for one in Status]}

_VOTE: Final = {
    "reviewer": {"type": ["string", "null"], "description": "null: whoever held a link that names none"},
    "decision": _DECISION,
    "comment": _TEXT,
    "at": _MOMENT,
}

_APPROVAL: Final = {
    "id": _TEXT,
    "identity": _TEXT,
    "groups": _TEXTS,
    "database": _TEXT,
    "statement": _TEXT,
    "statement_class": _TEXT,
    "rule": _TEXT,
    "reason": _TEXT,
    "tables": _TEXTS,
    "columns": _TEXTS,
    "masked_columns": _TEXTS,
    "estimated_rows": {**_COUNT_OR_NULL, "description": "the planner's; null: unknown"},
    "requested_at": _MOMENT,
    "expires_at": _MOMENT,
    "status": _STATUS,
    "decisions": {"type": "array", "items": {"type": "object", "required": [*_VOTE], "properties": _VOTE}},
    "parameters": {"type": "array", "items": {"type": ["string", "null"]}},
    "rows": {**_COUNT_OR_NULL, "description": "delivered or changed"},
    "finished_at": {"type": ["string", "null"], "format": "date-time"},
    "error": {"type": ["string", "null"]},
}

_ERRORS: Final = {
    400: "a request that cannot be read",
    401: "no reviewer's token",
    403: "no reviewer of the rule, or an own request",
    404: "no such approval",
    409: "already resolved",
    410: "expired",
    429: "too many wrong tokens from this address",
    503: "the store is away",
}


def description() -> dict[str, Any]:
    """For JSON."""
    approval = {"$ref": "#/components/schemas/Approval"}
    listed = {"type": "object", "required": ["approvals"], "properties": {"approvals": _array(approval)}}
    by_id = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
    by_status = {"name": "status", "in": "query", "schema": _STATUS}
    decision = {
        "type": "object",
        "required": ["decision"],
        "additionalProperties": False,
        "properties": {"decision": _DECISION, "comment": {"type": "string", "maxLength": COMMENT_CHARACTERS}},
    }
    body = {"required": True, "content": _json(decision)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "pgproxy", "version": "1"},
        "security": [{"reviewer": []}],
        "paths": {
            PATH: {"get": _call("This description", {"type": "object"})},
            "/api/v1/approvals": {
                "get": _call("Approvals, newest first", listed, 400, parameters=[by_status]),
            },
            "/api/v1/approvals/{id}": {"get": _call("One approval", approval, 404, parameters=[by_id])},
            "/api/v1/approvals/{id}/decision": {
                "post": _call("Decide", approval, 400, 403, 404, 409, 410, parameters=[by_id], requestBody=body),
            },
        },
        "components": {
            "securitySchemes": {"reviewer": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Approval": {"type": "object", "required": [*_APPROVAL], "properties": _APPROVAL},
                "Error": {"type": "object", "required": ["error"], "properties": {"error": _TEXT}},
            },
        },
    }


def _call(summary: str, answer: dict[str, Any], *errors: int, **more: object) -> dict[str, Any]:
    error = _json({"$ref": "#/components/schemas/Error"})
    responses: dict[str, Any] = {"200": {"description": summary, "content": _json(answer)}}
    for status in sorted({*errors, 401, 429, 503}):
        responses[str(status)] = {"description": _ERRORS[status], "content": error}
    return {"summary": summary, **more, "responses": responses}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
