"""Approvals as JSON: what the API, webhooks and the command line show, and the form in which the store keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from pgproxy.approvals.model import Approval, Asked, Decision, Event, Kind, Status
from pgproxy.policy.holds import Hold


def moment(at: float) -> str:
    """ISO 8601, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def request_document(asked: Asked) -> dict[str, Any]:
    """The `data` of a webhook, but for its link."""
    return {
        "id": asked.id,
        "identity": asked.identity,
        "groups": list(asked.groups),
        "database": asked.database,
        "statement": asked.statement,
        "statement_class": asked.statement_class,
        "rule": asked.rule,
        "reason": asked.reason,
        "tables": list(asked.tables),
        "columns": list(asked.columns),
        "masked_columns": list(asked.masked_columns),
        "estimated_rows": None if asked.estimated_rows is None else round(asked.estimated_rows),
        "requested_at": moment(asked.requested_at),
        "expires_at": moment(asked.expires_at),
    }


def document(approval: Approval) -> dict[str, Any]:
    """An approval as the API and `approvals show --json` give it."""
    asked, finished = approval.asked, approval.finished
    rows = next((one.rows for one in approval.events if one.rows is not None), None)
    return {
        **request_document(asked),
        "status": str(approval.status),
        "decisions": [
            {
                "reviewer": one.reviewer or None,
                "decision": str(one.decision),
                "comment": one.comment,
                "at": moment(one.at),
            }
            for one in approval.votes
        ],
        "parameters": list(asked.parameters),
        "rows": rows,
        "finished_at": None if finished is None else moment(finished.at),
        "error": _error(approval),
    }


def _error(approval: Approval) -> str | None:
    finished = approval.finished
    if finished is None or finished.kind in (Kind.EXPIRED, Kind.DENIED):
        return None
    return finished.text or None


# In the store ----------------------------------------------------------------------------------------------------


def asked_to_json(asked: Asked) -> str:
    return json.dumps(asdict(asked), ensure_ascii=False)


def asked_from_json(text: str) -> Asked:
    values = _known(json.loads(text), Asked)
    values["holds"] = tuple(_hold(one) for one in values["holds"])
    return Asked(**_tuples(values))


def event_to_json(event: Event) -> str:
    return json.dumps({name: value for name, value in asdict(event).items() if value not in ("", None, [], ())})


def event_from_json(text: str) -> Event:
    values = _known(json.loads(text), Event)
    values["kind"] = Kind(values["kind"])
    if values.get("decision") is not None:
        values["decision"] = Decision(values["decision"])
    return Event(**_tuples(values))


def _hold(values: Mapping[str, Any]) -> Hold:
    return Hold(**_tuples(_known(values, Hold)))


def _known(values: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """A newer release may have written more."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def status_of(text: str) -> Status | None:
    """None: no such status."""
    return Status(text) if text in set(Status) else None
