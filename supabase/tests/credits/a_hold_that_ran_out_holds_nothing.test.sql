begin;
select plan(13);

select tests.act_as('service_role');
create temporary table lot as select * from grant_credits('ada', 10);
create temporary table held as select * from hold_credits('ada', 6, '1 minute');
create temporary table other as select * from hold_credits('ada', 1, '1 hour');
select tests.sign_out();
select tests.age('ada', '2 minutes');

-- before anything has stored it
select is(status, 'live', 'given one whose end is not stored') from credit_holds where id = (select id from held);
select tests.sign_in_as('ada');
select results_eq(
  'select balance, held, available, version from get_credit_balance()',
  'values (10::numeric, 1::numeric, 9::numeric, 3::bigint)', 'it holds nothing'
);
select tests.act_as('service_role');
select throws_ok(
  format($$select record_usage('ada', 1, hold_id => %L)$$, id), 'PT409', 'hold_closed', 'settling it is refused'
) from held;
-- the work that was done is not lost
select results_eq(
  'select u.credits, u.available from held, record_usage(''ada'', 2, hold_id => held.id, overdraft => true) as u',
  'values (2::numeric, 7::numeric)', 'but recorded with overdraft'
);
select is((release_hold(id)).status, 'expired', 'releasing it says so') from held;
select is((release_hold(id)).status, 'expired', 'again') from held;
select tests.sign_out();
select is(version, 4::bigint, 'and counts for nothing') from accounts where user_id = 'ada';

-- when the sweep is first
select tests.age('ada', '1 hour');
delete from realtime.messages;
select is(done_count, 1, 'the sweep') from private.expire_due_credits();
select is(done_count, 0, 'once') from private.expire_due_credits();
select is(status, 'expired', 'stores it') from credit_holds where id = (select id from other);
select is(version, 4::bigint, 'which is no transition') from accounts where user_id = 'ada';
select results_eq(
  $$select topic, event, payload -> 'version', payload #> '{balance,held}' from realtime.messages$$,
  $$values ('user:ada', 'credits:changed', '4'::jsonb, '0'::jsonb)$$, 'and tells'
);
select is_empty('select * from private.check_ledger()', 'and the ledger adds up');

select * from finish();
rollback;
