begin;
select plan(19);

select tests.act_as('service_role');
create temporary table lot as select * from grant_credits('ada', 10);
create temporary table held as select * from hold_credits('ada', 6);
select results_eq(
  'select user_id, credits, status, expires_at - created_at from held',
  $$values ('ada', 6::numeric, 'live', interval '15 minutes')$$, 'a hold'
);
select tests.sign_in_as('ada');
select results_eq(
  'select balance, held, available, version from get_credit_balance()',
  'values (10::numeric, 6::numeric, 4::numeric, 2::bigint)', 'is not available'
);
select tests.act_as('service_role');
select throws_ok($$select record_usage('ada', 5)$$, 'PT402', 'insufficient_credits', 'to another charge');

-- settled with less: the rest is free again
select results_eq(
  'select u.credits, u.balance, u.available from held, record_usage(''ada'', 2, hold_id => held.id) as u',
  'values (2::numeric, 8::numeric, 8::numeric)', 'its own charge settles it'
);
select throws_ok(
  format($$select record_usage('ada', 1, hold_id => %L)$$, id), 'PT409', 'hold_closed', 'once'
) from held;
select is((release_hold(id)).status, 'settled', 'releasing it then says so and changes nothing') from held;

-- settled with more
create temporary table second as select * from hold_credits('ada', 6);
select throws_ok(
  format($$select record_usage('ada', 8.5, hold_id => %L)$$, id), 'PT402', 'insufficient_credits',
  'more than held only as far as available'
) from second;
select is((record_usage('ada', 8, hold_id => id)).balance, 0::numeric, 'which is the hold and the rest') from second;

-- released
create temporary table lot2 as select * from grant_credits('ada', 5);
create temporary table third as select * from hold_credits('ada', 5);
select is((release_hold(id)).status, 'released', 'a release') from third;
select is((release_hold(id)).status, 'released', 'again') from third;
select is((record_usage('ada', 1)).available, 4::numeric, 'frees it') from third;
select throws_ok(
  format($$select record_usage('ada', 1, hold_id => %L)$$, id), 'PT409', 'hold_closed', 'and closes it'
) from third;

-- of somebody else, or of nobody
select throws_ok(
  format($$select record_usage('bob', 0, hold_id => %L)$$, id), 'PT404', 'hold_not_found', 'another''s'
) from third;
select throws_ok(
  format($$select record_usage('bob', 0, hold_id => %L, overdraft => true)$$, id), 'PT404', 'hold_not_found',
  'another''s, with overdraft'
) from third;
select throws_ok($$select release_hold(gen_random_uuid())$$, 'PT404', 'hold_not_found', 'an unknown one');
select throws_ok(
  $$select record_usage('ada', 1, hold_id => gen_random_uuid())$$, 'PT404', 'hold_not_found', 'to charge'
);
select is_empty($$select * from usage_logs where user_id = 'bob'$$, 'and nothing was recorded');
select tests.sign_out();
select is(version, 9::bigint, 'each that changed something counts') from accounts where user_id = 'ada';
select is_empty('select * from private.check_ledger()', 'and the ledger adds up');

select * from finish();
rollback;
