begin;
select plan(11);

create temporary table lot as select * from grant_credits('ada', 10);
create temporary table held as select * from hold_credits('ada', 1);
select throws_ok(tampering, code, null, tampering) from (values
  ('update credit_grants set remaining = 11', '23514'),
  ('update credit_grants set remaining = -1', '23514'),
  ('insert into credit_usage (user_id, grant_id, kind, credits, created_at)
    select user_id, id, ''charge'', 1, now() from credit_grants', '23514'),
  ('insert into credit_usage (user_id, grant_id, kind, credits, created_at)
    select user_id, id, ''expiry'', -1, now() from credit_grants', '23514'),
  ('update credit_holds set status = ''gone''', '23514'),
  ('update private.credit_balances set held = -1', '23514'),
  ('update private.credit_balances set balance = -1', '23514'),
  ('update private.credit_balances set balance = ''NaN'', overdraft = ''NaN'', used = -1', '23514'),
  ('insert into model_rates values (''m'', ''infinity'', 1, 1)', '23514'),
  ('insert into model_rates values (''m'', now(), -1, 1)', '23514'),
  ('insert into plans (id, name, credits_per_period) values (''p'', ''P'', ''NaN'')', '23514')
) as v (tampering, code);

select * from finish();
rollback;
