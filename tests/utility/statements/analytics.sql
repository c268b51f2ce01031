-- What analysts write by hand.

-- aggregates
select count(*), count(shipped_at), sum(total), avg(total)::numeric(12,4), min(ordered_at), max(total) from orders;
select status, count(*) as n, sum(total) from orders group by status order by status;
select city, count(email), count(*) filter (where is_active) from customers group by city order by city;
select segment, count(*) n from customers group by segment having count(*) > 3 order by n desc, segment;
select category, string_agg(sku, ', ' order by sku), array_agg(price order by price desc) from products group by category order by 1;
select percentile_cont(0.5) within group (order by total), percentile_disc(array[0.1, 0.9]) within group (order by total) from orders;
select mode() within group (order by currency), bool_and(total > 0), bool_or(shipped_at is null), every(id > 0) from orders;
select corr(quantity, unit_price)::numeric(8,6), stddev_samp(unit_price)::numeric(12,6), variance(quantity)::numeric(12,6), regr_slope(quantity, unit_price)::numeric(10,6) from order_items;
select currency, status, sum(total) from orders group by rollup (currency, status) order by currency nulls last, status nulls last;
select currency, status, count(*), grouping(currency, status) from orders group by cube (currency, status) order by 4, 1, 2;
select city, segment, count(*) from customers group by grouping sets ((city), (segment), ()) order by city, segment;
select date_trunc('month', ordered_at) as month, count(distinct customer_id) from orders group by 1 order by 1;
select extract(dow from ordered_at)::int as weekday, extract(hour from ordered_at)::int as hour, count(*) from orders group by 1, 2 order by 1, 2 limit 20;
select width_bucket(total, 0, 500, 5) as bucket, count(*), int4range(min(total)::int, max(total)::int, '[]') from orders group by bucket order by bucket;
select json_agg(json_build_object('sku', sku, 'price', price) order by sku) from products where price < 30;
select jsonb_object_agg(key, value) from settings;
select rank(100) within group (order by total), cume_dist(100) within group (order by total) from orders;
select count(*) from (select distinct customer_id from orders where total > 100) as buyers;
select bit_and(id::int), bit_or(id::int), bit_xor(id::int) from orders where id < 9;

-- windows
select id, total, row_number() over (order by total desc, id), rank() over (partition by currency order by total desc) from orders order by id limit 30;
select id, ordered_at, total, sum(total) over (order by ordered_at rows between 6 preceding and current row) from orders order by ordered_at limit 25;
select id, total - lag(total) over w as change, lead(total, 2, 0.0) over w, first_value(total) over w from orders window w as (partition by customer_id order by ordered_at) order by id limit 40;
select id, ntile(4) over (order by total, id) quartile, percent_rank() over (order by total)::numeric(6,4), cume_dist() over (order by total)::numeric(6,4) from orders order by id limit 20;
select customer_id, ordered_at, count(*) over (partition by customer_id order by ordered_at range between interval '30 days' preceding and current row) from orders order by 1, 2 limit 30;
select id, sum(total) over (order by id groups between 1 preceding and 1 following exclude current row) from orders order by id limit 10;
select name, email, count(*) over (partition by city) from customers order by id limit 10;
select *, total / sum(total) over () as share from (select currency, sum(total) as total from orders group by currency) s order by currency;

-- joins and subqueries
select c.id, c.name, c.email, o.total from customers c join orders o on o.customer_id = c.id where o.total > 400 order by o.id;
select c.name, count(o.id) orders, coalesce(sum(o.total), 0) as spent from customers c left join orders o on o.customer_id = c.id and o.status <> 'returned' group by c.id, c.name order by spent desc, c.id limit 10;
select c.id, last.total, last.ordered_at from customers c left join lateral (select total, ordered_at from orders o where o.customer_id = c.id order by ordered_at desc limit 1) last on true order by c.id;
select id, name from customers c where exists (select 1 from orders o where o.customer_id = c.id and o.status = 'returned') order by id;
select id from customers where id not in (select customer_id from orders where customer_id is not null and total > 300) order by id;
select p.name, (select sum(quantity) from order_items i where i.product_id = p.id) as sold from products p order by sold desc nulls last, p.id limit 5;
select * from orders o join order_items i on i.order_id = o.id join products p on p.id = i.product_id where o.id = 42 order by i.line;
select a.id, b.id from products a, products b where a.category = b.category and a.id < b.id and abs(a.price - b.price) < 13 order by 1, 2;
select id, name, phone, email from customers natural join (values (1), (2), (3)) as wanted(id) order by id;
select coalesce(a.city, b.city) as city from (select city from customers where id < 4) a full join (select city from customers where id > 57) b on a.city = b.city order by 1;
select total from orders where total > all (select total from orders where currency = 'USD') order by total;
select (select max(total) from orders) - (select min(total) from orders) as spread;
select id from orders where (customer_id, status) in (select customer_id, 'paid'::order_status from orders where total > 400) order by id;
select e.name, m.name as manager, d.name as department, e.ssn, e.salary from hr.employees e left join hr.employees m on m.id = e.manager_id join hr.departments d on d.id = e.department_id order by e.id;

-- CTEs
with monthly as (select date_trunc('month', ordered_at) as m, sum(total) as t from orders group by 1) select m, t, t - lag(t) over (order by m) as growth from monthly order by m;
with recursive chain as (select id, name, manager_id, 1 as depth, array[id] as path from hr.employees where manager_id is null union all select e.id, e.name, e.manager_id, c.depth + 1, c.path || e.id from hr.employees e join chain c on e.manager_id = c.id) select depth, count(*), min(path) from chain group by depth order by depth;
with recursive t(n) as (values (1) union all select n + 1 from t where n < 100) select sum(n) from t;
with recursive r as (select id, referred_by from customers where id = 57 union select c.id, c.referred_by from customers c join r on c.id = r.referred_by) search depth first by id set ordering select id from r order by ordering;
with recursive r(id, up) as (select id, manager_id from hr.employees where id = 29 union all select e.id, e.manager_id from hr.employees e join r on e.id = r.up) cycle id set is_cycle using path select id, is_cycle from r;
with first as materialized (select * from orders where id < 50), second as not materialized (select customer_id from first where total > 200) select count(*) from second;
with big as (select customer_id from orders group by 1 having sum(total) > 1000) select c.id, c.name, c.email, c.phone from customers c join big on big.customer_id = c.id order by c.id;

-- dates and series
select day::date, count(o.id) from generate_series(timestamptz '2026-01-01', '2026-01-20', '1 day') day left join orders o on o.ordered_at >= day and o.ordered_at < day + interval '1 day' group by 1 order by 1;
select id, age(timestamp '2026-06-01', signup_date::timestamp), date '2026-06-01' - signup_date, signup_date + interval '1 month' from customers order by id limit 5;
select id, to_char(ordered_at, 'YYYY-MM-DD HH24:MI'), ordered_at at time zone 'Europe/Berlin', extract(epoch from ordered_at) from orders order by id limit 5;
select date_bin('6 hours', ordered_at, timestamptz '2026-01-01') as slot, count(*) from orders group by 1 order by 1 limit 10;
select * from orders where ordered_at between '2026-01-05' and '2026-01-07' order by id;
select make_date(2026, g, 1), make_interval(days => g), date_part('week', make_date(2026, g, 1)) from generate_series(1, 12) g;
select id, justify_interval(shipped_at - ordered_at) from orders where shipped_at is not null order by id limit 5;
select id, isfinite(ordered_at), ordered_at::date, ordered_at::time(0), to_timestamp(extract(epoch from ordered_at)) from orders order by id limit 3;
select s.room, count(*) from hr.shifts s where s.during && tstzrange('2026-03-02', '2026-03-05') group by s.room order by s.room;
select range_agg(during), range_merge(range_agg(during)) from hr.shifts where employee_id = 3;
select lower(during), upper(during), isempty(during), during @> timestamptz '2026-03-03 09:00+00' from hr.shifts order by 1, room limit 5;

-- JSON, arrays, text
select meta ->> 'channel' as channel, count(*) from orders group by 1 order by 1;
select id, meta -> 'coupon', meta #>> '{channel}', meta ? 'coupon', meta @> '{"channel": "web"}' from orders order by id limit 10;
select id, attributes #> '{size,w}' as w, (attributes -> 'size' ->> 'h')::int as h, jsonb_typeof(attributes) from products order by id limit 5;
select p.id, a.key, a.value from products p, jsonb_each(p.attributes) a where p.id = 7 order by a.key;
select id, x from events, jsonb_array_elements_text(payload -> 'path') x where id < 6 order by id, x;
select id, jsonb_path_query_first(payload, '$.path[1]'), jsonb_path_exists(payload, '$.ms ? (@ > 200)') from events order by id limit 10;
select id, jsonb_set(meta, '{seen}', 'true'), meta - 'coupon', meta || '{"a": 1}', jsonb_strip_nulls(meta), jsonb_pretty(meta) from orders order by id limit 3;
select * from jsonb_to_recordset('[{"a": 1, "b": "x"}, {"a": 2}]') as r(a int, b text);
select row_to_json(p) from (select id, sku, price from products order by id limit 3) p;
select to_jsonb(p) - 'search' from products p where id = 3;
select id, profile ->> 'plan' as plan, profile -> 'visits' as visits from customers order by id limit 10;
select profile ->> 'plan' as plan, count(*) from customers group by 1 order by 1;
select tag, count(*) from products, unnest(tags) as tag group by tag order by tag;
select id, tags[1], array_length(tags, 1), 'c1' = any(tags), tags && array['t1', 'c2'], array_position(tags, 'c0') from products order by id limit 8;
select id, array_to_string(tags, '|'), array_append(tags, 'new'), tags || '{z}'::text[], cardinality(tags), array_remove(tags, 't1') from products order by id limit 4;
select array(select sku from products where price > 100 order by sku), array[[1, 2], [3, 4]], (array[1, 2, 3, 4])[2:3];
select u.n, u.o from unnest(array['a', 'b'], array[1, 2, 3]) with ordinality as u(s, n, o);
select id, ts_rank(search, q)::numeric(8,6), ts_headline('english', description, q) from products, to_tsquery('english', 'fine & home') q where search @@ q order by 2 desc, 1 limit 5;
select count(*) from products where search @@ websearch_to_tsquery('english', '"fine piece" -chair') or name ~* '^red';
select regexp_replace(name, '(\w+) (\w+)', '\2 \1'), regexp_match(sku, '-(\d+)'), split_part(sku, '-', 2), substring(name from '[0-9]+$') from products order by id limit 6;
select sku from products where name like 'Blue%' and name not ilike '%chair%' and sku similar to 'SKU-00[0-2]%' order by sku;
select id, name, length(name), upper(name), initcap(lower(name)), left(name, 3), lpad(id::text, 5, '0'), reverse(sku), md5(sku), translate(sku, '-', '_') from products order by id limit 5;
select format('%s has %L for %I', name, sku, category), concat_ws('-', id, null, category), name || ' (' || coalesce(category, '?') || ')' from products order by id limit 5;
select w from regexp_split_to_table('one two  three', '\s+') w;
select id, case when total > 300 then 'large' when total > 100 then 'medium' else 'small' end as size, nullif(currency, 'EUR'), greatest(total, 100), least(total, 100) from orders order by id limit 12;
select id, total::text, round(total / 3, 2), trunc(total), ceil(total / 7), mod(total::int, 7), power(2, 3), sqrt(total)::numeric(10,4), total % 10 from orders order by id limit 5;
select encode(sha256(sku::bytea), 'hex'), encode(convert_to(name, 'UTF8'), 'base64') from products order by id limit 3;

-- set operations, samples, the rest
select city from customers where segment = 'retail' union select name from hr.departments order by 1;
(select id, total from orders order by total desc limit 3) union all (select id, total from orders order by total limit 3) order by total, id;
select product_id from order_items where order_id < 50 except select product_id from order_items where order_id > 190 order by 1;
select customer_id from orders where status = 'paid' intersect all select customer_id from orders where status = 'new' order by 1;
select distinct on (customer_id) customer_id, id, total from orders order by customer_id, ordered_at desc;
select distinct city, country from customers order by city;
select count(*) >= 0 as ok from orders tablesample system (50) repeatable (7);
select count(*) from orders tablesample bernoulli (100);
select * from (values (1, 'one'), (2, 'two')) v(n, word) order by n desc;
values (1, 'a'), (2, 'b');
table settings order by key;
select id from orders order by total desc nulls last, id offset 5 fetch first 3 rows with ties;
select id, kind, at from events where at >= '2026-01-10' and at < '2026-01-12' order by id;
select tableoid::regclass::text as part, count(*) from events group by 1 order by 1;
select * from monthly_sales order by month, currency;
select customer, city, pieces, value from order_summary where status = 'paid' order by id limit 10;
select id, name, email from active_customers where city = 'Oslo' order by id;
select location[0], location <-> point(0, 0) from hr.departments order by id;
select pg_size_pretty(1024::bigint * 1024), pg_typeof(total) from orders limit 1;
select id, name from customers where id in (1, 2, 3, 5, 8) and (city, country) <> ('Oslo', 'NO') order by id;
select id from customers where email is not null and notes is not null and id < 6 order by id;
select grp, min(id), max(id), count(*) from (select id, id - row_number() over (order by id) as grp from orders where status <> 'new') islands group by grp order by grp limit 5;
select a.category, a.n, b.n from (select category, count(*) n from products group by 1) a join (select category, count(*) n from products where price > 50 group by 1) b using (category) order by category;
-- since: 16
select any_value(currency), json_array(1, 'a', true), json_object('k': 'v') from orders where id = 1;
-- since: 17
select * from json_table('[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]', '$[*]' columns (n for ordinality, a int path '$.a', b text path '$.b')) t;
-- since: 17
select json_value('{"a": [1, 2]}', '$.a[1]'), json_query('{"a": [1, 2]}', '$.a'), json_exists('{"a": 1}', '$.a');

-- by the real value: equality with a constant is let through by default
-- real values
select id, name, city from customers where email = 'customer7@mail0.example';
-- real values
select id, title from hr.employees where ssn in ('443-55-0021', '444-55-0028') order by id;
