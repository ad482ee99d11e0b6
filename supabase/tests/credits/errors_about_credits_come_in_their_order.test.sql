begin;
select plan(8);

select tests.act_as('service_role');
create temporary table held as
select h.* from (select grant_credits('ada', 1, idempotency_key => 'used')) as g, hold_credits('ada', 1) as h;
select is((release_hold(id)).status, 'released', 'given a hold that is over, and nothing available but 1') from held;
select throws_ok(call, code, slug, call) from held, lateral (values
  -- arguments, before the key
  ($$select record_usage('ada', -1, idempotency_key => 'used')$$, 'PT422', 'invalid_argument'),
  -- the key, before what is looked up
  ($$select record_usage('ada', model => 'none', idempotency_key => 'used')$$, 'PT409', 'idempotency_conflict'),
  -- what is looked up, before its state and the balance
  (format($$select record_usage('ada', model => 'none', hold_id => %L)$$, id), 'PT404', 'rate_not_found'),
  ($$select record_usage('ada', 5, hold_id => gen_random_uuid())$$, 'PT404', 'hold_not_found'),
  (format($$select record_usage('ada', 5, hold_id => %L)$$, id), 'PT409', 'hold_closed'),
  ($$select refund_usage(gen_random_uuid(), null)$$, 'PT422', 'invalid_argument'),
  ($$select refund_usage(gen_random_uuid(), 'x')$$, 'PT404', 'usage_log_not_found')
) as v (call, code, slug);

select * from finish();
rollback;
