begin;
select plan(1);

-- Of what a function sets, PostgREST gives this to the transaction that calls it.
select results_eq(
  $$select p.proname::text collate "default", s collate "default" from pg_proc as p, unnest(p.proconfig) as s
  where p.pronamespace = 'public'::regnamespace and s like 'statement_timeout=%'$$,
  $$values ('erase_user', 'statement_timeout=60s')$$,
  'somebody with years of logs is erased through the API too'
);

select * from finish();
rollback;
