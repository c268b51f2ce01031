-- Prisma's schema engine: schemas by name in an array parameter; tables, constraints, views, enums, columns, foreign keys,
-- indexes unnested beside their positions, routines, extensions, sequences.
-- with: library
select exists (select from pg_namespace where nspname = $1), current_setting('server_version_num')::integer > 0;
-- with: {library}
select n.nspname as schema from pg_namespace n where n.nspname = any ($1) order by 1;
-- with: {library}
select c.relname, n.nspname, c.relhassubclass and c.relkind = 'p', c.relhassubclass and c.relkind = 'r', c.relrowsecurity, c.reloptions, obj_description(c.oid, 'pg_class') from pg_class c join pg_namespace n on n.oid = c.relnamespace where (c.relkind = 'r' and not c.relispartition or c.relkind = 'p') and n.nspname = any ($1) order by 2, 1;
-- with: {library}
select n.nspname, t.relname, k.conname, k.contype, pg_get_constraintdef(k.oid), k.condeferrable, k.condeferred from pg_constraint k join pg_class t on t.oid = k.conrelid join pg_namespace n on n.oid = t.relnamespace where n.nspname = any ($1) and contype not in ('p', 'u', 'f') order by 1, 2, 4, 3;
-- with: {library}
select v.viewname, v.definition, v.schemaname, obj_description(c.oid, 'pg_class') from pg_catalog.pg_views v join pg_catalog.pg_namespace n on v.schemaname = n.nspname join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = v.viewname where schemaname = any ($1) order by 1;
-- with: {library}
select y.typname, e.enumlabel, n.nspname, obj_description(y.oid, 'pg_type') from pg_type y join pg_enum e on e.enumtypid = y.oid join pg_namespace n on n.oid = y.typnamespace where n.nspname = any ($1) order by e.enumsortorder;
-- with: {library}
select y.typname, n.nspname from pg_type y join pg_namespace n on n.oid = y.typnamespace where n.nspname = any ($1) and y.typtype = 'b' and y.typinput::regproc::text <> 'array_in';
-- with: {library}
select r.schema, i.table_name, i.column_name, format_type(a.atttypid, a.atttypmod), i.numeric_precision, i.numeric_scale, i.datetime_precision, i.data_type, i.udt_schema, i.udt_name, pg_get_expr(d.adbin, d.adrelid), i.is_nullable, i.is_identity, i.character_maximum_length, col_description(a.attrelid, ordinal_position) from information_schema.columns i join pg_attribute a on a.attname = i.column_name join (select pg_class.oid, relname, nspname as schema from pg_class join pg_namespace n on n.oid = relnamespace and nspname = any ($1) where reltype > 0) r on r.oid = a.attrelid and relname = i.table_name and schema = i.table_schema left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum and table_schema = schema where table_schema = any ($1) order by 1, 2, ordinal_position;
-- with: {library}
select k.conname, own.attname, far.relname, other.attname, k.confdeltype, k.confupdtype, schema from (select n.nspname as schema, unnest(c.conkey) as parent, unnest(c.confkey) as child, generate_subscripts(c.conkey, 1) as at, c.* from pg_class t join pg_constraint c on c.conrelid = t.oid join pg_namespace n on n.oid = t.relnamespace where n.nspname = any ($1) and c.contype = 'f' order by at) k join pg_attribute other on other.attrelid = k.confrelid and other.attnum = k.child join pg_class far on far.oid = k.confrelid join pg_attribute own on own.attrelid = k.conrelid and own.attnum = k.parent order by k.conname, k.at;
-- with: {library}
with parts as (select indrelid, indexrelid, indisunique, indisprimary, unnest(indkey) as attnum, generate_subscripts(indkey, 1) as at, unnest(indclass) as class, unnest(indoption) as options from pg_index where indpred is null and not indisexclusion) select n.nspname, i.relname, t.relname, a.attname, p.indisunique, p.indisprimary, p.at, o.opcname, o.opcdefault, m.amname, case p.options & 1 when 1 then 'DESC' else 'ASC' end, p.options & 2 = 2, k.condeferrable from parts p join pg_class t on t.oid = p.indrelid join pg_class i on i.oid = p.indexrelid join pg_namespace n on n.oid = t.relnamespace left join pg_attribute a on a.attrelid = t.oid and a.attnum = p.attnum join pg_am m on m.oid = i.relam left join pg_opclass o on o.oid = p.class left join pg_constraint k on p.indexrelid = k.conindid and k.contype <> 'f' where n.nspname = any ($1) and not exists (select from parts x where x.indexrelid = p.indexrelid and x.attnum = 0) order by 1, 3, 2, p.at;
-- with: {library}
select p.proname, n.nspname, case when l.lanname = 'internal' then p.prosrc else pg_get_functiondef(p.oid) end from pg_proc p left join pg_namespace n on n.oid = p.pronamespace left join pg_language l on l.oid = p.prolang where n.nspname = any ($1) and p.prokind <> 'a' order by 1;
select x.extname, x.extversion, x.extrelocatable, n.nspname from pg_extension x join pg_namespace n on n.oid = x.extnamespace order by 1;
-- with: {library}
select sequence_name, sequence_schema, start_value::int8, minimum_value::int8, maximum_value::int8, increment::int8, cycle_option = 'YES', 0::int8 from information_schema.sequences where sequence_schema = any ($1) order by 1;
-- with: {library}
select c.relname, p.policyname is null from pg_class c left join pg_policies p on p.tablename = c.relname and p.schemaname = any ($1) where c.relrowsecurity;
-- Migrations hold an advisory lock; the client reads and writes by RETURNING, ON CONFLICT and lateral JSON joins.
select pg_advisory_lock(72707369);
select pg_advisory_unlock(72707369);
BEGIN ISOLATION LEVEL SERIALIZABLE;
-- with: 1
SELECT "t"."name", "books" FROM "library"."authors" AS "t" LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("o"), '[]') AS "books" FROM (SELECT JSONB_BUILD_OBJECT('isbn', "b"."isbn", 'pages', "b"."pages") AS "o" FROM "library"."books" AS "b" WHERE "t"."id" = "b"."author_id" ORDER BY "b"."isbn" ASC) AS "i") AS "x" ON true WHERE ("t"."id" = $1 AND 1 = 1) LIMIT 1 OFFSET 0;
-- with: Again, 1
UPDATE "library"."authors" SET "name" = $1 WHERE ("library"."authors"."id" = $2 AND 1 = 1) RETURNING "id", "name";
ROLLBACK;
