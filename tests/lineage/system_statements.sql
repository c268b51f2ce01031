-- What psql, ORMs and pools ask of the catalog, in our own words. None may be refused or opaque.
select n.nspname, c.relname, c.relkind, pg_catalog.pg_get_userbyid(c.relowner) from pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm') and pg_catalog.pg_table_is_visible(c.oid) order by 1, 2
select a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), (select pg_catalog.pg_get_expr(d.adbin, d.adrelid) from pg_catalog.pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum) from pg_catalog.pg_attribute a where a.attrelid = 'public.users'::regclass and a.attnum > 0
select i.relname, x.indisunique, pg_catalog.pg_get_indexdef(x.indexrelid) from pg_catalog.pg_index x join pg_catalog.pg_class i on i.oid = x.indexrelid where x.indrelid = 'users'::regclass
select conname, pg_catalog.pg_get_constraintdef(oid, true) from pg_catalog.pg_constraint where conrelid = 'orders'::regclass
select table_schema, table_name, column_name, data_type, is_nullable, column_default from information_schema.columns where table_schema not in ('pg_catalog', 'information_schema')
select table_name, constraint_name, constraint_type from information_schema.table_constraints
select kcu.column_name from information_schema.key_column_usage kcu join information_schema.table_constraints tc using (constraint_name)
select proname, pg_catalog.pg_get_function_arguments(oid), pg_catalog.pg_get_function_result(oid) from pg_catalog.pg_proc where pronamespace = 'public'::regnamespace
select rolname, rolsuper, rolcreatedb from pg_catalog.pg_roles
select datname, pg_catalog.pg_encoding_to_char(encoding), datcollate from pg_catalog.pg_database
select current_schema(), current_schemas(true), current_database(), current_user, version(), pg_backend_pid()
select current_setting('server_version_num'), pg_catalog.obj_description('users'::regclass, 'pg_class')
select has_table_privilege('users', 'select'), has_schema_privilege('public', 'usage'), pg_has_role('postgres', 'usage')
select t.oid, t.typname, t.typtype, t.typelem, r.rngsubtype from pg_catalog.pg_type t left join pg_catalog.pg_range r on r.rngtypid = t.oid
select enumlabel from pg_catalog.pg_enum order by enumsortorder
select pg_catalog.pg_get_viewdef('user_directory'::regclass), schemaname, viewname from pg_catalog.pg_views where viewname = 'user_directory'
select schemaname, relname, n_live_tup from pg_catalog.pg_stat_user_tables
select pid, usename, application_name, state from pg_catalog.pg_stat_activity where pid = pg_backend_pid()
select name, setting, unit from pg_catalog.pg_settings where name like 'work%'
select locktype, mode, granted from pg_catalog.pg_locks
select attname, tablename from pg_catalog.pg_stats where schemaname = 'public'
select extname, extversion from pg_catalog.pg_extension
select pg_size_pretty(pg_total_relation_size('users'::regclass)), pg_relation_size('users')
with recursive up(oid, parent) as (select inhrelid, inhparent from pg_catalog.pg_inherits union all select u.oid, i.inhparent from up u join pg_catalog.pg_inherits i on i.inhrelid = u.parent) select * from up
select unnest(array[1, 2]), array_to_string(array['a', 'b'], ','), generate_series(1, 3)
select 1
select now(), clock_timestamp(), random(), pg_sleep(0)
select sequencename, last_value from pg_catalog.pg_sequences
select e.event_object_table, e.trigger_name from information_schema.triggers e
select pg_catalog.col_description('users'::regclass, 1), pg_catalog.shobj_description(oid, 'pg_database') from pg_catalog.pg_database
