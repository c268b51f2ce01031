"""The description of the API has all that there is, and nothing else."""

from __future__ import annotations

from typing import Any

from pgproxy.approvals.documents import document
from pgproxy.approvals.model import Decision, Event, Kind
from pgproxy.net.desk import ApprovalDesk
from pgproxy.web import api
from pgproxy.web.openapi import description
from pgproxy.web.refusing import APPROVAL
from tests.approvals.office import SETTINGS
from tests.approvals.requests import approval


def test_every_route_is_described() -> None:
    served = {
        (one.path.replace(APPROVAL, "{id}"), one.method.lower()) for one in api.routes(ApprovalDesk(SETTINGS), SETTINGS)
    }
    described = {(path, method) for path, item in description()["paths"].items() for method in item}
    assert served == described


def test_approvals_are_as_described() -> None:
    voted = approval().with_events(Event(Kind.VOTED, 1.0, "ada", Decision.APPROVE))
    shown = document(voted)
    schema = description()["components"]["schemas"]["Approval"]
    assert [*shown] == [*schema["properties"]] == schema["required"]
    assert shown["decisions"][0].keys() == schema["properties"]["decisions"]["items"]["properties"].keys()


def test_what_it_refers_to_is_there() -> None:
    whole = description()

    def references(part: Any) -> list[str]:
        if isinstance(part, list):
            return [found for one in part for found in references(one)]
        if not isinstance(part, dict):
            return []
        return [str(part["$ref"])] if "$ref" in part else references(list(part.values()))

    found = set(references(whole))
    assert found == {f"#/components/schemas/{name}" for name in whole["components"]["schemas"]}
