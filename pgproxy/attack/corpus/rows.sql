select x from {t} as x limit 40
select x.*::text from {t} as x limit 40
select (x).{c} from {t} as x limit 40
select {c}(x) from {t} as x limit 40
select x::text from {t} as x limit 40
select row(x.*)::text from {t} as x limit 40
select row_to_json(x), to_json(x), to_jsonb(x) from {t} as x limit 40
select to_jsonb(x) - 'no such key' from {t} as x limit 40
select jsonb_each_text(to_jsonb(x)) from {t} as x limit 40
select json_agg(x) from {t} as x limit 40
select array_agg(x) from {t} as x limit 40
select string_agg(x::text, ',') from {t} as x limit 40
select (select x) from {t} as x limit 40
select y.* from {t} as x, lateral (select x.*) as y
select y.r from {t} as x, lateral (select x as r) as y
select (y.r).{c} from (select x as r from {t} as x) as y
select r.{c} from {t} as x, lateral jsonb_populate_record(null::{t}, to_jsonb(x)) as r
select format('%s', x), concat(x), quote_literal(x::text) from {t} as x limit 40
select hash_record_extended(x, 0) from {t} as x limit 40
select x = y from {t} as x, {t} as y limit 40
select max(x::text) from {t} as x limit 40
select row_to_json(y) from (select {c} from {t}) as y
select y::text from (select {c} from {t}) as y
