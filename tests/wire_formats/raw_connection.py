"""A connection that gives and takes values as raw bytes, in either format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import pq

from pgproxy.catalog.model import Type


@dataclass(frozen=True, slots=True)
class RawColumn:
    type_oid: int
    typmod: int
    format: int
    values: tuple[bytes | None, ...]


class RawConnection:
    def __init__(self, dsn: str) -> None:
        self.connection = pq.PGconn.connect(dsn.encode())
        assert self.connection.status == pq.ConnStatus.OK, self.connection.error_message
        self.execute("set client_encoding to 'UTF8'")

    def close(self) -> None:
        self.connection.finish()

    def execute(self, statement: str) -> None:
        result = self.connection.exec_(statement.encode())
        assert result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK), result.error_message

    def set(self, settings: Mapping[str, str]) -> None:
        for name, value in settings.items():
            self.execute(f"set {name} to '{value}'" if name != "DateStyle" else f"set datestyle to {value}")

    def parameters(self) -> dict[str, str]:
        out = {}
        for name in ("DateStyle", "TimeZone", "IntervalStyle"):
            status = self.connection.parameter_status(name.encode())
            assert status is not None
            out[name] = status.decode()
        return out

    def query(
        self, statement: str, values: tuple[bytes | None, ...] = (), value_format: int = 0, result_format: int = 0
    ) -> RawColumn:
        """The only column of a result."""
        result = self.connection.exec_params(
            statement.encode(), list(values), None, [value_format] * len(values), result_format
        )
        assert result.status == pq.ExecStatus.TUPLES_OK, (statement, values, result.error_message)
        return RawColumn(
            result.ftype(0),
            result.fmod(0),
            result.fformat(0),
            tuple(result.get_value(row, 0) for row in range(result.ntuples)),
        )

    def types(self) -> dict[int, Type]:
        """What the tests need of pg_type."""
        result = self.connection.exec_(
            b"select t.oid, nspname, typname, typtype, case typcategory when 'A' then typelem else 0 end, typbasetype,"
            b" (select string_agg(enumlabel, chr(1) order by enumsortorder) from pg_enum where enumtypid = t.oid),"
            b" typdelim"
            b" from pg_type t join pg_namespace n on n.oid = typnamespace"
        )
        types = {}
        for row in range(result.ntuples):
            oid, schema, name, kind, element, base, labels, delimiter = (
                (result.get_value(row, column) or b"").decode() for column in range(8)
            )
            types[int(oid)] = Type(
                int(oid), schema, name, kind, int(element), int(base),
                labels=tuple(labels.split("\1")) if labels else (), delimiter=delimiter,
            )  # fmt: skip
        return types
