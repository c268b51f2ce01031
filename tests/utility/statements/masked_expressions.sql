-- Expressions over masked columns that fail for no value: they run, and where a value would come out there is NULL.

-- numbers (salary is numeric(10,2))
select sum(salary), avg(salary), min(salary), max(salary), stddev(salary), variance(salary), round(avg(salary), 2) from hr.employees;
select salary * 1.1, salary / 12, salary / 12.0, salary + 500, salary - 0.5, -salary, abs(salary), round(salary, 2), round(salary), ceil(salary), floor(salary / 1000), trunc(salary), salary % 100, mod(salary, 7) from hr.employees;
select sum(salary * 1.1), avg(salary / 12), sum(salary) / count(*), sum(salary) / nullif(count(salary), 0), round(100.0 * sum(salary) / 12, 1), sum(salary) filter (where title = 'lead') from hr.employees;
select salary * department_id, salary * 12 * 1.05 + 1000, salary::int, salary::bigint, salary::float8, salary::numeric(14,2), avg(salary) over (partition by department_id)::numeric(12,2), salary::float8 / 12 from hr.employees;
select coalesce(salary, 0) * 1.1, coalesce(salary, 0)::int, greatest(salary, 1000) * 2, case when title = 'lead' then salary * 1.2 else salary end * 12, nullif(salary, 0) / 12 from hr.employees;
select percentile_cont(0.5) within group (order by salary), percentile_disc(0.9) within group (order by salary), mode() within group (order by salary) from hr.employees;
select max(x), avg(x), sum(x * 2) from (select salary * 1.1 as x from hr.employees) q;
with monthly as (select department_id, salary / 12 as pay from hr.employees) select avg(pay), round(sum(pay), 2), max(pay) * 12 from monthly;
select salary::text, to_char(salary, 'FM999,999.00'), to_char(salary, '999999D99'), salary || ' EUR', format('%s EUR', salary) from hr.employees;
select sum(salary) over w, salary - lag(salary) over w, avg(salary) over w from hr.employees window w as (order by id);

-- texts
select upper(email), lower(email), length(email) + 1, length(email) * 2, substr(email, 1, 3), substring(email from 2 for 4), substr(email, 2), left(email, 3), right(email, -2), split_part(email, '@', 2), initcap(email) from customers;
select concat(name, ' <', email, '>'), concat_ws(', ', email, phone), email || ' ' || phone, name || ' ' || upper(email), coalesce(email, 'none'), coalesce(email, phone, ''), nullif(email, ''), lower(trim(email)) || '!' from customers;
select replace(phone, ' ', ''), replace(replace(phone, ' ', ''), '+', '00'), translate(phone, '+ ', '0'), regexp_replace(phone, '[^0-9]', '', 'g'), reverse(email), md5(email), strpos(email, '@'), position('@' in email), substr(email, position('@' in email) + 1), left(email, strpos(email, '@') - 1), substring(email from '@(.*)$') from customers;
select lpad(email, 10, '*'), rpad(left(email, 1), 10, '*'), repeat('*', 8) || right(phone, 4), encode(sha256(convert_to(email, 'UTF8')), 'hex'), btrim(notes), email::varchar(20), email::char(5), octet_length(notes), ascii(email) from customers;
select min(email), max(phone), string_agg(email, ', '), string_agg(lower(email), ',' order by id), array_agg(phone) from customers;
select email like '%@%', email ilike 'a%', email ~ '^a', starts_with(email, 'c'), email is distinct from 'x', email = 'x', email in ('a', 'b'), email between 'a' and 'b', email > 'm' from customers;
select upper(full_address), full_address || '!' from (select email || ' ' || phone as full_address from customers) q;
select json_build_object('email', email, 'born', birth_date), jsonb_build_object('email', email, 'n', id), jsonb_build_array(email, phone), to_jsonb(email), json_agg(email), jsonb_agg(email) from customers group by id, email, birth_date, phone;

-- times (birth_date is date)
select extract(year from birth_date), date_part('year', birth_date), date_trunc('month', birth_date), date_trunc('year', birth_date)::date, extract(epoch from birth_date), extract(dow from birth_date) from customers;
select now() - birth_date, current_date - birth_date, age(birth_date), age(now(), birth_date), extract(year from age(birth_date)), date_part('year', age(birth_date))::int, extract(year from age(birth_date))::int, floor((current_date - birth_date) / 365.25), (current_date - birth_date) / 365 from customers;
select birth_date + 30, birth_date - 1, birth_date + interval '18 years', birth_date - interval '1 month', birth_date::timestamp, birth_date::timestamptz, to_char(birth_date, 'YYYY-MM'), birth_date::text, signup_date - birth_date, birth_date at time zone 'Europe/Berlin', birth_date < current_date, extract(year from birth_date)::int, avg(now() - birth_date) over (), min(birth_date) over () from customers;
select min(birth_date), max(birth_date), max(age(birth_date)), avg(current_date - birth_date), avg(extract(year from age(birth_date))) from customers;

-- documents
select profile -> 'labels' -> 0, profile ->> 'address', profile #>> '{labels,0}', profile #> '{labels}', upper(profile ->> 'address'), profile ? 'x', profile @> '{"address": "x"}', jsonb_typeof(profile -> 'labels'), (profile ->> 'address') || ' street' from customers;
