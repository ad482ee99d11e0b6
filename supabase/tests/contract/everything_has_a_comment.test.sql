begin;
select plan(3);

select is_empty(
  $$select p.oid::regprocedure from pg_proc as p
  where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
    and obj_description(p.oid, 'pg_proc') is null$$,
  'each function'
);
select is_empty(
  $$select c.oid::regclass from pg_class as c
  where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
    and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition and obj_description(c.oid, 'pg_class') is null$$,
  'each table and view'
);
select is_empty(
  $$select t.oid::regtype from pg_type as t inner join pg_class as c on c.oid = t.typrelid
  where t.typnamespace in ('public'::regnamespace, 'private'::regnamespace)
    and c.relkind = 'c' and obj_description(t.oid, 'pg_type') is null$$,
  'each composite type'
);

select * from finish();
rollback;
