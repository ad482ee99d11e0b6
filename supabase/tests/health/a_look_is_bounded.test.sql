begin;
select plan(2);

create function pg_temp.looked_at(of text) returns integer language sql as $$
  select (regexp_match(c ->> 'detail', 'of (\d+) '))[1]::integer
  from health(), jsonb_array_elements(checks) as c
  where c ->> 'name' = of;
$$;
-- given more than anybody has analyzed
select private.ensure_account('ada-' || n) from generate_series(1, 2500) as n;
select set_config('request.jwt.claims', '{"role": "service_role"}', true);
select grant_credits('ada-1', 1);
insert into private.credit_balances
select (jsonb_populate_record(b, jsonb_build_object('user_id', a.user_id))).*
from private.credit_balances as b, accounts as a
where a.user_id <> b.user_id;
insert into usage_totals (user_id, period_started_at, period_ends_at, period, used)
select user_id, now(), now() + interval '1 day', '1 day', '0' from accounts;
select cmp_ok(pg_temp.looked_at('ledger'), '<=', 2000, 'not all balances are looked at');
select cmp_ok(pg_temp.looked_at('usage_totals'), '<=', 400, 'nor all totals');

select * from finish();
rollback;
