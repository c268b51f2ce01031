select count(*) from {t} where {c}::text like {guess} || '%'
select count(*) from {t} where {c}::text >= {guess}
select count(*) from {t} where {c}::text < {guess}
select count(*) from {t} where {c}::text between {guess} and {guess} || 'zzz'
select count(*) from {t} where position({guess} in {c}::text) > 0
select count(*) from {t} where {c}::text ~ {guess}
select count(*) from {t} where {c}::text similar to {guess}
select count(*) from {t} where starts_with({c}::text, {guess})
select count(*) from {t} where md5({c}::text) = md5({guess})
select count(*) from {t} where left({c}::text, 3) = left({guess}, 3)
select exists (select from {t} where {c}::text like {guess})
select {k} in (select {k} from {t} where {c}::text like {guess}) from {t}
select case when {c}::text like {guess} then 1 else 0 end from {t}
select count(*) filter (where {c}::text like {guess}) from {t}
select sum(case when {c}::text > {guess} then 1 end) from {t}
select rank({guess}) within group (order by {c}::text) from {t}
select {k} from {t} order by {c}::text like {guess} desc limit 3
select {k} from {t} order by ({c}::text = {guess}) desc limit 3
select count(*) over (order by {k} rows (select count(*) from {t} where {c}::text like {guess}) preceding) from {t}
select {k} from {t} limit (select count(*) from {t} where {c}::text like {guess})
select {k} from {t} offset (select count(*) from {t} where {c}::text like {guess})
select 1 from {t} group by {k} having max({c}::text) like {guess}
select count(*) from {t} as a join (values ({guess})) as v(q) on a.{c}::text like v.q
select count(*) from {t} tablesample bernoulli ((select 100 * count(*) from {t} where {c}::text like {guess}))
select 1 / (select count(*) from {t} where {c}::text like {guess})
select nullif({c}::text like {guess}, false) from {t}
select ({c}::text like {guess})::int from {t}
select bool_or({c}::text like {guess}) from {t}
select {c}::text > {guess} from {t}
with w as (select {k} from {t} where {c}::text like {guess}) select count(*) from w
explain select 1 from {t} where {c}::text like {guess}
update {t} set {k} = {k} where {c}::text like {guess}
delete from {t} where {c}::text like {guess}
copy (select count(*) from {t} where {c}::text like {guess}) to stdout
select count(*) from {t} where {c} > {value}
select count(*) from {t} where {c} >= {value} and {c} is not null
select count(*) from {t} where not ({c} <= {value})
select count(*) from {t} where ({c}, 1) > ({value}, 1)
select count(*) from {t} where greatest({c}, {value}) = {c}
select count(*) from {t} where {c} between {value} and {value}
select {k} from {t} where {c} > {value} order by {k} limit 20
select exists (select from {t} where {c} < {value})
select count(*) from {t} where {c} > any (array[{value}])
select 1 / count(*) from {t} where {c} > {value}
select 1 / (count(*) filter (where {c}::text = {guess})) from {t}
select ({c}::text = {guess})::text::int from {t}
select ('{1,' || case when {c}::text = {guess} then '}' else '2' end)::int[] from {t}
select (array[1])[case when {c}::text = {guess} then 1 else 2 end] from {t}
select repeat('x', case when {c}::text = {guess} then 1 else 0 end) from {t} order by 1 desc limit 1
select sum(x) from generate_series(1, (select count(*) from {t} where {c}::text like {guess})) as x
select {k} from {t} where {k} in (select {k} from {t} where {c}::text ilike {guess})
select count(*) from {t} as a join {t} as b on a.{c}::text like {guess} and a.{k} = b.{k}
select count(*) from {t} left join lateral (select 1 where {c}::text like {guess}) as a(x) on true where x = 1
select count(*) from {t} where case when {c}::text like {guess} then 1 / 0 end is null
explain (costs off) select 1 from {t} where {c}::text like {guess}
explain analyze select 1 from {t} where {c}::text like {guess}
declare attack cursor for select 1 from {t} where {c}::text like {guess}
