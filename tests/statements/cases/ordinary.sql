-- Statements as applications, reports and tools send them; every one must be read alike by both parsers.
select 1
select version(), current_user, current_date, now() at time zone 'UTC'
select id, name, email from users where id = $1
select * from public.users u where u.email ilike '%@example.com' order by u.created_at desc nulls last limit 50 offset 100
select distinct on (u.id) u.id, o.total from users u join orders o on o.user_id = u.id order by u.id, o.created_at desc
select count(*), count(distinct country), sum(total) filter (where status = 'paid') from users join orders using (user_id)
select u.country, avg(o.total)::numeric(10, 2) as average from users as u, orders as o where u.id = o.user_id group by 1 having count(*) > 3
select date_trunc('month', created_at) as month, count(*) from orders group by date_trunc('month', created_at) order by 1
select extract(year from created_at), to_char(created_at, 'YYYY-MM'), age(created_at), created_at - interval '3 days' from orders
select date_part('dow', o.created_at), date_bin('15 minutes', o.created_at, timestamp '2000-01-01') from orders o
select case when total > 100 then 'big' when total is null then 'none' else 'small' end as size from orders
select case status when 'a' then 1 else 2 end, coalesce(name, 'x'), nullif(name, ''), greatest(a, b), least(a, b) from orders
select name || ' <' || email || '>' from users where name like 'A%' and not (country = any('{DE,FR}'::text[])) or id in (1, 2, 3)
select profile -> 'address' ->> 'city', profile #>> '{a,b}', profile @> '{"a": 1}', profile ? 'k', profile - 'x' from users
select jsonb_pretty(profile -> 'contacts' -> 0), jsonb_array_length(profile->'tags') from users
select e.key, e.value from users u, jsonb_each_text(u.profile) as e(key, value) where e.key <> 'x'
select x.* from users u cross join lateral (select o.id, o.total from orders o where o.user_id = u.id limit 3) x
select t.tag, count(*) from users u, unnest(u.tags) with ordinality as t(tag, n) group by t.tag
select tags[1], tags[2:3], array_length(tags, 1), array[1, 2] || tags_id, tags && array['a'] from users
select row_number() over (partition by country order by created_at), sum(total) over w from users window w as (order by id rows between 3 preceding and current row)
select percentile_cont(0.5) within group (order by total), string_agg(name, ', ' order by name), array_agg(distinct country) from orders
select country, city, grouping(country), sum(total) from sales group by rollup (country, city)
select a, b from t group by grouping sets ((a), (b), ()), cube (a, b)
with recent as (select * from orders where created_at > now() - interval '7 days') select r.id from recent r join users on users.id = r.user_id
with recursive tree as (select id, parent_id, 1 as depth from nodes where parent_id is null union all select n.id, n.parent_id, t.depth + 1 from nodes n join tree t on t.id = n.parent_id) select * from tree
with moved as (delete from queue where id in (select id from queue order by id limit 10 for update skip locked) returning *) insert into done select * from moved
with a as materialized (select 1 as x), b (y) as (select x + 1 from a) select a.x, b.y from a, b
select id from users union select user_id from orders except select id from blocked intersect select 3 order by 1
(select 1 as n) union all (select 2 limit 1)
select * from users where exists (select 1 from orders where orders.user_id = users.id) and id not in (select user_id from blocked)
select (select max(total) from orders o where o.user_id = u.id) as biggest from users u
select * from users where (country, city) in (('DE', 'Berlin'), ('FR', 'Paris')) and (a, b) > (1, 2)
select * from a left join b on a.id = b.id right outer join c using (id) full join d on d.id = c.id natural join e
select users.*, orders.id as order_id, (orders).total from users, orders
select u, row(u.id, u.name), (u).name, u::text from users u
select * from (values (1, 'a'), (2, 'b')) as v(id, name)
values (1, 'x'), (2, 'y')
table users
select * from generate_series(1, 10) g, generate_series('2024-01-01'::date, '2024-02-01', '1 day') as d(day)
select * from only users tablesample bernoulli (10) repeatable (3)
select "User Name", "Order Items"."Total" from "Order Items" where "Order Items".id = 3
SELECT Id, NAME, U.Email FROM Users U WHERE U.Country = 'DE'
select größe, "Straße" from maße
select 'it''s', E'a\nb', $$dollar$$, U&'\0041', B'101', X'1F', 1e5, .5, 1_000, true, null
select cast(id as text), id::bigint, '5'::int, timestamp '2024-01-01', interval '1' day, date '2024-01-01'
select -id, +id, @id, !!a, |/ total, ~flags, id % 3, id ^ 2, a # b, a << 2 from t
select position('a' in name), substring(name from 2 for 3), overlay(name placing 'x' from 1), trim(both 'x' from name), upper(name) from users
select name collate "C", name similar to '%a%', name ~* '^a', a is distinct from b, a between symmetric 1 and 3, a is true, a is not unknown from users
select * from users where created_at between $1 and $2 and ($3::text is null or country = $3)
select * from users order by lower(name), 2 desc fetch first 5 rows with ties
select * from users for no key update of users nowait
select id from users u join orders o on u.id = o.user_id for share of u
select xmin, ctid, tableoid::regclass from users
select md5(random()::text), gen_random_uuid(), pg_size_pretty(pg_total_relation_size('users'))
select n.nspname as "Schema", c.relname as "Name" from pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', '') and n.nspname !~ '^pg_toast' and pg_catalog.pg_table_is_visible(c.oid) order by 1, 2
select table_schema, table_name, column_name, data_type from information_schema.columns where table_schema not in ('pg_catalog') order by ordinal_position
select t.oid, t.typname, t.typsend from pg_type t where t.oid = any($1::oid[])
select pg_catalog.format_type(a.atttypid, a.atttypmod), a.attname from pg_catalog.pg_attribute a where a.attrelid = '16384' and a.attnum > 0 and not a.attisdropped
select to_tsvector('english', body) @@ plainto_tsquery('x'), ts_rank(v, q) from docs, to_tsquery('a & b') q where v @@ q
select st_distance(a.geom, b.geom) from a, b where a.geom <-> b.geom < 10 and box '((0,0),(1,1))' @> point(x, y)
select * from json_to_recordset('[{"a":1}]') as x(a int, b text)
select json_build_object('id', u.id, 'tags', json_agg(t.name order by t.name)) from users u join tags t on t.user_id = u.id group by u.id
select * from rows from (generate_series(1, 3), unnest(array[1, 2])) as r(a, b)
insert into users (name, email) values ($1, $2) returning id
insert into users (id, name) values (1, 'a'), (2, default) on conflict (id) do update set name = excluded.name where users.name <> excluded.name
insert into users default values
insert into archive select * from orders where created_at < '2020-01-01' returning id, total * 2 as doubled
insert into t as x (a) overriding system value values (1) on conflict on constraint k do nothing
update users set name = $1, updated_at = now() where id = $2 returning *
update users u set name = o.name, (a, b) = (o.a, o.b) from other o where o.id = u.id
update users set (name, email) = (select n, e from changes c where c.id = users.id) where id = 3
update only users set tags[1] = 'x', profile = jsonb_set(profile, '{a}', '1') where users.id = 3
delete from users where id = any($1)
delete from users u using blocked b where b.id = u.id returning u.id
delete from users where current of c
