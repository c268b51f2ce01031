select (select {c} from {t} limit 1)
select (select x.{c}) from {t} as x limit 40
select array(select {c} from {t}) limit 40
select q from (select {c} as q from (select * from {t}) as a) as b limit 40
with c as (select * from {t}) select {c} from c limit 40
with c as materialized (select {c} as q from {t}) select q from c limit 40
with recursive r(q, n) as (select {c}::text, 1 from {t} union all select q, n + 1 from r where n < 2) select q from r limit 40
select 'x' union all select {c}::text from {t} limit 40
select 'x' union select {c}::text from {t} limit 40
select {c}::text from {t} except select 'x' limit 40
select {c}::text from {t} intersect select {c}::text from {t} limit 40
values ((select {c} from {t} limit 1))
select q from (values ((select {c} from {t} limit 1))) as v(q)
select l.s from {t} as x, lateral (select x.{c} as s) as l limit 40
select * from unnest(array(select {c} from {t})) with ordinality as z(a, b) limit 40
select * from rows from (unnest(array(select {c} from {t})), generate_series(1, 3)) as z(a, b) limit 40
select a.{c}, b.{c} from {t} as a join {t} as b using ({k}) limit 40
select {c} from {t} as a natural join {t} as b limit 40
select j.* from ({t} as a join {t} as b using ({k})) as j limit 40
select {c}, count(*) from {t} group by {c}
select {c} from {t} group by rollup ({c})
select first_value({c}) over (order by {k}), lag({c}, 1) over (order by {k}) from {t} limit 40
select nth_value({c}, 2) over w from {t} window w as (order by {k}) limit 40
select xmlelement(name a, {c}) from {t} limit 40
select query_to_xml('select {c} from {t}', true, false, '') limit 40
select table_to_xml('{t}', true, false, '') limit 40
select database_to_xml(true, false, '') limit 40
select * from json_to_recordset((select json_agg(x) from {t} as x)) as y({c} text)
