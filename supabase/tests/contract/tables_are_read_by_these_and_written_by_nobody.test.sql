begin;
select plan(4);

select is_empty(
  $$select c.oid::regclass, r, p from pg_class as c,
    unnest(array['anon', 'authenticated', 'service_role', 'hourglass_worker']) as r,
    unnest(array['insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as p
  where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
    and c.relkind in ('r', 'p', 'v') and has_table_privilege(r, c.oid, p)
    and c.oid <> 'webhook_endpoints'::regclass$$,
  'no role of the API writes a table'
);
select results_eq(
  $$select a.grantee::regrole::text, a.privilege_type collate "default"
  from pg_class as c cross join lateral aclexplode(c.relacl) as a
  where c.oid = 'webhook_endpoints'::regclass and a.grantee <> c.relowner order by 2$$,
  $$values ('service_role', 'DELETE'), ('service_role', 'INSERT'), ('service_role', 'SELECT'), ('service_role', 'UPDATE')$$,
  'but for webhooks, which back ends write and nobody else sees'
);
select is_empty(
  $$select c.oid::regclass, r from pg_class as c, unnest(array['anon', 'hourglass_worker']) as r
  where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
    and c.relkind in ('r', 'p', 'v') and has_table_privilege(r, c.oid, 'select')$$,
  'anon and the worker read none'
);
select results_eq(
  $$select c.relname::text collate "default" from pg_class as c
  where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
    and c.relkind in ('r', 'p', 'v') and has_table_privilege('authenticated', c.oid, 'select') order by 1$$,
  array[
    'account_usage', 'accounts', 'credit_grants', 'credit_holds', 'credit_purchases', 'credit_usage',
    'model_rates', 'notifications', 'plans', 'reading_sessions', 'session_daily', 'session_events', 'session_participants',
    'usage_daily', 'usage_hourly', 'usage_intervals', 'usage_logs', 'usage_sessions', 'usage_totals', 'user_sessions'
  ],
  'users read these, each their own rows and rooms'
);

select * from finish();
rollback;
