select max({c}::text), min({c}::text) from {t}
select string_agg({c}::text, ',' order by {k}) from {t}
select array_agg({c} order by {k}), json_agg({c}), jsonb_object_agg({k}, {c}) from {t}
select mode() within group (order by {c}::text) from {t}
select percentile_disc(0.5) within group (order by {c}::text) from {t}
select max({c}::text) filter (where {k} is not null) from {t}
select json_object_agg({k}, {c}) from {t}
select max({c}), min({c}) from {t}
select sum({c}::text::numeric), avg({c}::text::numeric) from {t}
select sum({c}), avg({c}), stddev({c}) from {t}
select {k}, max({c}) from {t} group by {k}
select any_value({c}) from {t}
select max({c}) over (partition by {k}), sum(1) over (order by {k}) from {t}
select percentile_cont(0.5) within group (order by {c}) from {t}
