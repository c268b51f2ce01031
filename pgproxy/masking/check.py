"""Whether a mask can give values of a type: for `pgproxy check`, before any row is read."""

from __future__ import annotations

from collections.abc import Mapping

from pgproxy.catalog.model import Type
from pgproxy.masking.functions import DoesNotFit, mask_name, probe
from pgproxy.masking.valuetypes import ScalarType, value_type
from pgproxy.policy import masks
from pgproxy.policy.masks import Mask
from pgproxy.wire.formats import builtin, oids


def mask_fits(mask: Mask, type: Type, types: Mapping[int, Type], typmod: int = -1) -> str | None:
    """None, or a sentence why every value of such a column would become NULL.

    `null` fits every type, and `redact` too: NULL is what they mean there.
    """
    if isinstance(mask, masks.Null | masks.Redact):
        return None
    known = value_type(type.oid, typmod, {**types, type.oid: type}, {})
    if known is None:
        return f"values of type {type.name} cannot be masked with {mask_name(mask)}: only with null"
    try:
        probe(mask, known)
    except DoesNotFit as reason:
        return f"{mask_name(mask)} does not fit type {type.name}: {reason}"
    return None


def mask_problem(mask: Mask) -> str | None:
    """None, or a sentence why this mask works on no type at all: an unknown provider, alphabet, kind, unit or path."""
    match mask:
        case masks.Null() | masks.Redact() | masks.Constant() | masks.Hash() | masks.Digits():
            return None
        case masks.Json(paths) if not paths:
            return "json needs at least one path"
        case masks.Scrub(kinds) if not kinds:
            return "scrub needs at least one kind"
    try:
        probe(mask, _NATURAL_TYPES[type(mask)])
    except DoesNotFit as reason:
        return str(reason)
    return None


def _scalar(type_oid: int) -> ScalarType:
    codec = builtin.codec(type_oid, {})
    assert codec is not None
    return ScalarType(codec)


_NATURAL_TYPES: Mapping[type[Mask], ScalarType] = {
    masks.Partial: _scalar(oids.TEXT),
    masks.Fake: _scalar(oids.TEXT),
    masks.Tokenize: _scalar(oids.TEXT),
    masks.Scrub: _scalar(oids.TEXT),
    masks.Round: _scalar(oids.NUMERIC),
    masks.Truncate: _scalar(oids.TIMESTAMP),
    masks.ShiftDays: _scalar(oids.DATE),
    masks.Json: _scalar(oids.JSON),
}
