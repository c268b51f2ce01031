-- What tools ask of the system catalogs. (Results that hold OIDs or sizes are counted, not shown.)

-- psql: \d orders, \dt, \dn, \df, \l, \du, \dx, \dT, \di
SELECT count(c.oid), n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname OPERATOR(pg_catalog.~) '^(orders)$' COLLATE pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid) GROUP BY 2, 3 ORDER BY 2, 3;
SELECT c.relchecks, c.relkind, c.relhasindex, c.relhasrules, c.relhastriggers, c.relrowsecurity, c.relforcerowsecurity, false AS relhasoids, c.relispartition, '', c.reltablespace, CASE WHEN c.reloftype = 0 THEN '' ELSE c.reloftype::pg_catalog.regtype::pg_catalog.text END, c.relpersistence, c.relreplident, am.amname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_class tc ON (c.reltoastrelid = tc.oid) LEFT JOIN pg_catalog.pg_am am ON (c.relam = am.oid) WHERE c.oid = 'orders'::regclass;
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef), a.attnotnull, (SELECT c.collname FROM pg_catalog.pg_collation c, pg_catalog.pg_type t WHERE c.oid = a.attcollation AND t.oid = a.atttypid AND a.attcollation <> t.typcollation) AS attcollation, a.attidentity, a.attgenerated FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'customers'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;
SELECT c2.relname, i.indisprimary, i.indisunique, i.indisclustered, i.indisvalid, pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), pg_catalog.pg_get_constraintdef(con.oid, true), contype, condeferrable, condeferred, i.indisreplident, c2.reltablespace FROM pg_catalog.pg_class c, pg_catalog.pg_class c2, pg_catalog.pg_index i LEFT JOIN pg_catalog.pg_constraint con ON (conrelid = i.indrelid AND conindid = i.indexrelid AND contype IN ('p','u','x')) WHERE c.oid = 'orders'::regclass AND c.oid = i.indrelid AND i.indexrelid = c2.oid ORDER BY i.indisprimary DESC, c2.relname;
SELECT true AS sametable, conname, pg_catalog.pg_get_constraintdef(r.oid, true) AS condef, conrelid::pg_catalog.regclass::text AS ontable FROM pg_catalog.pg_constraint r WHERE r.conrelid = 'orders'::regclass AND r.contype = 'f' AND conparentid = 0 ORDER BY conname;
SELECT n.nspname as "Schema", c.relname as "Name", CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'p' THEN 'partitioned table' END as "Type", pg_catalog.pg_get_userbyid(c.relowner) <> '' as "Owner" FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p','v','m') AND n.nspname !~ '^pg_toast' AND n.nspname <> 'information_schema' AND n.nspname <> 'pg_catalog' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2;
SELECT n.nspname AS "Name", pg_catalog.pg_get_userbyid(n.nspowner) <> '' AS "Owner" FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1;
SELECT n.nspname, p.proname, pg_catalog.pg_get_function_result(p.oid), pg_catalog.pg_get_function_arguments(p.oid), CASE p.prokind WHEN 'a' THEN 'agg' WHEN 'w' THEN 'window' WHEN 'p' THEN 'proc' ELSE 'func' END as "Type" FROM pg_catalog.pg_proc p LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE pg_catalog.pg_function_is_visible(p.oid) AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema' ORDER BY 1, 2, 4;
SELECT d.datname = current_database() AS here, pg_catalog.pg_encoding_to_char(d.encoding) FROM pg_catalog.pg_database d WHERE d.datname = current_database();
SELECT r.rolname <> '' AS named, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcanlogin FROM pg_catalog.pg_roles r WHERE r.rolname = current_user;
SELECT e.extname, n.nspname, c.description FROM pg_catalog.pg_extension e LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace LEFT JOIN pg_catalog.pg_description c ON c.objoid = e.oid AND c.classoid = 'pg_catalog.pg_extension'::pg_catalog.regclass ORDER BY 1;
SELECT t.typname, pg_catalog.array_to_string(ARRAY(SELECT e.enumlabel FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder), E'\n') AS "Elements" FROM pg_catalog.pg_type t WHERE t.typname = 'order_status';
SELECT c.oid::pg_catalog.regclass::text, c.relkind, pg_catalog.pg_get_expr(c.relpartbound, c.oid) FROM pg_catalog.pg_class c, pg_catalog.pg_inherits i WHERE c.oid = i.inhrelid AND i.inhparent = 'events'::regclass ORDER BY pg_catalog.pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', 1;
SELECT pg_catalog.pg_get_viewdef('active_customers'::regclass, true);

-- information_schema: JDBC, Metabase, Superset, Looker
select table_schema, table_name, table_type from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema') order by 1, 2;
select column_name, data_type, is_nullable, column_default, character_maximum_length, numeric_precision, udt_name from information_schema.columns where table_schema = 'public' and table_name = 'customers' order by ordinal_position;
select tc.constraint_name, kcu.column_name, ccu.table_name, ccu.column_name from information_schema.table_constraints tc join information_schema.key_column_usage kcu using (constraint_schema, constraint_name) join information_schema.constraint_column_usage ccu using (constraint_schema, constraint_name) where tc.constraint_type = 'FOREIGN KEY' and tc.table_name = 'orders' order by 1;
select schema_name from information_schema.schemata where schema_name in ('public', 'hr') order by 1;
select view_definition is not null from information_schema.views where table_name = 'order_summary';
select sequence_name, data_type from information_schema.sequences where sequence_schema = 'public' order by 1;
select grantee <> '' as g, privilege_type from information_schema.role_table_grants where table_name = 'tags' order by 2;
select routine_name from information_schema.routines where routine_schema = 'public' order by 1;

-- JDBC and DataGrip metadata
SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema' WHEN true THEN 'SYSTEM' WHEN false THEN CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'i' THEN 'INDEX' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END ELSE NULL END AS TABLE_TYPE, d.description AS REMARKS FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 and d.classoid = 'pg_class'::regclass) WHERE c.relnamespace = n.oid AND n.nspname LIKE 'hr' AND c.relkind IN ('r', 'v') ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME;
SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME, (information_schema._pg_expandarray(i.indkey)).n AS KEY_SEQ, ci.relname AS PK_NAME, information_schema._pg_expandarray(i.indkey) IS NOT NULL AS KEYS, a.attnum AS A_ATTNUM FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid) JOIN pg_catalog.pg_index i ON (a.attrelid = i.indrelid) JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) WHERE true AND ct.relname = 'order_items' AND i.indisprimary ORDER BY 4, 5;
SELECT result.TABLE_NAME, result.COLUMN_NAME, result.KEY_SEQ FROM (SELECT ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME, (i.keys).n AS KEY_SEQ, (i.keys).x AS x, a.attnum AS A_ATTNUM FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) JOIN (SELECT i.indexrelid, i.indrelid, i.indisprimary, information_schema._pg_expandarray(i.indkey) AS keys FROM pg_catalog.pg_index i) i ON (a.attnum = (i.keys).x AND a.attrelid = i.indrelid) WHERE i.indisprimary AND ct.relname = 'order_items') result ORDER BY 3;
SELECT * FROM (SELECT n.nspname, c.relname, a.attname, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull, a.atttypmod, a.attlen, t.typtypmod, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') as attidentity, pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc, dsc.description, t.typtype FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (a.attrelid = c.oid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid = def.adrelid AND a.attnum = def.adnum) LEFT JOIN pg_catalog.pg_description dsc ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid) WHERE c.relkind in ('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped AND n.nspname LIKE 'public' AND c.relname LIKE 'orders') c WHERE true ORDER BY attnum;
select typinput = 'pg_catalog.array_in'::regproc as is_array, typtype, typname from pg_catalog.pg_type where typname in ('order_status', '_order_status', 'int4') order by typname;
select extract(epoch from pg_postmaster_start_time())::bigint > 0;
select t.typname, t.typcategory from pg_type t left join pg_range r on r.rngsubtype = t.oid where t.typname like 'ts%' order by 1, 2;

-- pgAdmin, DBeaver, drivers' type loading
SELECT count(*) > 0 FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND pid = pg_backend_pid();
SELECT pg_is_in_recovery(), pg_backend_pid() > 0, inet_server_port() > 0, version() LIKE 'PostgreSQL%';
SELECT has_table_privilege('orders', 'SELECT'), has_schema_privilege('hr', 'USAGE'), pg_has_role(current_user, 'USAGE');
SELECT relname, n_live_tup >= 0 FROM pg_stat_user_tables WHERE schemaname = 'hr' ORDER BY relname;
SELECT pg_table_size('orders') > 0, pg_total_relation_size('orders'::regclass) > 0, pg_database_size(current_database()) > 0, pg_relation_filenode('orders') > 0;
SELECT nsp.nspname, has_schema_privilege(nsp.oid, 'CREATE') AS can_create, des.description FROM pg_catalog.pg_namespace nsp LEFT OUTER JOIN pg_catalog.pg_description des ON (des.objoid = nsp.oid AND des.classoid = 'pg_namespace'::regclass) WHERE NOT nsp.nspname LIKE 'pg\_%' ORDER BY 1;
SELECT count(*) > 5 FROM pg_catalog.pg_settings WHERE name LIKE 'enable%';
SELECT name, setting FROM pg_settings WHERE name IN ('server_encoding', 'max_index_keys') ORDER BY name;
SELECT t.typname, e.enumlabel FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid ORDER BY t.typname, e.enumsortorder;
SELECT ns.nspname, t.typname, t.typtype, t.typelem > 0 AS is_elem, t.typbasetype FROM pg_type AS t JOIN pg_namespace AS ns ON ns.oid = t.typnamespace WHERE t.typname IN ('order_status', 'customers') ORDER BY 2;
SELECT trigger_name FROM information_schema.triggers WHERE event_object_table = 'orders';
SELECT obj_description('orders'::regclass), col_description('orders'::regclass, 1), shobj_description(0, 'pg_database');
SELECT locktype, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = 'pg_locks'::regclass;
SELECT classid::regclass::text, deptype FROM pg_depend WHERE refobjid = 'order_status'::regtype AND classid = 'pg_class'::regclass GROUP BY 1, 2;
SELECT 'orders'::regclass::text, to_regclass('nowhere'), to_regtype('order_status')::text, quote_ident('Order'), current_user = session_user, current_database() <> '', current_schemas(true) IS NOT NULL;
SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'products' ORDER BY 1;
SELECT tablename FROM pg_tables WHERE schemaname = 'hr' ORDER BY 1;
SELECT viewname FROM pg_views WHERE schemaname = 'public' ORDER BY 1;
SELECT matviewname, ispopulated FROM pg_matviews ORDER BY 1;
SELECT sequencename, start_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1;
SELECT count(*) > 300 FROM pg_timezone_names;
SELECT a.amname, o.opcname FROM pg_am a JOIN pg_opclass o ON o.opcmethod = a.oid WHERE o.opcname IN ('text_ops', 'jsonb_path_ops') ORDER BY 1, 2;
SELECT attname, n_distinct, most_common_vals FROM pg_stats WHERE tablename = 'nowhere';
