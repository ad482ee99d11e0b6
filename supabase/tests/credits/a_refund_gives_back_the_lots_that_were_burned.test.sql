begin;
select plan(16);

-- given a charge that burned two lots, and one that burns before both now
select tests.act_as('service_role');
create temporary table a as select * from grant_credits('ada', 3);
create temporary table b as select * from grant_credits('ada', 10);
create temporary table charged as select * from record_usage('ada', 5, thread_id => 't');
create temporary table c as select * from grant_credits('ada', 10, priority => 1);
create temporary table spent as select * from record_usage('ada', 4);
create temporary table refund as select r.* from charged, refund_usage(charged.usage_log_id, 'bad answer') as r;
select results_eq(
  'select usage_log_id, user_id, thread_id, credits, balance, available, version, created_at from refund',
  'select usage_log_id, user_id, thread_id, 5::numeric, 19::numeric, 19::numeric, 6::bigint, created_at from charged',
  'the receipt is of that charge'
);
select is(refunded_at > created_at, true, 'refunded after it was made') from refund;
select is(refund.lots, charged.lots, 'exactly what it burned') from refund, charged;
select results_eq(
  'select remaining from credit_grants order by created_at',
  'values (3::numeric), (10::numeric), (6::numeric)', 'is back where it came from'
);
select results_eq(
  $$select grant_id, credits from credit_usage where kind = 'refund' order by id$$,
  'select id, -3::numeric from a union all select id, -2::numeric from b', 'with negative lines'
);
select is(l.refunded_at, refund.refunded_at, 'the log says when')
from usage_logs as l inner join refund on refund.usage_log_id = l.id;

-- again
select is(to_jsonb(refund_usage(usage_log_id, 'another reason')), to_jsonb(refund), 'the same receipt') from refund;
select is(count(*), 2::bigint, 'and no line more') from credit_usage where kind = 'refund';
select is((record_usage('ada', 0)).version, 7::bigint, 'nor a transition');

-- totals of usage stay
select tests.sign_in_as('ada');
select is((get_credit_balance()).used_this_period, 9::numeric, 'what was used stays used');
select tests.sign_out();
select is(credits, 5::numeric, 'by the thread too') from private.thread_totals;
-- and a lot that was empty burns again, in its place
select tests.act_as('service_role');
select is(
  (record_usage('ada', 7)).lots,
  (select jsonb_build_array(
    jsonb_build_object('grant_id', c.id, 'credits', 6), jsonb_build_object('grant_id', a.id, 'credits', 1)
  ) from a, c), 'in its place'
);
select throws_ok($$select refund_usage(gen_random_uuid(), 'x')$$, 'PT404', 'usage_log_not_found', 'an unknown log');
select throws_ok($$select refund_usage(null, 'x')$$, 'PT422', 'invalid_argument', 'no log');
select throws_ok(format($$select refund_usage(%L, null)$$, usage_log_id), 'PT422', 'invalid_argument', 'no reason')
from charged;
select tests.sign_out();
select is_empty('select * from private.check_ledger()', 'and the ledger adds up');

select * from finish();
rollback;
