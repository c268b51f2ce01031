-- What object-relational mappers send, with their quoting and their aliases.

-- SQLAlchemy
SELECT customers.id AS customers_id, customers.name AS customers_name, customers.email AS customers_email, customers.phone AS customers_phone FROM customers WHERE customers.id = 7;
-- with: 7
SELECT customers.id AS customers_id, customers.name AS customers_name FROM customers WHERE customers.id = $1::INTEGER;
SELECT anon_1.orders_id AS anon_1_orders_id, order_items_1.line AS order_items_1_line, order_items_1.quantity AS order_items_1_quantity FROM (SELECT orders.id AS orders_id FROM orders ORDER BY orders.id LIMIT 5 OFFSET 2) AS anon_1 LEFT OUTER JOIN order_items AS order_items_1 ON anon_1.orders_id = order_items_1.order_id ORDER BY 1, 2;
SELECT count(*) AS count_1 FROM (SELECT orders.id AS orders_id FROM orders WHERE orders.status = 'paid') AS anon_1;
-- with: mail, 3
SELECT jobs.id, jobs.payload FROM jobs WHERE jobs.queue = $1::VARCHAR ORDER BY jobs.run_at LIMIT $2::INTEGER;
-- with: 1, 4, 9
SELECT orders.id FROM orders WHERE orders.customer_id IN ($1, $2, $3) ORDER BY orders.id;
INSERT INTO settings (key, value) VALUES ('locale', 'de'), ('zone', 'CET') RETURNING settings.key;
-- with: de_AT, locale
UPDATE settings SET value=$1::VARCHAR WHERE settings.key = $2::VARCHAR;
INSERT INTO settings (key, value) VALUES ('theme', 'light') ON CONFLICT (key) DO UPDATE SET value = excluded.value RETURNING settings.key, settings.value;
DELETE FROM settings WHERE settings.key IN ('locale', 'zone');
select pg_catalog.version() is not null;
select current_schema();
show standard_conforming_strings;
show transaction isolation level;
SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relname = 'orders' AND pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != 'pg_catalog';
INSERT INTO posts (id, title, body, author_id) SELECT p0::INTEGER, p1::VARCHAR, p2::VARCHAR, p3::INTEGER FROM (VALUES (100, 'a', 'b', 1, 0), (101, 'c', 'd', 2, 1)) AS imp_sen(p0, p1, p2, p3, sen_counter) ORDER BY sen_counter RETURNING posts.id, posts.id AS id__1;
BEGIN;
SAVEPOINT sa_savepoint_1;
INSERT INTO customers (name, city) VALUES ('New', 'Wien') RETURNING customers.id;
ROLLBACK TO SAVEPOINT sa_savepoint_1;
SELECT jobs.id FROM jobs WHERE jobs.locked_by IS NULL ORDER BY jobs.id LIMIT 2 FOR UPDATE SKIP LOCKED;
RELEASE SAVEPOINT sa_savepoint_1;
COMMIT;

-- Django
SELECT "posts"."id", "posts"."title", "posts"."body", "posts"."author_id", "posts"."published_at" FROM "posts" WHERE ("posts"."title"::text LIKE '%Post 1%' AND NOT ("posts"."author_id" IN (3))) ORDER BY "posts"."published_at" DESC LIMIT 21;
SELECT COUNT(*) AS "__count" FROM "customers" WHERE "customers"."is_active";
SELECT (1) AS "a" FROM "customers" WHERE "customers"."city" = 'Roma' LIMIT 1;
SELECT 1 AS "a" FROM "django_session" WHERE "django_session"."session_key" = 'x' LIMIT 1;
INSERT INTO "django_session" ("session_key", "session_data", "expire_date") VALUES ('k1', 'd1', '2026-07-01T00:00:00+00:00'::timestamptz);
UPDATE "django_session" SET "session_data" = 'd2', "expire_date" = '2026-08-01T00:00:00+00:00'::timestamptz WHERE "django_session"."session_key" = 'k1';
SELECT "django_session"."session_key", "django_session"."session_data" FROM "django_session" WHERE ("django_session"."expire_date" > '2026-07-15T00:00:00+00:00'::timestamptz AND "django_session"."session_key" = 'k1');
DELETE FROM "django_session" WHERE "django_session"."expire_date" < '2026-09-01T00:00:00+00:00'::timestamptz;
SELECT "orders"."status", COUNT("orders"."id") AS "n", SUM("orders"."total") AS "sum" FROM "orders" GROUP BY "orders"."status" HAVING COUNT("orders"."id") > 10 ORDER BY "orders"."status" ASC;
SELECT DATE_TRUNC('month', "orders"."ordered_at" AT TIME ZONE 'UTC') AS "month", COUNT(*) AS "n" FROM "orders" GROUP BY 1 ORDER BY 1;
SELECT "customers"."id", "customers"."email", T3."name" FROM "customers" LEFT OUTER JOIN "customers" T3 ON ("customers"."referred_by" = T3."id") ORDER BY "customers"."id" LIMIT 5;
SELECT "posts"."id", ARRAY_AGG("tags"."label" ORDER BY "tags"."label") AS "labels" FROM "posts" LEFT OUTER JOIN "post_tags" ON ("posts"."id" = "post_tags"."post_id") LEFT OUTER JOIN "tags" ON ("post_tags"."tag_id" = "tags"."id") GROUP BY "posts"."id" ORDER BY "posts"."id";
SELECT "posts"."id", EXISTS(SELECT 1 AS "a" FROM "post_tags" U0 WHERE U0."post_id" = ("posts"."id") LIMIT 1) AS "tagged" FROM "posts" ORDER BY "posts"."id";
SELECT "posts"."id", (SELECT U1."label" FROM "post_tags" U0 INNER JOIN "tags" U1 ON (U0."tag_id" = U1."id") WHERE U0."post_id" = ("posts"."id") ORDER BY U1."label" DESC LIMIT 1) AS "last_tag" FROM "posts" ORDER BY 1 LIMIT 5;
UPDATE "posts" SET "lock_version" = ("posts"."lock_version" + 1) WHERE "posts"."id" IN (SELECT U0."id" FROM "posts" U0 WHERE U0."author_id" = 2);
SELECT "products"."id" FROM "products" WHERE "products"."attributes" -> 'color' = '"red"'::jsonb ORDER BY "products"."id" FOR NO KEY UPDATE OF "products" NOWAIT;
SELECT c.relname, CASE WHEN c.relispartition THEN 'p' WHEN c.relkind IN ('m', 'v') THEN 'v' ELSE 't' END, obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v') AND n.nspname NOT IN ('pg_catalog', 'pg_toast') AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1;
SELECT set_config('TimeZone', 'UTC', false);
DECLARE "_django_curs_1_sync_1" NO SCROLL CURSOR WITH HOLD FOR SELECT "orders"."id", "orders"."total" FROM "orders" ORDER BY "orders"."id";
FETCH 3 FROM "_django_curs_1_sync_1";
CLOSE "_django_curs_1_sync_1";

-- Rails
SELECT "customers".* FROM "customers" WHERE "customers"."id" = 3 LIMIT 1;
-- with: 3, 1
SELECT "customers".* FROM "customers" WHERE "customers"."id" = $1 LIMIT $2;
SELECT 1 AS one FROM "posts" WHERE "posts"."title" = 'Post 3' LIMIT 1;
SELECT COUNT(*) AS "count_all", "orders"."status" AS "orders_status" FROM "orders" GROUP BY "orders"."status" ORDER BY 2;
SELECT "schema_migrations"."version" FROM "schema_migrations" ORDER BY "schema_migrations"."version" ASC;
INSERT INTO "schema_migrations" ("version") VALUES ('20260101000001'), ('20260101000002') RETURNING "version";
UPDATE "posts" SET "title" = 'Changed', "lock_version" = 1 WHERE "posts"."id" = 4 AND "posts"."lock_version" = 0;
SELECT pg_try_advisory_lock(4711), pg_advisory_unlock(4711);
INSERT INTO "tags" ("id", "label") VALUES (7, 'tag7'), (1, 'tag1') ON CONFLICT DO NOTHING RETURNING "id";
SELECT "posts"."id" AS t0_r0, "posts"."title" AS t0_r1, "tags"."id" AS t1_r0, "tags"."label" AS t1_r1 FROM "posts" LEFT OUTER JOIN "post_tags" ON "post_tags"."post_id" = "posts"."id" LEFT OUTER JOIN "tags" ON "tags"."id" = "post_tags"."tag_id" WHERE "posts"."id" IN (1, 2, 3) ORDER BY 1, 3;
SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull, a.atttypid::regtype::text, a.atttypmod, c.collname, col_description(a.attrelid, a.attnum) AS comment, attidentity AS identity, attgenerated as attgenerated FROM pg_attribute a LEFT JOIN pg_attrdef d ON a.attrelid = d.adrelid AND a.attnum = d.adnum LEFT JOIN pg_type t ON a.atttypid = t.oid LEFT JOIN pg_collation c ON a.attcollation = c.oid AND a.attcollation <> t.typcollation WHERE a.attrelid = '"orders"'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;
SET client_min_messages TO 'warning';
SET standard_conforming_strings = on;
SET SESSION timezone TO 'UTC';

-- Prisma
SELECT "public"."customers"."id", "public"."customers"."email", "public"."customers"."name" FROM "public"."customers" WHERE ("public"."customers"."city" = 'Paris' AND "public"."customers"."is_active" = true) ORDER BY "public"."customers"."id" ASC LIMIT 10 OFFSET 0;
SELECT COUNT(*) FROM (SELECT "public"."orders"."id" FROM "public"."orders" WHERE 1=1 OFFSET 0) AS "sub";
INSERT INTO "public"."posts" ("id", "title", "author_id") VALUES (200, 't', 1) RETURNING "public"."posts"."id", "public"."posts"."title";
SELECT "t0"."id", COALESCE("aggr_selection_0_Items"."_aggr_count_items", 0) AS "_aggr_count_items" FROM "public"."orders" AS "t0" LEFT JOIN (SELECT "public"."order_items"."order_id", COUNT(*) AS "_aggr_count_items" FROM "public"."order_items" WHERE 1=1 GROUP BY "public"."order_items"."order_id") AS "aggr_selection_0_Items" ON ("t0"."id" = "aggr_selection_0_Items"."order_id") WHERE 1=1 ORDER BY 1 LIMIT 5;
SELECT "t1"."id", "t1"."sku", "Items"."__prisma_data__" AS "items" FROM "public"."products" AS "t1" LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') AS "__prisma_data__" FROM (SELECT "t4"."__prisma_data__" FROM (SELECT JSONB_BUILD_OBJECT('line', "t3"."line", 'quantity', "t3"."quantity") AS "__prisma_data__" FROM (SELECT "t2".* FROM "public"."order_items" AS "t2" WHERE "t1"."id" = "t2"."product_id" ORDER BY "t2"."order_id", "t2"."line") AS "t3") AS "t4") AS "t5") AS "Items" ON TRUE ORDER BY "t1"."id" LIMIT 3;
DELETE FROM "public"."posts" WHERE ("public"."posts"."id" = 200 AND 1=1) RETURNING "public"."posts"."id";

-- Hibernate
select c1_0.id,c1_0.city,c1_0.email,c1_0.name from customers c1_0 where c1_0.segment='retail' and c1_0.id<20 order by c1_0.id fetch first 5 rows only;
select o1_0.id,c1_0.id,c1_0.name,o1_0.total from orders o1_0 left join customers c1_0 on c1_0.id=o1_0.customer_id where o1_0.id=7;
select nextval('jobs_id_seq') > 0;
select distinct p1_0.category from products p1_0 where p1_0.price>(select avg(p2_0.price) from products p2_0) order by 1;
update jobs set attempts=attempts+1,locked_by='worker-1' where id=(select id from jobs where queue='index' and locked_by is null order by run_at limit 1 for update skip locked) returning id,queue,payload;
insert into orders (currency,customer_id,total) values ('EUR',5,99.5) returning id,status,ordered_at;
select count(o1_0.id),o1_0.customer_id from orders o1_0 where o1_0.ordered_at>=timestamp with time zone '2026-02-01 00:00:00+00:00' group by o1_0.customer_id order by 2 limit 5;
select 1;
SELECT 1;

-- data-modifying CTEs, writes of every kind
with moved as (delete from jobs where id <= 3 returning id, queue) select queue, count(*) from moved group by queue order by queue;
with fresh as (insert into tags (id, label) values (50, 'fifty') returning id) insert into post_tags (post_id, tag_id) select 1, id from fresh returning post_id, tag_id;
update products set price = price * 1.1, attributes = jsonb_set(attributes, '{stock}', '0') where category = 'seat' returning id, price;
with changed as (update order_items i set discount = 0.05 from products p where p.id = i.product_id and p.category = 'light' and i.order_id < 5 returning i.order_id, i.line, i.discount) select * from changed order by 1, 2;
with gone as (delete from order_items i using orders o where o.id = i.order_id and o.status = 'returned' and o.id < 20 returning i.order_id, i.line) select * from gone order by 1, 2;
update customers set city = 'Bergen' where id = 4 returning id, name, city;
update customers set is_active = not is_active, segment = default where city = 'Roma' and id < 20;
insert into customers (name, email, phone, city) values ('Given', 'given@mail.example', '+49 30 1', 'Bonn') returning id, name, city;
insert into events values (1000, '2026-02-14 12:00+00', 'view', 1, '{}'), (1001, '2027-01-01 00:00+00', 'buy', 2, null) returning id, kind;
delete from events where id >= 1000;
insert into settings select 'copy_' || key, value, updated_at from settings on conflict (key) do nothing;
truncate post_tags;
delete from customers where id >= 1000;
