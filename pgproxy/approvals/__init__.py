"""Approvals: what was asked, who decided what, and what became of it. No I/O, no clock; `storage` keeps the events."""
