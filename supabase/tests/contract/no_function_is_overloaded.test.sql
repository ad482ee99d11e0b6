begin;
select plan(1);

select is_empty(
  $$select p.proname from pg_proc as p
  where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
  group by p.pronamespace, p.proname having count(*) > 1$$,
  'PostgREST cannot resolve an overload'
);

select * from finish();
rollback;
