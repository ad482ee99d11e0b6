begin;
select plan(1);

select is_empty(
  $$select p.oid::regprocedure from pg_proc as p
  where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
    and not coalesce(p.proconfig @> array['search_path=""'], false)$$,
  'no function trusts the search_path of its caller'
);

select * from finish();
rollback;
