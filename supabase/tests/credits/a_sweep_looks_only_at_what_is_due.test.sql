begin;
select plan(2);

select tests.act_as('service_role');
select grant_credits(n::text, 1, expires_at => now() + interval '1 hour', idempotency_key => 'k')
from generate_series(1, 1000) as n;
select tests.sign_out();
analyze private.credit_balances, private.idempotency_keys;
create function pg_temp.rows_read() returns bigint language sql volatile as $$
  select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint
  from pg_stat_xact_user_tables
  where relname in ('credit_balances', 'idempotency_keys');
$$;
create function pg_temp.rows_read_by(call text) returns bigint language plpgsql as $$
declare
  v_before bigint := pg_temp.rows_read();
begin
  execute call;
  return pg_temp.rows_read() - v_before;
end
$$;
select cmp_ok(pg_temp.rows_read_by(call), '<', 100::bigint, call)
from (values ('select private.expire_due_credits(10)'), ('select private.forget_old_keys(10)')) as v (call);

select * from finish();
rollback;
