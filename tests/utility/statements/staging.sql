-- What transformation tools, notebooks and upserting loaders send: tables made of queries, MERGE, prepared statements.

-- dbt: a table is built beside the old one from a view-like query, and swapped in by name later
create table "analytics_orders__dbt_tmp" as (
  with paid as (select id, customer_id, total from orders where status = 'paid')
  select c.country, count(*) as orders, sum(p.total) as revenue from paid p join customers c on c.id = p.customer_id group by c.country
);
select * from analytics_orders__dbt_tmp order by country;
create view "big_orders__dbt_tmp" as ( select id, total from orders where total > 400 );
select count(*) from big_orders__dbt_tmp;
drop view if exists "big_orders__dbt_tmp" cascade;
drop table if exists "analytics_orders__dbt_tmp" cascade;
create unlogged table load_items (order_id, line) as select order_id, line from order_items where line = 1 with no data;
insert into load_items select order_id, line from order_items where order_id < 10;
select count(*) from load_items;
drop table load_items;
create table if not exists tag_counts as select tag_id, count(*) as posts from post_tags group by tag_id;
drop table tag_counts;
-- an incremental model: stage in a temporary table, then merge
begin;
create temporary table "settings__dbt_tmp122" as (select 'a' as key, 'one' as value union all select 'b', 'two');
insert into settings (key, value) select key, value from "settings__dbt_tmp122" where key not in (select key from settings);
merge into settings as dest using "settings__dbt_tmp122" as src on dest.key = src.key
  when matched then update set value = src.value || '!' when not matched then insert (key, value) values (src.key, src.value);
select key, value from settings where key in ('a', 'b') order by key;
rollback;
-- an analyst's session: what is masked stays masked in a temporary copy, and joins with the table it is from
create temp table berlin as select id, name, email, phone, birth_date, profile, notes from customers where city = 'Berlin';
select * from berlin order by id;
select b.name, c.email from berlin b join customers c on c.email = b.email order by b.id;
select b.email, count(o.id) from berlin b join orders o on o.customer_id = b.id group by b.email, b.id order by b.id;
select id, profile ->> 'plan' as plan from berlin order by id limit 3;
analyze berlin;
select email into temp mails from berlin;
select count(distinct email) from mails;
create temp view named as select upper(b.name) as name, m.email from berlin b join mails m on m.email = b.email;
select email from named order by name limit 4;
create temp table staff on commit preserve rows as select e.id, e.name, e.ssn, e.salary, d.name as department from hr.employees e join hr.departments d on d.id = e.department_id;
select department, count(*) from staff group by department order by department;
select * from staff where id = 3;
drop view named;
drop table berlin, mails, staff;
-- a temporary table of one's own values, as data frames are loaded into
create temporary table frame (index bigint, city text, visits bigint);
insert into frame (index, city, visits) values (0, 'Berlin', 5), (1, 'Oslo', 7);
select f.city, f.visits, count(c.id) from frame f left join customers c on c.city = f.city group by f.city, f.visits order by f.city;
update frame set visits = visits + 1 where city = 'Oslo';
create temp table frame_sums as table frame;
select sum(visits) from frame_sums;
drop table frame, frame_sums;
create materialized view revenue as select currency, sum(total) as total from orders group by currency;
select * from revenue order by currency;
drop materialized view revenue;
-- SQL-level prepared statements
prepare by_country (text) as select id, name, email from customers where country = $1 order by id;
execute by_country ('DE');
execute by_country ('F' || 'R');
create temp table french as execute by_country ('FR');
select * from french order by id;
prepare add_tag (int, text) as insert into tags (id, label) values ($1, $2) returning label;
begin;
execute add_tag (900, 'nine hundred');
rollback;
set plan_cache_mode = force_custom_plan;
explain (costs off) execute by_country ('DE');
deallocate by_country;
deallocate all;
drop table french;
-- upserts
begin;
merge into customers c using (values (1, 'Wien'), (2, 'Graz')) as v (id, city) on c.id = v.id when matched then update set city = v.city;
merge into jobs j using (select 'mail' as queue) s on j.queue = s.queue and j.attempts > 100 when not matched then insert (queue) values (s.queue);
select city from customers where id in (1, 2) order by id;
rollback;
-- since: 17
merge into settings s using (values ('zz', '1')) v (key, value) on s.key = v.key when not matched then insert values (v.key, v.value) returning merge_action(), s.key;
delete from settings where key = 'zz';
