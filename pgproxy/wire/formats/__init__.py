"""Values of PostgreSQL types in text and binary format: bytes ↔ plain Python values, one module a family of types.

No messages here (they are `pgproxy.wire`), no masks, no catalog: enums, domains and arrays are put together by the
caller from what the catalog says. Start at `builtin.codec`.
"""
