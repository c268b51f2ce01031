-- Statements, one a line, that together bring out every node of an analysed query. A version that does not know one skips it.
select id, name, email from users where id = 1
select u.*, o.total from users u join orders o on o.user_id = u.id left join products p on p.id = u.id where u.name = 'x' and o.total between 1 and 5
select * from users natural join orders
select * from users full join orders using (id)
select (select max(total) from orders o where o.user_id = u.id), exists(select 1 from orders), array(select id from orders), id in (select user_id from orders), id > all (select id from orders), (id, name) = (select id, sku from products limit 1), (id,name) in (select id, sku from products), (id,name) < any (select id, sku from products) from users u
with recursive t(n, p) as (select 1, 'a' union all select n+1, p||'x' from t where n < 5) search breadth first by n set o cycle n set c using pp select * from t
with recursive t(n, p) as (select 1, 'a' union all select n+1, p||'x' from t where n < 5) cycle n set c to 'Y' default 'N' using pp select * from t
with a as materialized (select 1 x), b as not materialized (select * from a) select * from b
select 1 union select 2 union all (select 3 intersect select 4) except all select 5 order by 1 limit 3 offset 1
values (1,'a'),(2,'b')
select * from (values (1,'a'),($1::int,$2)) v(a,b)
select * from generate_series(1,3) with ordinality g(a,b), rows from (unnest(array[1,2]), json_to_recordset('[]') as (x int, y text)) r
select g.x from json_to_record('{}') as g(x int)
select * from xmltable('/a' passing '<a/>' columns x text path '@x' default 'q' not null, o for ordinality)
select count(*), count(distinct name), sum(salary) filter (where id > 1), string_agg(name, ',' order by id), percentile_cont(0.5) within group (order by salary), rank('x') within group (order by name) from users
select grouping(name), name, count(*) from users group by grouping sets ((name),(email),()), rollup(id), cube(phone)
select distinct on (name) name, id from users order by name, id desc nulls last
select distinct name from users
select rank() over w, lag(name, 1, 'x') over (partition by name order by id), sum(salary) filter (where id>2) over (order by id range between 1 preceding and 2 following), count(*) over (order by id rows between (select 1) preceding and current row exclude ties), count(*) over (order by id groups 2 preceding) from users window w as (partition by email order by id)
select * from users tablesample bernoulli (10) repeatable (3)
select * from users for update of users skip locked
select case when id > 1 then name else email end, case id when 1 then 'a' when 2 then 'b' end, coalesce(name,email), nullif(name,'x'), greatest(id,2), least(name,'x') from users
select row(id,name), (row(id,name)).f1, u, (u).name, u is null, u is distinct from u, row(1,2) < row(id,3), row(id,name) = row(1,'x'), u.tags[1], u.tags[1:2], u.profile['a'], array[id,2], array[[1],[2]] from users u
select name::varchar(10), id::text, id::bigint, name::name, salary::int, tags::varchar[], array[1,2]::text[], profile->'a'->>'b', '{}'::jsonb, name collate "C", birth_date::timestamp, current_date, current_user, localtimestamp(3), id is null, id isnull, (id>1) is true, (id>1) is not unknown, not (id>1), -id from users
select name from users where name in ('a','b') and id = any($1) and id = any(array[1,2]) and name like 'x%' and name not in ('q') and id <> all(array[3]) and name is distinct from 'z'
select xmlelement(name "a b", xmlattributes(id as x), name), xmlforest(id, name as n), xmlconcat('<a/>'), xmlparse(document '<a/>'), xmlserialize(content '<a/>'::xml as text), xmlroot('<a/>', version '1.0', standalone yes), '<a/>'::xml is document, xmlpi(name foo, 'x') from users
select json_object('a': id, 'b': name absent on null with unique keys), json_array(id, name null on null returning jsonb) , '{}' is json object with unique keys, json_array(select id from users) from users
select json_value(profile, '$.a' returning int default 1 on empty error on error), json_query(profile, 'strict $.b' with wrapper keep quotes), json_exists(profile, '$.c' passing id as x), json(name), json_scalar(id), json_serialize(profile returning text) from users
select * from users, json_table(profile, '$[*]' as p passing id as q columns (o for ordinality, a int path '$.a' default 0 on empty, b text format json path '$.b' omit quotes, b2 jsonb path '$.b' with conditional wrapper, c bool exists path '$.c', nested path '$.n[*]' as n columns (d text path '$.d'), nested path '$.m' columns (e int))) t
insert into users(id, name) values (1,'a') on conflict (id) where id > 3 do update set name = excluded.name, email = users.email where users.id > 2 returning *, id + 1
insert into users(id, name) values (1,'a'),(2,'b') on conflict do nothing
insert into users(id, name) select id, sku from products on conflict on constraint users_pkey do nothing
insert into users default values
update users u set name = p.name, (email, phone) = (select 'a', 'b'), tags[2] = 'q', salary = default from products p where p.id = u.id returning u.*, p.name
update only users set (name,email) = row('a', phone) where id = 1
delete from users using orders o where o.user_id = users.id returning users.name
merge into products p using users u on p.id = u.id when matched and u.id > 3 then update set name = u.name when matched then delete when not matched then insert (id, name) values (u.id, u.name) 
merge into products p using users u on p.id = u.id when matched then update set name = u.name when not matched by source then delete returning merge_action(), p.*, u.id
update users set name = 'x' returning with (old as o, new as n) o.name, n.name, o, n.*, users.id
with d as (delete from orders returning *), i as (insert into products(id) select id from d returning id) select * from i
select * from user_directory d where d.name = 'a'
select u.* from vcomp u
insert into user_directory(id, name) values (1,'x') returning *
update user_directory set name = 'y' where id = 3 returning *
delete from user_directory where id = 3
insert into vcheck(id, name) values (1,'x')
update composites set c.a = 3, arr[1].b = 'x', c.b = 'y' where id = 1
insert into composites(id, c.a, c.b) values (1, 2, 'x')
select c, (c).a, arr[1].b, (arr[1]).a, d, dd from composites
select d::text, 'x'::dom, dd::int, '{1}'::posint[], '(1,x)'::comp from composites
insert into ident(x) values (1), (default)
insert into ident(id, x) overriding system value values (1, 2)
select * from part where k = 3
update part set k = 4 where k = 3 returning tableoid, ctid, xmin, *
select tableoid::regclass, ctid from users
select p.a, q.b from rls p, gen q
update rls set a = 3 where a = 2
delete from rls
select * from only child
select h from inh_parent h
select int4range(1,3) @> id, daterange(birth_date, null), interval '1 day', bit '101', '{1,2}'::int[] from users
select * from users a left join lateral (select b.id + a.id as z from orders b where b.user_id = a.id) l on true
select * from (users a join orders b on a.id = b.user_id) as j(x1,x2)
select 1
select
select id as "a b", id as "Üñí", id as "1a", id as "<x", id as """q", id as "-1" from users
select $1::int, $2::text, $3
select name from users order by name using <, id using > limit all
select sum(id) from users having sum(id) > 3
select extract(year from birth_date), date_trunc('month', birth_date), overlay(name placing 'x' from 2), substring(name from 1 for 2), trim(both 'x' from name), position('a' in name) from users
select make_interval(days => id), format('%s', variadic array['a']) from users
select * from mv_users
update ruled set a = 2
delete from ruled
insert into ruled values (1)
select nextval('sq'), currval('sq'), last_value from sq
select u.id from users u where current_date > birth_date and now() - interval '1 day' > '2020-01-01'
select a.oid, a.relname, pg_get_userbyid(relowner) from pg_class a where relnamespace = 'public'::regnamespace
select * from information_schema.columns
select * from pg_stats
select * from pg_roles
select * from pg_settings
select * from pg_locks
update pg_settings set setting = 'on' where name = 'x'
select * from pg_publication_tables
select (list_users()).*, unnest(tags), jsonb_each(profile) from users
select x.* from list_users() x
select id from users order by id fetch first 3 rows with ties
select array_agg(distinct name order by name), jsonb_object_agg(id, name) from users
select ('{"a":1}'::jsonb) @> profile, profile ? 'a' from users
insert into products select * from products p where p.id > 3 returning products, products.*
select json_arrayagg(id order by id absent on null), json_objectagg('a': id null on null) from users
select ssn is json, old.id from users old
update user_directory set name = 'y' where id = 3 returning old.name, new.name
select xmlforest(id) from users
select id, count(*) from users group by id having count(*) > 1 order by count(*) desc
select x, count(*) over () from (select id as x from users order by id limit 3) s
with x as (select 1 as a) select * from x, lateral (with x as (select 2 as b) select * from x) y
select array_agg(r order by r.id) from (select id from users) r
select u.id from users u where exists (select from orders o where o.user_id = u.id and exists (select 1 from products p where p.id = o.id and p.name = u.name))
select cast(h as inh_parent) from child h
select ((h::inh_parent)).a from child h
insert into composites(id, arr[2]) values (3, row(1,'x'))
select 'a' || name || 'b', id::numeric(10,2), $1 from users where $1 = name
select min(tags), max(birth_date) from users
select * from orders o join lateral generate_series(1, o.user_id) g on g > 2
select * from unnest(array[1,2], array['a','b']) as t(a,b)
select * from pg_stat_activity
select pg_catalog.format_type(a.atttypid, a.atttypmod) from pg_attribute a where attnum > 0 and not attisdropped
insert into orders(id, user_id) values (1, (select 3)) on conflict (id) do update set (total, card_number) = (select 1, 'x')
update upper_names set name = 'x' returning old.shout, new.shout
select id, name from users group by id
update users set name = 'x' where current of c
