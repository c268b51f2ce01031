copy {t} to stdout
copy {t} to stdout (format csv, header)
copy {t} to stdout (format binary)
copy {t} ({c}) to stdout
copy (select {c} from {t}) to stdout
copy (select {c} from {t}) to stdout (format csv)
copy (select {c} from {t}) to stdout (format binary)
copy (select x from {t} as x) to stdout
copy (with c as (select {c} from {t}) select * from c) to stdout
copy (select {c} from {t} order by {c}) to stdout
explain select {c} from {t}
explain analyze select {c} from {t}
explain (verbose, format json) select {c} from {t}
do $$ begin raise notice '%', (select {c} from {t} limit 1); end $$
do $$ begin raise exception '%', (select {c} from {t} limit 1); end $$
do $$ begin perform set_config('application_name', (select {c}::text from {t} limit 1), false); end $$
select 1; select {c} from {t}
select {c} from {t}; select {c} from {t}
begin; select {c} from {t}
select 1 as "x;", {c} from {t}
update {t} set {k} = {k} returning {c}
update {t} set {k} = {k} returning *
update {t} as x set {k} = x.{k} returning x
delete from {t} returning {c}
delete from {t} returning *
with d as (delete from {t} returning {c}) select {c} from d
with u as (update {t} set {k} = {k} returning *) select * from u
insert into {t} select * from {t} returning *
insert into {t} select * from {t} on conflict do nothing returning {c}
merge into {t} as a using {t} as b on a.{k} = b.{k} when matched then update set {k} = a.{k}
select all {c} from {t} for share
copy {t} to program 'cat > /dev/null'
copy {t} to '/dev/null'
copy {t} ({c}) to stdout (format csv, force_quote *)
copy {t} ({c}, {k}) to stdout (delimiter '|', null '')
copy (select {c}::text || '' from {t}) to stdout
copy (table {t}) to stdout (format csv, delimiter ';')
explain (analyze, verbose, format xml) select {c} from {t} order by {c}
do $$ declare v text; begin for v in select {c} from {t} limit 3 loop raise notice '%', v; end loop; end $$
do $$ begin perform 1 / (select 0 * count({c}) from {t}); end $$
do $$ begin assert false, (select {c}::text from {t} limit 1); end $$
call attack((select {c} from {t} limit 1))
select 1; select {c} from {t}; select 2
