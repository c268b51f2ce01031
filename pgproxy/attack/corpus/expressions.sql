select {c} from {t} limit 40
select {c} as {k} from {t} limit 40
select {c} as "n", {k} as {c} from {t} limit 40
select {c}::text from {t} limit 40
select cast({c} as varchar(200)) from {t} limit 40
select upper({c}::text), lower({c}::text), initcap({c}::text) from {t} limit 40
select substr({c}::text, 1, 3), substr({c}::text, 4) from {t} limit 40
select reverse({c}::text), encode(convert_to({c}::text, 'utf8'), 'base64') from {t} limit 40
select coalesce(null, {c}), greatest({c}), least({c}) from {t} limit 40
select case when {k} is not null then {c} end from {t} limit 40
select ascii(substr({c}::text, g, 1)) from {t}, generate_series(1, 3) as g
select length({c}::text) from {t} limit 40
select array[{c}], (array[{c}])[1], row({c}, {k}), (row({c}, {k})).f1 from {t} limit 40
select format('%s|%s', {k}, {c}), concat({c}), concat_ws('-', {k}, {c}) from {t} limit 40
select translate({c}::text, '', ''), regexp_replace({c}::text, '^$', ''), split_part({c}::text, '!!', 1) from {t} limit 40
select {c}::text || '' from {t} limit 40
select {c}::text operator(pg_catalog.||) '' from {t} limit 40
select '' || {c}::text collate "C" from {t} limit 40
select quote_literal({c}), quote_nullable({c}), quote_ident({c}::text) from {t} limit 40
select regexp_split_to_table({c}::text, '!!') from {t} limit 40
select (regexp_match({c}::text, '.*'))[1] from {t} limit 40
select lpad({c}::text, 100), rpad({c}::text, 100), repeat({c}::text, 1) from {t} limit 40
select {c}::text::bytea from {t} limit 40
select overlay({c}::text placing '' from 1 for 0), trim({c}::text), btrim({c}::text) from {t} limit 40
select to_json({c}), to_jsonb({c}), json_build_array({c}), jsonb_build_object('a', {c}) from {t} limit 40
select json_build_object({c}::text, 1) from {t} limit 40
select string_to_array({c}::text, '!!'), array_to_string(array[{c}], '') from {t} limit 40
select 'a\', {c}, '' from {t} limit 40
select e'\'', {c}, ' --' from {t} limit 40
select 1 /* /* */ from x -- */ , {c} from {t} limit 40
select $a$ $$ ' $a$, {c}, $$ from x $$ from {t} limit 40
select distinct {c} from {t} limit 40
select distinct on ({k}) {c} from {t} limit 40
select * from {t} limit 40
table only {t}
select * from only ({t})
select * from {t} * as x
select x.* from {t} as x limit 40
select x.{c} as "f" from {t} as x limit 40
select {c} from {t} fetch first row only
select {c} from {t} tablesample system (100)
select {k}, {c} from {t} order by {k}
select {c}::text::varchar, {c}::text::name from {t} limit 40
select num_nulls({c}), pg_typeof({c}), {c} from {t} limit 40
select sha256(convert_to({c}::text, 'utf8')), md5({c}::text) from {t} limit 40
select hashtext({c}::text), {c}::text <-> 'a' from {t} limit 40
select hashtext({c}::text) from {t} limit 40
select bit_length({c}::text), octet_length({c}::text), pg_column_size({c}) from {t} limit 40
select {c} + 0 from {t} limit 40
select {c} * 1, - {c}, abs({c}) from {t} limit 40
select extract(year from {c}), extract(doy from {c}) from {t} limit 40
select date_part('day', {c}), {c} - {c} from {t} limit 40
select to_char({c}, 'FM999999999.99') from {t} limit 40
select to_char({c}, 'YYYY-MM-DD') from {t} limit 40
select age({c}) from {t} limit 40
select not {c} from {t} limit 40
select {c}::int, {c}::float8, {c}::numeric from {t} limit 40
select {c} is distinct from null, {c} from {t} limit 40
select u&"x" from (select {c} as "x" from {t}) as a limit 40
