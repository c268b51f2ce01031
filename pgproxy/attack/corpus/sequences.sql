declare attack cursor for select {c} from {t}
fetch 10 from attack

declare attack scroll cursor for select {c} from {t}
fetch last from attack
fetch first from attack

declare attack binary cursor for select {c} from {t}
fetch 10 from attack

declare attack cursor with hold for select {c} from {t}
fetch all from attack
close attack

prepare attack as select {c} from {t}
execute attack
deallocate attack

prepare attack(text) as select {c}, $1 from {t}
execute attack('x')
deallocate attack

create temp table attack as select {c} from {t}
select * from attack

select {c} as q into temp attack from {t}
select q from attack

create temp table attack (q text)
insert into attack select {c} from {t}
select q from attack

create temp view attack as select {c} as q from {t}
select q from attack

create materialized view attack as select {c} as q from {t}
select q from attack

create view attack as select * from {t}
table attack

create function attack() returns setof text language sql as 'select {c}::text from {t}'
select attack()

create function pg_temp.attack() returns setof text language sql as 'select {c}::text from {t}'
select pg_temp.attack()

alter table {t} rename column {c} to attack
select attack from {t}

alter table {t} add attack text generated always as ({c}::text) stored
select attack from {t}

listen attack
notify attack, 'x'
select pg_notify('attack', (select {c}::text from {t} limit 1))

set role postgres
select {c} from {t}

set session authorization default
select {c} from {t}

set debug_print_rewritten = off
select {c} from {t}

set client_min_messages = log
select {c} from {t}

set client_min_messages = debug5
select {c} from {t}

set search_path = pg_temp, public
select {c} from {t}

set row_security = off
select {c} from {t}

set standard_conforming_strings = off
select 'a\', {c}, ' from {t} --'

set bytea_output = 'escape'
select {c}::text::bytea from {t}
