"""The `tests` of the rules against the real analysis. Nothing is executed: rows are those of the rules files."""

from __future__ import annotations

from dataclasses import dataclass

from pgproxy.errors import ProxyError
from pgproxy.masking.keys import MaskingKeys
from pgproxy.masking.plan import MaskPlan
from pgproxy.net.analysis import Explainer, Explanation, ServerError, SyntaxProblem
from pgproxy.net.reading import read_catalog
from pgproxy.policy.coverage import Coverage, coverage
from pgproxy.policy.rule_tests import BadRow, Outcome, Row, compare, raw_rows
from pgproxy.policy.rules import RuleTest
from pgproxy.service.explaining import identity_named
from pgproxy.service.files import Configuration
from pgproxy.service.pinned import pins_of
from pgproxy.session.context import SessionContext


@dataclass(frozen=True, slots=True)
class Tested:
    outcomes: tuple[Outcome, ...]
    """In the order of the files."""
    coverage: Coverage

    @property
    def failed(self) -> int:
        return sum(not outcome.passed for outcome in self.outcomes)


async def run_tests(configuration: Configuration) -> Tested:
    """
    Raises:
        UnknownIdentity, UpstreamUnreachable, StoreUnavailable.
    """
    settings, rules = configuration.settings, configuration.rules
    upstream, keys = settings.upstream, MaskingKeys(settings.masking_key)
    catalog = await read_catalog(upstream, upstream.database)
    pins = await pins_of(settings)
    by_identity: dict[str, list[int]] = {}
    for place, test in enumerate(rules.tests):
        by_identity.setdefault(test.identity.text, []).append(place)
    outcomes: dict[int, Outcome] = {}
    for name, places in by_identity.items():
        identity, role = identity_named(settings, name)
        context = SessionContext(identity, lambda: rules, lambda: catalog, keys, pins=pins)
        async with Explainer(upstream, role, context) as explainer:
            for place in places:
                outcomes[place] = await _run(rules.tests[place], explainer)
    return Tested(
        tuple(outcomes[place] for place in range(len(rules.tests))), coverage(rules, catalog, pins.under(rules))
    )


async def _run(test: RuleTest, explainer: Explainer) -> Outcome:
    try:
        explanations = await explainer.explain(test.sql)
    except SyntaxProblem as problem:
        return Outcome(test, differences=(f"the statement cannot be read: {problem}",))
    except ServerError as error:
        return Outcome(test, differences=(f"the server refuses the statement: {error.message} ({error.sqlstate})",))
    except ProxyError as error:
        return Outcome(test, differences=(f"the statement cannot be analysed: {error.message}",))
    if len(explanations) != 1:
        return Outcome(test, differences=(f"a test needs one statement, this text has {len(explanations)}",))
    [explanation] = explanations
    try:
        return compare(test, explanation.decision, _returned(test, explanation))
    except BadRow as bad:
        return Outcome(test, explanation.decision, (str(bad),))


def _returned(test: RuleTest, explanation: Explanation) -> list[Row]:
    if not explanation.decision.columns:
        return [() for _ in test.rows]
    rows = raw_rows(test, explanation.decision)
    return rows if explanation.plan is None else [_masked(row, explanation.plan) for row in rows]


def _masked(row: Row, plan: MaskPlan) -> Row:
    values = list(row)
    for place, mask in plan.columns:
        value = values[place]
        masked = None if value is None else mask(value.encode())
        values[place] = None if masked is None else masked.decode()
    return tuple(values)
