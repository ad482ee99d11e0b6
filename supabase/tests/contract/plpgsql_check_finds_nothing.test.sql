begin;
select plan(1);

create extension if not exists plpgsql_check with schema extensions;

select is_empty(
  $$select p.oid::regprocedure, c.level, c.message
  from pg_proc as p
  inner join pg_language as l on l.oid = p.prolang
  left join pg_trigger as t on t.tgfoid = p.oid
  cross join lateral extensions.plpgsql_check_function_tb(
    -- One trigger is made with the partitions that wait to be archived, of which there is none yet.
    p.oid, coalesce(t.tgrelid, case p.prorettype when 'trigger'::regtype then 'public.usage_logs'::regclass else 0 end),
    extra_warnings => true, security_warnings => true, oldtable => t.tgoldtable, newtable => t.tgnewtable
  ) as c
  where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and l.lanname = 'plpgsql'$$,
  'no errors and no warnings in any body'
);

select * from finish();
rollback;
