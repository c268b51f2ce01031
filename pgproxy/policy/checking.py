"""Rules against what they speak of: the configuration's names, and a database's schema. For `pgproxy check`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from pgproxy.catalog.model import Catalog, Relation, Type
from pgproxy.config.problems import Position, Problem, ProblemList, nearest
from pgproxy.config.settings import Settings
from pgproxy.policy.mask_text import mask_text
from pgproxy.policy.masks import Mask
from pgproxy.policy.names import ColumnPattern, TablePattern, is_system_schema
from pgproxy.policy.rules import MaskEntry, Rules, Word

MaskFits = Callable[[Mask, Type, Mapping[int, Type]], "str | None"]
"""None, or why the mask cannot give values of the type."""

_TABLE_KINDS = frozenset("rpfmv")
_PREFIXES = ("role:", "jwt:", "jwt-group:")


# Names of the configuration ---------------------------------------------------------------------------------------


def check_references(rules: Rules, settings: Settings) -> list[Problem]:
    """Identities, groups and reviewers that the configuration does not have; entries for one column in two places."""
    problems = ProblemList()
    named = {name for name in settings.identities if name != "*"}
    clients = named | {group for identity in settings.identities.values() for group in identity.groups}
    reviewers = set(settings.reviewers) | {group for one in settings.reviewers.values() for group in one.groups}

    for words in (
        *(reveal.to for reveal in rules.reveals),
        *(rule.conditions.identities for rule in rules.conditional),
        *(limit.identities for limit in rules.limits),
    ):
        _check_words(words, clients, "identity or group", problems)
    _check_words([test.identity for test in rules.tests], named, "identity", problems)
    for words in (*(approval.reviewers for approval in rules.approvals), rules.defaults.opaque_reviewers):
        _check_words(words, reviewers, "reviewer or group of reviewers", problems, may_have_prefix=False)
    _check_quorums(rules, settings, problems)
    _check_repeated(rules.masks, problems)
    _check_test_rules(rules, problems)
    return list(problems)


def _check_words(
    words: Iterable[Word], known: set[str], what: str, problems: ProblemList, *, may_have_prefix: bool = True
) -> None:
    for word in words:
        if word.text not in known and not (may_have_prefix and word.text.startswith(_PREFIXES)):
            problems.error(word.at, f'no {what} "{word.text}"', nearest(word.text, sorted(known)))


def _check_quorums(rules: Rules, settings: Settings, problems: ProblemList) -> None:
    for approval in rules.approvals:
        wanted = {word.text for word in approval.reviewers}
        people = [
            one
            for one in settings.reviewers.values()
            if not wanted or one.name in wanted or wanted.intersection(one.groups)
        ]
        if approval.quorum > 1 and len(people) < approval.quorum:
            problems.error(
                approval.at, f"approvals.{approval.name}: quorum {approval.quorum}, but {len(people)} may decide"
            )


def _check_repeated(entries: Sequence[MaskEntry], problems: ProblemList) -> None:
    first: dict[ColumnPattern, MaskEntry] = {}
    for entry in entries:
        earlier = first.setdefault(entry.columns, entry)
        if earlier is not entry:
            problems.error(entry.at, f"a second mask for {entry.name}", f"the first is in {earlier.at}")


def _check_test_rules(rules: Rules, problems: ProblemList) -> None:
    for test in rules.tests:
        is_built_in = test.rule.startswith(("builtin.", "defaults."))
        if test.rule and test.rule not in rules.names and not is_built_in:
            problems.error(test.at, f'tests: no rule "{test.rule}"', nearest(test.rule, sorted(rules.names)))


# The schema -------------------------------------------------------------------------------------------------------


def check_schema(rules: Rules, catalogs: Sequence[Catalog], mask_fits: MaskFits) -> list[Problem]:
    """Tables and columns that no database has, entries that tie, masks that give no value of the column's type.

    Args:
        catalogs: of the databases that the rules are for, the one first that is worth suggestions.
    """
    checks = [_SchemaCheck(rules, catalog, mask_fits) for catalog in catalogs]
    found = ProblemList()
    for check in checks:
        check.run()
        found.extend(check.problems)
    found.extend(
        problem
        for problem in (checks[0].missing if checks else ())
        if all(any(_is_one_place(problem, other) for other in check.missing) for check in checks[1:])
    )
    return list(found)


def _is_one_place(problem: Problem, other: Problem) -> bool:
    return (problem.file, problem.line, problem.column) == (other.file, other.line, other.column)


class _SchemaCheck:
    def __init__(self, rules: Rules, catalog: Catalog, mask_fits: MaskFits) -> None:
        self._rules = rules
        self._catalog = catalog
        self._mask_fits = mask_fits
        self.problems = ProblemList()
        self.missing = ProblemList()
        """What may be in another database."""
        self._relations = [
            relation
            for relation in catalog.relations.values()
            if relation.kind in _TABLE_KINDS and not relation.is_temporary
        ]

    def run(self) -> None:
        for entry in self._rules.masks:
            self._check_columns(entry.columns, entry.at)
            self._check_views(entry)
        for reveal in self._rules.reveals:
            for pattern, at in reveal.columns:
                self._check_columns(pattern, at)
        for rule in self._rules.conditional:
            for pattern, at in rule.conditions.columns:
                self._check_columns(pattern, at)
            for table, at in rule.conditions.tables:
                self._fitting_relations(table, at)
        for relation in self._relations:
            if relation.kind != "v" and not is_system_schema(relation.schema):
                self._check_masks(relation)

    def _check_columns(self, pattern: ColumnPattern, at: Position) -> None:
        relations = self._fitting_relations(pattern.relation, at)
        names = {column.name for relation in relations for column in relation.columns}
        if not relations or any(pattern.column.fits(name) for name in names):
            return
        if pattern.relation.is_exact and pattern.column.is_exact:
            message = f'{pattern.relation} has no column "{pattern.column.text}"'
            self.missing.error(at, message, nearest(pattern.column.text, sorted(names)))
        else:
            self.missing.warning(at, f"no column fits {pattern} now")

    def _fitting_relations(self, pattern: TablePattern, at: Position) -> list[Relation]:
        found = [relation for relation in self._relations if pattern.fits(relation.schema, relation.name)]
        if not found and pattern.is_exact:
            names = sorted(relation.qualified_name for relation in self._relations)
            self.missing.error(at, f"no table {pattern}", nearest(str(pattern), names))
        elif not found:
            self.missing.warning(at, f"no table fits {pattern} now")
        return found

    def _check_views(self, entry: MaskEntry) -> None:
        pattern = entry.columns.relation
        if not pattern.is_exact:
            return
        if any(one.kind == "v" and pattern.fits(one.schema, one.name) for one in self._relations):
            self.problems.error(
                entry.at,
                f"{pattern} is a view: masks on its own columns cannot be kept, statements that read it are denied",
                "mask the columns of the tables behind it, they stay masked in every view",
            )

    def _check_masks(self, relation: Relation) -> None:
        entries = [entry for entry in self._rules.masks if entry.columns.relation.fits(relation.schema, relation.name)]
        for column in relation.columns if entries else ():
            fitting = [entry for entry in entries if entry.columns.column.fits(column.name)]
            top = max((entry.columns.exactness for entry in fitting), default=None)
            chosen = [entry for entry in fitting if entry.columns.exactness == top]
            name = f"{relation.qualified_name}.{column.name}"
            for tied in chosen[1:]:
                if tied.columns != chosen[0].columns:  # equal ones are reported from the rules alone
                    self.problems.error(
                        tied.at,
                        f"{tied.name} and {chosen[0].name} fit {name} equally well",
                        f"make one more exact; the other is in {chosen[0].at}",
                    )
            for entry in chosen:
                self._check_type(entry, name, column.type_oid)

    def _check_type(self, entry: MaskEntry, name: str, type_oid: int) -> None:
        type_ = self._catalog.types.get(type_oid)
        why = "its type is not known" if type_ is None else self._mask_fits(entry.mask, type_, self._catalog.types)
        if why is not None:
            self.problems.error(
                entry.at, f"{mask_text(entry.mask)} cannot mask {name}: {why}", "every value would be NULL"
            )
