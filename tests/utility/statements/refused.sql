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

-- Definitions that would use masked columns, or take a table from under a rule.
-- refused: public.customers.email masked
create index on customers (email);
-- refused: public.customers.email masked
create index on customers (lower(email));
-- refused: public.customers.email masked
create index on customers (id) where email > 'm';
-- refused: public.customers.email masked
create index on customers (id) include (email);
-- refused: public.customers. masked
create index on customers ((customers is not null));
-- refused: public.customers.email masked
create index on active_customers (email);
-- refused: builtin.ddl CONCURRENTLY
create index concurrently on products (category);
-- refused: public.customers.email masked
alter table customers add check (email > 'm');
-- refused: public.customers.email masked
alter table customers add unique (email);
-- refused: public.customers.email masked
alter table customers alter email set not null;
-- refused: public.customers.email masked
alter table customers alter email type varchar(20);
-- refused: public.customers.email masked
alter table customers alter city type text using email;
-- refused: builtin.ddl generated column
alter table customers add column copy text generated always as (email) stored;
-- refused: builtin.ddl CHECK
alter table customers add column x int check (email > 'm');
-- refused: public.customers.email masked
create table guesses (email text references customers (email));
-- refused: public.customers. masked
create table guesses (id int references customers);
-- refused: public.customers. masked
create table more (extra int) inherits (customers);
-- refused: public.customers. masked
alter table customers rename column email to address;
-- refused: public.customers. masked
alter table customers rename to people;
-- refused: public.customers. masked
alter table customers set schema hr;
-- refused: public.customers. masked
alter table posts inherit customers;
-- refused: builtin.ddl RENAME
alter schema hr rename to staff;
-- refused: builtin.ddl ALTER of this object
alter view active_customers set (security_barrier = false);
-- refused: public.customers. masked
reindex table customers;
-- refused: builtin.ddl CREATE DOMAIN
create domain d as text check (pg_notify('x', value) is null);
-- refused: builtin.ddl CREATE DOMAIN
create domain d as text check (set_config('debug_print_rewritten', value, false) is null);
-- refused: builtin.ddl CREATE TABLE
create table t (x text check (set_config('debug_print_rewritten', x, false) is null));
-- refused: builtin.ddl CREATE TABLE
create table t (x text default set_config('debug_print_rewritten', 'off', false));
-- refused: builtin.ddl CREATE TYPE AS RANGE
create type r as range (subtype = float8, subtype_diff = float8mi);
-- refused: builtin.ddl CREATE EXTENSION
create extension dblink;
-- refused: builtin.ddl CREATE DATABASE
create database copy template shop;
-- refused: builtin.ddl EXCLUDE
create table t (x int4range, exclude using gist (x with &&));
