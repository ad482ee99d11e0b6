begin;
select plan(8);

select is(count(*), 4::bigint, 'given people')
from (values
  ('u1', 'ada@example.com', 'Ada_Lovelace'), ('u2', 'bob@example.com', '100% Bob'), ('U3\x', null, 'ÄNNE'), ('u4', null, null)
) as p (id, email, name)
cross join lateral set_account(p.id, email => p.email, display_name => p.name) as a;
create function pg_temp.found(search text) returns text language sql as $$
  select coalesce(string_agg(r ->> 'user_id', ' ' order by r ->> 'user_id'), '')
  from get_usage_overview(search => search) as o cross join lateral jsonb_array_elements(o.rows) as r;
$$;
grant execute on function pg_temp.found to service_role;
select tests.act_as('service_role');
select is(pg_temp.found('EXAMPLE.com'), 'u1 u2', 'by e-mail, in any case');
select is(pg_temp.found('lovelace'), 'u1', 'by name');
select is(pg_temp.found('u4'), 'u4', 'by id');
select is(pg_temp.found('änne'), 'U3\x', 'letters beyond ASCII too');
select is(pg_temp.found('%'), 'u2', 'a percent sign is itself');
select is(pg_temp.found('_'), 'u1', 'so is an underscore');
select is(pg_temp.found('\'), 'U3\x', 'and a backslash');

select * from finish();
rollback;
