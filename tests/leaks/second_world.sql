-- Other secrets, everything else the same.
update users set ssn = lpad(((id*37+11)%900+100)::text,3,'0')||'-'||(10+id)||'-1111', email = 'z'||(id*3)||'@other.net',
phone = '777-'||id, salary = (id*7919)%50000+3, notes = 'x'||id, profile = jsonb_build_object('ssn',(id*13)::text);
update orders set card_number = '5999-'||(id*3); refresh materialized view mv_users; analyze;
