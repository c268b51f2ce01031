-- Django's introspection (inspectdb, migrate), its session settings, and what its querysets make of PostgreSQL's own.
SELECT set_config('TimeZone', 'UTC', false);
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
select c.relname, case when c.relispartition then 'p' when c.relkind in ('m', 'v') then 'v' else 't' end, obj_description(c.oid, 'pg_class') from pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('f', 'm', 'p', 'r', 'v') and n.nspname not in ('pg_catalog', 'pg_toast') and pg_catalog.pg_table_is_visible(c.oid) order by 1;
SET search_path = library, public;
-- with: books
select a.attname, not (a.attnotnull or (y.typtype = 'd' and y.typnotnull)), pg_get_expr(d.adbin, d.adrelid), case when l.collname = 'default' then null else l.collname end, a.attidentity <> '', col_description(a.attrelid, a.attnum) from pg_attribute a left join pg_attrdef d on a.attrelid = d.adrelid and a.attnum = d.adnum left join pg_collation l on a.attcollation = l.oid join pg_type y on a.atttypid = y.oid join pg_class c on a.attrelid = c.oid join pg_namespace n on c.relnamespace = n.oid where c.relkind in ('f', 'm', 'p', 'r', 'v') and c.relname = $1 and n.nspname not in ('pg_catalog', 'pg_toast') and pg_catalog.pg_table_is_visible(c.oid) order by a.attnum;
SELECT * FROM "books" LIMIT 1;
SELECT * FROM "authors" WHERE false;
-- with: authors
select s.relname, a.attname from pg_class s join pg_depend d on s.oid = d.objid and d.deptype in ('a', 'i') and d.classid = 'pg_class'::regclass and d.refobjsubid <> 0 join pg_attribute a on d.refobjid = a.attrelid and d.refobjsubid = a.attnum join pg_class t on t.oid = d.refobjid where s.relkind = 'S' and t.relname = $1 and pg_catalog.pg_table_is_visible(t.oid);
-- with: loan_notes
select o.attname, t.relname, f.attname from pg_constraint k join pg_class c on k.conrelid = c.oid join pg_class t on k.confrelid = t.oid join pg_attribute o on o.attrelid = c.oid and o.attnum = k.conkey[1] join pg_attribute f on f.attrelid = t.oid and f.attnum = k.confkey[1] where c.relname = $1 and k.contype = 'f' and pg_catalog.pg_table_is_visible(c.oid);
-- with: books
select k.conname, array(select a.attname from unnest(k.conkey) with ordinality x(id, at) join pg_attribute a on x.id = a.attnum where a.attrelid = k.conrelid order by x.at), k.contype, (select t.relname || '.' || f.attname from pg_attribute f left join pg_class t on f.attrelid = t.oid where f.attrelid = k.confrelid and f.attnum = k.confkey[1]), c.reloptions from pg_constraint k join pg_class c on k.conrelid = c.oid where c.relname = $1 and pg_catalog.pg_table_is_visible(c.oid) order by 1;
-- with: books
select name, array_agg(attname order by at), indisunique, indisprimary, array_agg(ordering order by at), amname, definition, options from (select i.relname as name, x.*, t.attname, pg_get_indexdef(x.indexrelid) as definition, m.amname, i.reloptions as options, case when pg_catalog.pg_indexam_has_property(m.oid, 'can_order') then case (x.option & 1) when 1 then 'DESC' else 'ASC' end end as ordering from (select *, unnest(indkey) as key, unnest(indoption) as option, generate_subscripts(indkey, 1) as at from pg_index) x left join pg_class c on x.indrelid = c.oid left join pg_class i on x.indexrelid = i.oid left join pg_am m on i.relam = m.oid left join pg_attribute t on t.attrelid = c.oid and t.attnum = x.key where c.relname = $1 and pg_catalog.pg_table_is_visible(c.oid)) s group by name, indisunique, indisprimary, amname, definition, options order by 1;
select y.oid, typarray from pg_type y where typname in ('citext', 'hstore');
select setval(pg_get_serial_sequence('"authors"', 'id'), coalesce(max("id"), 1), max("id") is not null) from "authors";
SELECT "a"."name", COUNT("b"."isbn") AS "n", EXISTS(SELECT 1 AS "x" FROM "books" U0 WHERE (U0."author_id" = "a"."id" AND U0."pages" > 15) LIMIT 1) AS "has" FROM "authors" "a" LEFT OUTER JOIN "books" "b" ON ("a"."id" = "b"."author_id") GROUP BY "a"."id" HAVING COUNT("b"."isbn") > 0 ORDER BY "a"."name" ASC;
SELECT "title", ROW_NUMBER() OVER (PARTITION BY "author_id" ORDER BY "pages") AS "r", LAG("pages", 1) OVER (ORDER BY "pages") AS "l" FROM "books" ORDER BY "isbn";
SELECT ARRAY_AGG("title" ORDER BY "title"), STRING_AGG("title", ', ' ORDER BY "title" DESC), JSONB_AGG("pages" ORDER BY "pages"), CORR("pages", "pages"), BIT_AND("pages") FROM "books";
SELECT count(*) FROM "books" WHERE to_tsvector(COALESCE("title", '')) @@ (plainto_tsquery('first')) AND UPPER("title"::text) LIKE UPPER('%f%') AND "tags" @> ARRAY[]::text[] AND CASE WHEN "tags" IS NULL THEN NULL ELSE coalesce(array_length("tags", 1), 0) END = 0 AND ("at" AT TIME ZONE 'Europe/Berlin')::date >= '2020-01-01'::date AND EXTRACT(YEAR FROM "at" AT TIME ZONE 'UTC') > 2000;
BEGIN;
SAVEPOINT "s1_x1";
SELECT "isbn" FROM "books" ORDER BY "isbn" ASC LIMIT 2 FOR NO KEY UPDATE OF "books" SKIP LOCKED;
INSERT INTO "visits" ("id", "at", "region", "email") SELECT * FROM UNNEST((ARRAY[8, 9])::integer[], (ARRAY['2019-01-01 00:00:00+00:00', '2019-02-01 00:00:00+00:00'])::timestamp with time zone[], (ARRAY['us', 'eu'])::text[], (ARRAY['a@x.example', NULL])::text[]) ON CONFLICT DO NOTHING RETURNING "visits"."id";
INSERT INTO "media" ("id", "title") VALUES (1, 'up'), (2, 'down') ON CONFLICT("id") DO UPDATE SET "title" = EXCLUDED."title" RETURNING "media"."title";
RELEASE SAVEPOINT "s1_x1";
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
DECLARE "_django_curs_1_sync_1" NO SCROLL CURSOR FOR SELECT "title" FROM "library"."books" ORDER BY "isbn";
FETCH FORWARD 2 FROM "_django_curs_1_sync_1";
CLOSE "_django_curs_1_sync_1";
ROLLBACK;
RESET search_path;
