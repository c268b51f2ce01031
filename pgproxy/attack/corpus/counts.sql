select g from {t}, generate_series(1, length({c}::text)) as g limit 40
select {k} from {t} where length({c}::text) % 2 = 0
select {k} from {t}, generate_series(1, ascii({c}::text)) as g limit 250
select {k} from {t} order by {c} limit 40
select {k} from {t} order by {c} desc limit 40
select {k} from {t} order by length({c}::text), {k} limit 40
select row_number() over (order by {c}), {k} from {t} limit 40
select rank() over (order by {c}), {k} from {t} limit 40
select ntile(4) over (order by {c}), {k} from {t} limit 40
select {k}, lag({k}) over (order by {c}, {k}) from {t} limit 40
select a.{k}, (select count(*) from {t} as b where b.{c} < a.{c}) from {t} as a limit 20
select {k} from {t} where {c} > (select min({c}) from {t})
select array_agg({k} order by {c}) from {t}
select string_agg({k}::text, ',' order by {c}) from {t}
select width_bucket(ascii({c}::text), 0, 256, 16), {k} from {t} limit 40
select case when ascii({c}::text) > 77 then 'a' else 'b' end, {k} from {t} limit 40
select ascii({c}::text) > 52, {k} from {t} limit 40
select {k}, count(*) from {t} group by {k}, {c} order by min({c}) limit 40
