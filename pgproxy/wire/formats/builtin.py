"""The codec of a built-in type by OID."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pgproxy.wire.formats import datetimes, intervals, network, numbers, oids, strings
from pgproxy.wire.formats.codec import Codec

_FIXED: Mapping[int, Codec] = {
    oids.BOOL: numbers.BOOL,
    oids.BYTEA: strings.BYTEA,
    oids.CHAR: strings.TEXT,
    oids.NAME: strings.TEXT,
    oids.INT8: numbers.INT8,
    oids.INT2: numbers.INT2,
    oids.INT4: numbers.INT4,
    oids.TEXT: strings.TEXT,
    oids.OID: numbers.OID,
    oids.JSON: strings.JSON,
    oids.CIDR: network.CIDR,
    oids.FLOAT4: numbers.FLOAT4,
    oids.FLOAT8: numbers.FLOAT8,
    oids.UNKNOWN: strings.TEXT,
    oids.MACADDR8: network.MACADDR8,
    oids.MACADDR: network.MACADDR,
    oids.INET: network.INET,
    oids.BPCHAR: strings.BPCHAR,
    oids.VARCHAR: strings.TEXT,
    oids.TIME: datetimes.TIME,
    oids.TIMETZ: datetimes.TIMETZ,
    oids.NUMERIC: numbers.NUMERIC,
    oids.UUID: strings.UUID,
    oids.JSONB: strings.JSONB,
}

_BY_SETTINGS: Mapping[int, Callable[[Mapping[str, str]], Codec]] = {
    oids.DATE: datetimes.date_codec,
    oids.TIMESTAMP: datetimes.timestamp_codec,
    oids.TIMESTAMPTZ: datetimes.timestamptz_codec,
    oids.INTERVAL: intervals.interval_codec,
}


def codec(type_oid: int, parameters: Mapping[str, str]) -> Codec | None:
    """How values of a built-in scalar type are written; None for a type that is not read here.

    Args:
        parameters: the session's ParameterStatus values; DateStyle, TimeZone and IntervalStyle count.
    """
    fixed = _FIXED.get(type_oid)
    if fixed is not None:
        return fixed
    make = _BY_SETTINGS.get(type_oid)
    return make(parameters) if make is not None else None
