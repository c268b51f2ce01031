"""What outlives the process: tables through SQLAlchemy Core, on SQLite or PostgreSQL. It decides nothing.

Nothing on the way of a statement waits for the store: it is read at the start and written beside the path.
"""
