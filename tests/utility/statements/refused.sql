-- What an identity with masked columns may not do, and why. The line before each names the rule and part of the reason.

-- refused: public.customers.email is masked and cannot be used in ORDER BY
select id from customers order by email;
-- refused: builtin.do DO
do $$ begin perform 1; end $$;
-- refused: builtin.ddl CREATE FUNCTION
create function f() returns int language sql as 'select 1';
-- refused: builtin.ddl CREATE TRIGGER
create trigger t before insert on posts for each row execute function suppress_redundant_updates_trigger();
-- refused: builtin.ddl CREATE RULE
create rule r as on insert to posts do also notify x;
-- refused: builtin.ddl CREATE CAST
create cast (int as posts) with inout;
-- refused: builtin.settings
set role postgres;
-- refused: builtin.settings
set debug_print_rewritten = off;
-- refused: builtin.settings
set client_min_messages = debug1;
-- refused: builtin.function
select pg_read_file('postgresql.conf');
-- refused: builtin.function
select lo_get(1);
-- refused: builtin.function
select query_to_xml('select 1', true, false, '');
-- refused: builtin.settings order of a masked column
set enable_seqscan = off;
-- refused: builtin.settings
set seq_page_cost = 1e9;
