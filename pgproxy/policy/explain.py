"""A decision for programs (`explain --json`) and for people."""

from __future__ import annotations

from collections.abc import Sequence

from pgproxy.policy.decision import Decision, OutputColumn, Reason
from pgproxy.policy.mask_text import mask_text, mask_value


def as_dict(decision: Decision) -> dict[str, object]:
    """The object that `explain --json` prints. A column's mask is null where it comes as it is."""
    return {
        "action": decision.action.value,
        "rules": list(dict.fromkeys(reason.rule for reason in decision.reasons)),
        "reasons": [_reason_dict(reason) for reason in decision.reasons],
        "tables": list(decision.tables),
        "columns": [
            {
                "name": column.name,
                "lineage": list(column.lineage),
                "mask": None if column.mask is None else mask_value(column.mask),
            }
            for column in decision.columns
        ],
        "observed": [_reason_dict(reason) for reason in decision.observed],
    }


def _reason_dict(reason: Reason) -> dict[str, object]:
    return {"rule": reason.rule, "text": reason.text, "where": reason.where, "hint": reason.hint}


def as_text(decision: Decision) -> str:
    """Some lines and, where the statement gives rows, a table of its columns."""
    lines = [f"{decision.action.value}"]
    lines += [f"  {_reason_line(reason)}" for reason in decision.reasons]
    lines += [f"  hint: {hint}" for hint in dict.fromkeys(reason.hint for reason in decision.reasons) if hint]
    lines += [f"  observed: {_reason_line(reason)}" for reason in decision.observed]
    if decision.tables:
        lines += ["", f"tables: {', '.join(decision.tables)}"]
    if decision.columns:
        lines += ["", *_table(("column", "mask", "from"), [_row(column) for column in decision.columns])]
    return "\n".join(lines)


def _reason_line(reason: Reason) -> str:
    where = f" ({reason.where})" if reason.where else ""
    return f"{reason.rule}{where}: {reason.text}"


def _row(column: OutputColumn) -> tuple[str, str, str]:
    mask = "-" if column.mask is None else mask_text(column.mask)
    return column.name, mask, ", ".join(column.lineage) or "-"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    everything = [header, *rows]
    widths = [max(len(row[place]) for row in everything) for place in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    return [line(header), line(["-" * width for width in widths]), *(line(row) for row in rows)]
