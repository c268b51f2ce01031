#!/bin/sh
# Runs once, in an empty data directory: a table to try the proxy with, and the login that the proxy uses.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$APP_PASSWORD" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE);
INSERT INTO users VALUES (1, 'Donna Vega', 'donna.vega@example.com'), (2, 'Jürgen Weiß', 'jurgen.weiss@example.org');
CREATE ROLE app LOGIN PASSWORD :'password';
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO app;
-- The proxy reads analysed trees from its session's messages; they need not fill the server's log.
ALTER ROLE app SET log_min_messages = panic;
SQL
