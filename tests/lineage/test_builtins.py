"""`builtins.txt` against the functions that each server has: what is new is refused, until somebody judged it."""

from __future__ import annotations

import pytest

from pgproxy.statements.lineage.builtins import Running, is_denied, running
from tests.lineage.analysis import Analysis
from tests.servers import Server

_NAMES_OBJECTS = (
    "{regclass,oid,cstring,regproc,regprocedure,regoper,regoperator,regtype,regnamespace,regrole,regcollation,regconfig,"
    "regdictionary,name,oidvector,pg_node_tree,trigger,event_trigger,record,refcursor}"
)
_FUNCTIONS = f"""
SELECT proname, bool_or(
    provolatile = 'v' OR proparallel <> 's' OR lanname = 'sql' OR proname ~ '^(pg_|lo_|has_|binary_upgrade)'
    OR EXISTS (SELECT FROM unnest(proargtypes::oid[] || prorettype || COALESCE(proallargtypes, '{{}}')) AS t(oid)
      WHERE format_type(t.oid, NULL) = ANY ('{_NAMES_OBJECTS}')))
FROM pg_proc JOIN pg_language ON pg_language.oid = prolang
WHERE pg_proc.oid < 16384 GROUP BY proname
"""
"""Name, and whether somebody has to look at it: volatile, bound to one process, SQL inside, or named by an object."""


def test_every_function_of_the_server_was_judged(postgres: Server) -> None:
    servers: dict[str, bool] = dict(postgres.sql(_FUNCTIONS))
    assert sorted(servers.keys() - running().keys()) == []
    unjudged = [
        name for name, needs_judgement in servers.items() if needs_judgement and running()[name] is Running.PLAIN
    ]
    assert unjudged == []


def test_what_is_not_listed_is_denied() -> None:
    assert is_denied(9999, "pg_read_everything_of_version_19")
    assert not is_denied(870, "lower")


@pytest.mark.parametrize(
    "call",
    [
        "pg_read_file('x')",
        "pg_ls_dir('.')",
        "lo_get(1)",
        "lo_open(1, 262144)",
        "loread(0, 9)",
        "lo_lseek(0, 0, 2)",
        "ts_stat('select 1')",
        "query_to_xml('select 1', true, true, '')",
        "table_to_xml('users', true, true, '')",
        "database_to_xml(true, true, '')",
        "currtid2('users', '(0,1)')",
        "pg_logical_slot_get_changes('x', null, null)",
        "pg_logical_emit_message(false, 'a', 'b')",
        "pg_stat_get_backend_activity(1)",
        "pg_terminate_backend(1 + 1)",
        "pg_reload_conf()",
        "pg_stat_reset()",
        "fmgr_sql_validator(1)",
        "brin_summarize_new_values('users')",
        "array_in('{x}', 1, 2)",
        "pg_input_is_valid('x', 'odd')",
    ],
)
def test_what_reaches_beyond_the_statement_is_denied(analysis: Analysis, call: str) -> None:
    if "pg_input" in call and analysis.announcer.version < 16:
        pytest.skip("a function of PostgreSQL 16")
    assert analysis.lineage(f"select {call}").denied_functions
    assert analysis.lineage(f"select 1 from users where exists (select {call})").denied_functions


@pytest.mark.parametrize(
    "call",
    [
        "pg_relation_size('users')",
        "pg_get_viewdef('user_directory'::regclass)",
        "has_table_privilege('users', 'select')",
        "gen_random_uuid()",
        "clock_timestamp()",
        "nextval('numbers')",
        "setval('numbers', 3)",
        "pg_advisory_xact_lock(1)",
        "pg_notify('a', 'b')",
        "pg_sleep(0)",
        "txid_current()",
        "pg_backend_pid()",
        "to_regclass('users')",
        "pg_current_wal_lsn()",
        "ts_rewrite('a'::tsquery, 'a'::tsquery, 'b'::tsquery)",
    ],
)
def test_ordinary_calls_pass(analysis: Analysis, call: str) -> None:
    lineage = analysis.lineage(f"select {call}")
    assert not (lineage.denied_functions or lineage.opaque or lineage.effects)
