"""The demo: an embedded PostgreSQL server with a believable shop behind the proxy.

Needs the `demo` extra; nothing outside this package imports it but the command line.
"""
