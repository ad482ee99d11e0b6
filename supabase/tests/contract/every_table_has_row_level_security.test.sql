begin;
select plan(3);

select is_empty(
  $$select c.oid::regclass from pg_class as c
  where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
    and c.relkind in ('r', 'p') and not c.relrowsecurity$$,
  'row level security is on everywhere'
);
select is_empty(
  $$select tablename, policyname from pg_policies where schemaname in ('public', 'private') and cmd <> 'SELECT'$$,
  'and no policy lets anybody write'
);
select is_empty(
  $$select tablename, policyname from pg_policies where schemaname in ('public', 'private') and 'anon' = any(roles)$$,
  'or anon read'
);

select * from finish();
rollback;
