begin;
select plan(6);

select grant_credits('ada', 2, expires_at => now() + n * interval '1 hour') from generate_series(1, 2000) as n;
select (p).id from (select record_purchase('ada', 5, 1, 'EUR', 'bank', 'r', 'completed') as p) as paid;
select grant_credits('bob', 1000);
select count(*) from record_usage_batch(
  (select jsonb_agg('{"user_id": "bob", "credits": 1}'::jsonb) from generate_series(1, 1000))
);
analyze credit_grants, private.live_lots, credit_usage, credit_holds;
create function pg_temp.rows_read() returns bigint language sql volatile as $$
  select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint
  from pg_stat_xact_user_tables
  where relname in ('credit_grants', 'live_lots', 'credit_usage', 'credit_holds');
$$;
create function pg_temp.rows_read_by(call text) returns bigint language plpgsql as $$
declare
  v_before bigint := pg_temp.rows_read();
begin
  execute call;
  return pg_temp.rows_read() - v_before;
end
$$;
select cmp_ok(pg_temp.rows_read_by(call), '<', 200::bigint, call) from (values
  ('select record_usage(''ada'', 1)'),
  ('select record_usage(''ada'', 21)'),
  ('select hold_credits(''ada'', 1)'),
  ('select grant_credits(''ada'', 1)'),
  ('select private.credit_balance_at(''ada'', clock_timestamp())'),
  ('select record_purchase(''ada'', 5, 1, ''EUR'', ''bank'', ''r'', ''refunded'')')
) as v (call);

select * from finish();
rollback;
