"""pgproxy: a PostgreSQL proxy that masks, records and asks before it acts."""

__version__ = "0.1.0"
