-- The migrations of an ordinary application, on tables that have no masked column.

-- tables
CREATE TABLE IF NOT EXISTS audit_log (id bigserial PRIMARY KEY, actor varchar(80) NOT NULL, action text, at timestamptz NOT NULL DEFAULT now(), details jsonb DEFAULT '{}'::jsonb);
CREATE TABLE warehouses (id serial PRIMARY KEY, code char(4) UNIQUE, name text NOT NULL, capacity integer DEFAULT 0 CHECK (capacity >= 0), opened date DEFAULT CURRENT_DATE, is_open boolean DEFAULT true);
CREATE TABLE stock (warehouse_id integer NOT NULL REFERENCES warehouses (id) ON DELETE CASCADE, product_id integer NOT NULL, quantity integer NOT NULL, CONSTRAINT stock_pk PRIMARY KEY (warehouse_id, product_id), CONSTRAINT stock_positive CHECK (quantity >= 0 AND quantity < 1000000));
ALTER TABLE stock ADD CONSTRAINT stock_product_fk FOREIGN KEY (product_id) REFERENCES products (id) DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE "Mixed Case" ("Id" uuid PRIMARY KEY DEFAULT gen_random_uuid(), "Unit price (EUR)" numeric(10,2), "a.b" text, "100%" int);
INSERT INTO "Mixed Case" ("Unit price (EUR)", "100%") VALUES (9.5, 100) RETURNING "Unit price (EUR)", "100%";
SELECT "Unit price (EUR)", "100%" AS "share (%)" FROM "Mixed Case";
CREATE TABLE measurements (at timestamptz NOT NULL, sensor integer, value double precision) PARTITION BY RANGE (at);
CREATE TABLE measurements_2026 PARTITION OF measurements FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2027-01-01 00:00+00');
CREATE TABLE measurements_rest PARTITION OF measurements DEFAULT;
INSERT INTO measurements SELECT timestamptz '2026-03-01 00:00+00' + g * interval '1 hour', g % 3, g * 1.5 FROM generate_series(1, 50) g;
SELECT sensor, count(*), avg(value) FROM measurements GROUP BY sensor ORDER BY sensor;
CREATE TABLE readings (LIKE measurements INCLUDING DEFAULTS);
CREATE TEMP TABLE scratch (id int, label text) ON COMMIT DROP;
CREATE TEMPORARY TABLE kept (id int GENERATED ALWAYS AS IDENTITY, label text COLLATE "C");
INSERT INTO kept (label) VALUES ('a'), ('b') RETURNING id, label;
DROP TABLE kept;
CREATE UNLOGGED TABLE cache (key text PRIMARY KEY, value bytea, expires timestamptz);
CREATE TABLE regions (id int PRIMARY KEY, area box, span int4range, path text GENERATED ALWAYS AS ('/r/' || code) STORED, code text);
CREATE TABLE categories (id int PRIMARY KEY, parent_id int REFERENCES categories (id), rank int CHECK (rank BETWEEN 1 AND 9 OR rank IN (50, 60)));
INSERT INTO categories VALUES (1, NULL, 1), (2, 1, 50);

-- alterations
ALTER TABLE warehouses ADD COLUMN country varchar(2) DEFAULT 'DE', ADD COLUMN note text;
ALTER TABLE warehouses ALTER COLUMN note SET NOT NULL;
ALTER TABLE warehouses ALTER COLUMN note DROP NOT NULL;
ALTER TABLE warehouses ALTER COLUMN capacity SET DEFAULT 10;
ALTER TABLE warehouses ALTER COLUMN capacity TYPE bigint;
ALTER TABLE warehouses ADD CONSTRAINT warehouses_name_key UNIQUE (name);
ALTER TABLE warehouses DROP CONSTRAINT warehouses_name_key;
ALTER TABLE warehouses ADD CHECK (length(code) = 4) NOT VALID;
ALTER TABLE warehouses RENAME COLUMN note TO remark;
ALTER TABLE warehouses RENAME TO depots;
ALTER TABLE depots RENAME TO warehouses;
ALTER TABLE warehouses DROP COLUMN IF EXISTS remark;
ALTER TABLE warehouses SET (fillfactor = 90);
ALTER TABLE ONLY warehouses ALTER COLUMN name SET STATISTICS 200;
ALTER TABLE warehouses REPLICA IDENTITY FULL;
INSERT INTO warehouses (code, name, opened) VALUES ('BER1', 'Berlin', '2026-01-01'), ('PRG1', 'Praha', '2026-02-01') RETURNING id, code, capacity, country;
COMMENT ON TABLE warehouses IS 'where things are';
COMMENT ON COLUMN warehouses.code IS 'four letters (and digits)';

-- indexes, sequences, views, schemas
CREATE INDEX orders_status_idx ON orders (status, ordered_at DESC NULLS LAST);
CREATE INDEX IF NOT EXISTS products_category_idx ON products USING btree (category);
CREATE UNIQUE INDEX warehouses_lower_name ON warehouses (lower(name));
CREATE INDEX products_tags ON products USING gin (tags);
CREATE INDEX products_attributes ON products USING gin (attributes jsonb_path_ops);
CREATE INDEX orders_open ON orders (customer_id) INCLUDE (total) WHERE status <> 'returned';
CREATE INDEX events_brin ON events USING brin (at);
ALTER INDEX orders_open RENAME TO orders_open_idx;
DROP INDEX IF EXISTS orders_open_idx;
DROP INDEX CONCURRENTLY products_category_idx;
CREATE SEQUENCE invoice_numbers START WITH 1000 INCREMENT BY 1 CACHE 10;
SELECT nextval('invoice_numbers'), setval('invoice_numbers', 2000), currval('invoice_numbers');
ALTER SEQUENCE invoice_numbers RESTART WITH 5;
DROP SEQUENCE invoice_numbers;
CREATE VIEW open_orders AS SELECT id, customer_id, total FROM orders WHERE status IN ('new', 'paid');
CREATE OR REPLACE VIEW open_orders AS SELECT id, customer_id, total, currency FROM orders WHERE status IN ('new', 'paid');
SELECT count(*), sum(total) FROM open_orders;
CREATE VIEW per_city AS SELECT city, count(*) AS "count(*)" FROM customers GROUP BY city;
SELECT city, "count(*)" FROM per_city ORDER BY city;
CREATE SCHEMA IF NOT EXISTS staging;
CREATE TABLE staging.loads (id int, at timestamptz);
ALTER TABLE staging.loads SET SCHEMA public;
DROP SCHEMA staging CASCADE;

-- types
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE mood ADD VALUE 'great' AFTER 'happy';
CREATE TYPE address AS (street text, city text, zip varchar(10));
CREATE TABLE places (id int PRIMARY KEY, at address, feel mood DEFAULT 'ok');
INSERT INTO places VALUES (1, ROW('Main St', 'Berlin', '10115'), 'sad'), (2, NULL, 'happy') RETURNING id, (at).city, feel;
SELECT id, (at).city, feel, at FROM places WHERE feel > 'ok' OR (at).zip = '10115' ORDER BY id;
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN short_code AS varchar(8) NOT NULL DEFAULT 'x';
CREATE TABLE parts (id positive, code short_code);
INSERT INTO parts VALUES (1, 'abc') RETURNING id, code;
SELECT id, code FROM parts WHERE id = 1;
CREATE TYPE price_range AS RANGE (subtype = numeric);
SELECT '[1,5]'::price_range::text;
DROP TABLE parts;
DROP TABLE places;
DROP TYPE address;
DROP TYPE mood;
DROP DOMAIN positive;

-- upkeep
ANALYZE warehouses;
VACUUM (ANALYZE) stock;
REINDEX TABLE warehouses;
BEGIN;
LOCK TABLE warehouses IN ACCESS EXCLUSIVE MODE;
COMMIT;
GRANT SELECT ON warehouses TO PUBLIC;
REVOKE SELECT ON warehouses FROM PUBLIC;
LISTEN jobs;
NOTIFY jobs, 'go';
UNLISTEN *;
CREATE EXTENSION IF NOT EXISTS plpgsql;
ALTER TABLE events DETACH PARTITION events_2026_02;
ALTER TABLE events ATTACH PARTITION events_2026_02 FOR VALUES FROM ('2026-02-01 00:00+00') TO ('2026-03-01 00:00+00');
ALTER TABLE customers ADD COLUMN loyalty int DEFAULT 0 CHECK (loyalty >= 0);
ALTER TABLE customers ADD CONSTRAINT customers_country CHECK (country = upper(country));
CREATE INDEX customers_city ON customers (city, lower(name)) WHERE is_active;
CREATE TABLE favourites (customer_id int REFERENCES customers (id), product_id int REFERENCES products, PRIMARY KEY (customer_id, product_id));
INSERT INTO favourites VALUES (1, 2), (2, 2);

CREATE TABLE bookings (id int, room text, during tstzrange, EXCLUDE USING gist (during WITH &&) WHERE (room <> 'hall'));
ALTER TABLE bookings ADD CONSTRAINT one_each EXCLUDE USING btree (lower(room) WITH =, id WITH =) DEFERRABLE INITIALLY DEFERRED;
INSERT INTO bookings VALUES (1, 'a', '[2026-01-01,2026-01-02)'), (2, 'b', '[2026-01-03,2026-01-04)');

-- and the end
DROP INDEX customers_city, orders_status_idx, products_tags, products_attributes, events_brin;
ALTER TABLE customers DROP COLUMN loyalty, DROP CONSTRAINT customers_country;
DROP TABLE bookings, categories, favourites, stock, warehouses, audit_log, "Mixed Case", measurements, readings, cache, regions, loads;
DROP VIEW open_orders, per_city;
DROP TYPE price_range;
DROP DOMAIN short_code;
DROP TABLE IF EXISTS nowhere;
