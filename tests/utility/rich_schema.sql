-- One of each kind of object that tools describe. Run by the superuser; "library" is the identity's schema.
create schema library; create schema "Quoted Schema";
create extension if not exists plpgsql;
comment on schema library is 'what the tools look at';
create type library.genre as enum ('novel', 'essay', 'it''s "other"');
create type library.address as (street text, city varchar(40), zip char(5));
create type library.float_range as range (subtype = float8, subtype_diff = float8mi);
create domain library.isbn as text collate "C" not null default '' constraint isbn_form check (value ~ '^[0-9X-]*$');
create domain library.positive as int check (value > 0);
comment on type library.genre is 'kinds'; comment on domain library.isbn is 'a number';
create sequence library.tickets as bigint start 100 increment 5 minvalue 10 maxvalue 100000 cache 3 cycle;
create table library.authors (
  id int generated always as identity primary key, name varchar(80) not null, email text unique, born date,
  home library.address, phones text[], profile jsonb default '{}', "Mixed Case" numeric(10, 2) default 1.5,
  initials text generated always as (upper(substr(name, 1, 1))) stored);
comment on table library.authors is 'people''s names'; comment on column library.authors.email is 'private';
create table library.books (
  isbn library.isbn primary key, title text not null collate "C", author_id int not null references library.authors on delete cascade on update restrict,
  kind library.genre not null default 'novel', pages library.positive, price money, bytes bytea, tags text[] not null default '{}', at timestamptz(3) default now(),
  span tstzrange, spot point, words tsvector, flags bit(3), mac macaddr, host inet, wait interval day to second, id uuid default gen_random_uuid(),
  serial_no bigserial, extra xml, constraint pages_and_title check (pages < 100000 or title <> ''), unique (title, author_id) deferrable initially deferred);
create index books_lower on library.books (lower(title) text_pattern_ops desc nulls last) include (pages) where pages > 10;
create index books_tags on library.books using gin (tags) with (fastupdate = off);
create unique index books_at on library.books (at, serial_no) nulls not distinct;
create index books_hash on library.books using hash (kind);
alter table library.books cluster on books_at; alter table library.books replica identity using index books_pkey;
create table library.loans (
  book text references library.books (isbn) match full deferrable, number int, room text, during daterange, primary key (book, number),
  exclude using gist (during with &&) where (room = 'reading'));
create table library.loan_notes (id smallserial primary key, book text, number int, note text, foreign key (book, number) references library.loans on delete set null (number));
create table library.visits (id bigint, at timestamptz not null, region text, email text, primary key (id, at, region)) partition by range (at);
create table library.visits_2026 partition of library.visits for values from ('2026-01-01') to ('2027-01-01') partition by list (region);
create table library.visits_2026_eu partition of library.visits_2026 for values in ('eu', null);
create table library.visits_2026_rest partition of library.visits_2026 default;
create table library.visits_old partition of library.visits default;
create index on library.visits (region, at desc);
create table library.hashed (k int) partition by hash (k);
create table library.hashed_0 partition of library.hashed for values with (modulus 2, remainder 0);
create table library.media (id int primary key, title text); create table library.films (minutes int) inherits (library.media);
create unlogged table library.scratch (a int, b int, dropped text, c int) with (fillfactor = 70, autovacuum_enabled = false);
alter table library.scratch drop column dropped; alter table library.scratch alter b set statistics 77, alter b set storage plain;
create table library.typed of library.address;
create table "Quoted Schema"."Odd ""Name" ("Select" int primary key, "with space" text default 'a''b');
create view library.directory as select a.id, a.name, a.email, count(b.isbn) as books from library.authors a left join library.books b on b.author_id = a.id group by a.id;
create view library.checked with (security_barrier, security_invoker) as select id, name from library.authors where id > 0 with local check option;
comment on view library.directory is 'who wrote how much';
create materialized view library.per_kind as select kind, count(*) as n from library.books group by kind with data;
create unique index on library.per_kind (kind);
create function library.twice(n int, out result int) language sql immutable strict as 'select n * 2';
create function library.titles(who int default 1, variadic more int[] default '{}') returns table (isbn text, title text) language sql stable as 'select isbn::text, title from library.books where author_id = who';
create function library.touched() returns trigger language plpgsql as $$ begin new.at := now(); return new; end $$;
create procedure library.archive(in year int, inout moved int default 0) language plpgsql as $$ begin moved := year; end $$;
create aggregate library.total (int) (sfunc = int4pl, stype = int, initcond = '0');
create operator library.=== (leftarg = int, rightarg = int, function = int4eq, commutator = operator(library.===));
create cast (library.address as text) with inout as assignment;
comment on function library.twice(int) is 'two times';
create trigger touch before insert or update of title on library.books for each row when (new.title is not null) execute function library.touched('x');
create rule no_delete as on delete to library.hashed do instead nothing;
create statistics library.kinds (dependencies, ndistinct) on kind, pages from library.books;
alter table library.authors enable row level security; create policy own on library.authors for select to public using (id > 0);
create collation library.plain (provider = libc, locale = 'C');
create text search configuration library.plain (copy = simple);
create publication library_books for table library.books (isbn, title) where (title is not null);
create foreign data wrapper elsewhere; create server far foreign data wrapper elsewhere options (host 'far.example');
create user mapping for public server far options (user 'they', password 'a secret of the mapping');
create foreign table library.remote (id int options (column_name 'x'), word text) server far options (table_name 'there');
insert into library.authors (name, email, born, home, phones) values
  ('Ada', 'ada@private.example', '1815-12-10', row('Lane 1', 'London', '11111'), '{"+44 1","+44 2"}'), ('Bo', 'bo@private.example', '1970-01-01', null, null);
insert into library.books (isbn, title, author_id, pages) values ('1-2', 'First', 1, 100), ('3-4', 'Second', 1, 20), ('5-X', 'Third', 2, 300);
insert into library.visits values (1, '2026-05-01', 'eu', 'v@private.example'), (2, '2020-01-01', 'us', null);
select lo_create(77001);
analyze;
