select count(*) from {t} where {c}::text = {guess}
select count(*) from {t} where {c} = {value}
select {k} from {t} where {c} in ({value}, {value})
select {k} from {t} where {c} = any (array[{value}]) order by {k} limit 20
select count(*) from {t} where {c} <> {value}
select count(*) from {t} where {c} is distinct from {value}
select count(*) from {t} where nullif({c}, {value}) is null
select case {c} when {value} then 1 else 0 end, {k} from {t} order by {k} limit 40
select count(*) from {t} as a join (values ({guess})) as v(q) on a.{c}::text = v.q
select count(*) filter (where {c} = {value}) from {t}
select {k} from {t} group by {k}, {c} having {c} = {value} order by {k} limit 20
select 1 from {t} where ({c}, 1) = ({value}, 1) limit 1
select exists (select 1 from {t} where {c} = {value} and {k} is not null)
