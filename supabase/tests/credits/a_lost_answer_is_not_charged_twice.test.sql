begin;
select plan(16);

select tests.act_as('service_role');
create temporary table lot as select * from grant_credits('ada', 10, idempotency_key => 'grant');
create temporary table first as
select * from record_usage('ada', 10, metadata => '{"a": 1, "b": 2}', idempotency_key => 'charge');
-- the balance has run out, and the retry is answered all the same
select is(
  to_jsonb(record_usage('ada', 10.00, metadata => '{"b": 2.0, "a": 1}', idempotency_key => 'charge')), to_jsonb(first),
  'the same receipt, however the request is spelt'
) from first;
select throws_ok($$select record_usage('ada', 10, idempotency_key => 'new')$$, 'PT402', 'insufficient_credits', 'a new one is not');
select is(count(*), 1::bigint, 'one log') from usage_logs;
select is(count(*), 1::bigint, 'one debit') from credit_usage;
select is(to_jsonb(grant_credits('ada', 10, idempotency_key => 'grant')), to_jsonb(lot), 'a grant likewise') from lot;
create temporary table held as
select * from hold_credits('ada', (grant_credits('ada', 2)).credits, '60 seconds', idempotency_key => 'hold');
select is(
  to_jsonb(hold_credits('ada', 2, '1 minute', idempotency_key => 'hold')), to_jsonb(held), 'a hold too'
) from held;
select is((release_hold(id)).status, 'released', 'and after its release') from held;
select is((hold_credits('ada', 2, '1 minute', idempotency_key => 'hold')).status, 'live', 'as it was made');

-- another request with the key
select throws_ok(call, 'PT409', 'idempotency_conflict', call) from (values
  ($$select record_usage('ada', 10, idempotency_key => 'charge')$$),
  ($$select record_usage('ada', 9, metadata => '{"a": 1, "b": 2}', idempotency_key => 'charge')$$),
  ($$select grant_credits('ada', 10, idempotency_key => 'charge')$$),
  ($$select hold_credits('ada', 2, '2 minutes', 'hold')$$)
) as v (call);
select is((grant_credits('bob', 3, idempotency_key => 'charge')).credits, 3::numeric, 'keys are each user''s own');
select tests.sign_out();
select is(version, 5::bigint, 'repetitions are no transitions') from accounts where user_id = 'ada';
select is(count(*), 5::bigint, 'and tell nothing') from realtime.messages
where event = 'credits:changed' and topic = 'user:ada';
select is_empty('select * from private.check_ledger()', 'the ledger adds up');

select * from finish();
rollback;
