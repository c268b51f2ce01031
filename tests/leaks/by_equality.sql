(select ssn from users) except (select '001-45-6789')
select ssn, count(*) from users group by ssn
select ssn, grouping(ssn) from users group by rollup(ssn)
select id from users where ssn = '001-45-6789'
select v.x, u.id from (values ('001-45-6789'),('002-45-6789')) v(x) join users u on u.ssn=v.x
select id from users u where exists (select 1 from orders o where o.card_number = '4111-1' and o.user_id=u.id)
select id from users natural join (select '001-45-6789'::text as ssn) q
select id from users join (select '001-45-6789'::text ssn) q using (ssn)
select name from users where ssn in (select '001-45-6789')
select name from users where ssn = any(array['001-45-6789','x'])
explain verbose select * from users where ssn = '001-45-6789'
prepare p2(text) as select id from users where ssn = $1; execute p2('001-45-6789')
