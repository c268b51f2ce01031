-- What an identity with masked columns may not do, and why. The line before each names the rule and part of the reason.

-- refused: public.customers.email is masked and cannot be used in ORDER BY
select id from customers order by email;
-- refused: builtin.do DO
do $$ begin execute 'select 1'; end $$;
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
select query_to_xml('select ' || name || ' from customers', true, false, '') from customers;
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
create table t (x int4range, exclude using gist (x with operator(public.&&)));
-- refused: public.customers.email masked
alter table customers add exclude using hash (email with =);

-- Expressions over masked columns that fail for some values: whether they do would tell the value.
-- refused: hr.employees.salary numeric_div
select 1 / (salary - 31000) from hr.employees;
-- refused: hr.employees.salary numeric_div
select count(*) from (select 1 / (salary - 31000) from hr.employees offset 0) q;
-- refused: hr.employees.salary int2
select salary::smallint from hr.employees;
-- refused: hr.employees.salary numeric,
select salary::numeric(5,0) from hr.employees;
-- refused: hr.employees.salary int4
select (salary * 43000)::int from hr.employees;
-- refused: hr.employees.salary sqrt
select sqrt(salary - 50000) from hr.employees;
-- refused: hr.employees.salary ln
select ln(salary - 50000) from hr.employees;
-- refused: hr.employees.salary power
select power(salary, 30000) from hr.employees;
-- refused: hr.employees.salary numeric_mul
select salary * 1e131066 from hr.employees;
-- refused: hr.employees.salary numeric_mul
select salary * budget from hr.employees join hr.departments d on d.id = department_id;
-- refused: hr.employees.salary numeric_add
select salary + x from hr.employees, (values (9e131071), (1)) v(x);
-- refused: hr.employees.salary sum
select sum(x) from (select salary as x from hr.employees union all select budget from hr.departments) q;
-- refused: hr.employees.salary to_char
select to_char(salary::int, '9V99999') from hr.employees;
-- refused: hr.employees.salary numeric_mul
select salary * $1 from hr.employees;
-- refused: hr.employees.salary int4
select sum(salary)::int from hr.employees;
-- refused: hr.employees.salary float8mul
select salary::float8 * weight_kg from hr.employees e join products p on p.id = e.id;
-- refused: public.customers.email a cast to int4
select email::int from customers;
-- refused: public.customers.email a cast to date
select email::date from customers;
-- refused: public.customers.email a cast to bytea
select sha256(email::bytea) from customers;
-- refused: public.customers.email substr
select substr(email, 1, length(email) - 20) from customers;
-- refused: public.customers.email int4mul
select length(email) * length(email) from customers;
-- refused: public.customers.email int4mul
select length(email) * 100000000 from customers;
-- refused: public.customers.email chr
select chr(ascii(email) * 10000) from customers;
-- refused: public.customers.email textregexeq
select 'x' ~ email from customers;
-- refused: public.customers.email textlike
select email like 'c%\' from customers;
-- refused: public.customers.email decode
select decode(email, 'hex') from customers;
-- refused: public.customers.email to_date
select to_date(email, 'YYYY-MM-DD') from customers;
-- refused: public.customers.email repeat
select repeat(email, 50000000) from customers;
-- refused: public.customers.email repeat
select repeat(repeat(email, 60), 60) from customers;
-- refused: public.customers.email textcat
select email || repeat('x', 1000000000) from customers;
-- refused: public.customers.email replace
select replace(email, 'c', repeat('x', 50000000)) from customers;
-- refused: public.customers.email date_trunc
select date_trunc(email, now()) from customers;
-- refused: public.customers.email format
select format(email, 1) from customers;
-- refused: public.customers.birth_date date_pli
select birth_date + 2147480000 from customers;
-- refused: public.customers.birth_date date_pl_interval
select birth_date + interval '5874000 years' from customers;
-- refused: public.customers.birth_date timestamp_mi
select timestamp '294276-12-31 23:59:59' - birth_date from customers;
-- refused: public.customers.birth_date make_date
select make_date(extract(day from birth_date)::int, 2, 30) from customers;
-- refused: public.customers.profile jsonb_array_length
select jsonb_array_length(profile -> 'address') from customers;
-- refused: public.customers.profile a cast to int4
select (profile ->> 'address')::int from customers;
